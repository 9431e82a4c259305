"""TCP and TLS on asyncio: names are looked up, addresses tried, certificates checked, and every wait has its limit.

No protocol of mail is spoken here. Start with `dialer.py`; what it hands out is in `stream.py`.
"""
