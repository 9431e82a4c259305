"""The command line over the client, and the offline verbs it is handed.

Start with `main.py`.
"""
