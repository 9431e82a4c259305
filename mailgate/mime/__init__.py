"""Message octets in, message octets out: header fields read and edited, every other octet left alone.

Not here: decisions about what to edit. Start with `headers.py`.
"""
