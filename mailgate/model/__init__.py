"""The nouns: frozen values without I/O, shared by every package.

Not here: anything that opens a socket or a file, takes the time, or decides. Start with `entry.py`, the life of a
message in the queue, and `settings.py`, what an office configures.
"""
