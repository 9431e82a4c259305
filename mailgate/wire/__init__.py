"""Protocols we speak ourselves, sans-I/O: octets in, events out.

Not here: sockets, time, decisions about mail. Start with `dot.py`, then `pop3.py`.
"""
