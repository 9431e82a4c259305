"""Every difference between operating systems: files, locks, rights, signals, room on the disk.

Not here: what to do about a full disk or a second engine; the callers decide that.
Start with `system.py`, the facts, and `files.py`, the file port of the store.
"""
