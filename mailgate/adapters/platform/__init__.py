"""Every difference between operating systems: files, locks, rights, signals.

Start with `files.py`.
"""
