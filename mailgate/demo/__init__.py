"""The demo office: a POP3 provider, an internal mail server and sample messages, on loopback.

Start with `office.py`.
"""
