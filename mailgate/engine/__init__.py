"""The running whole: scheduler, sessions, queue, health, and the commands and queries that windows use.

Not here: any library of the outside world. Start with `engine.py`.
"""
