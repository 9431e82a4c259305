"""TCP and TLS on asyncio: the dialer.

Start with `dialer.py`.
"""
