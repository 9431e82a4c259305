"""The composition root: the only place where things are wired.

Start with `run.py`.
"""
