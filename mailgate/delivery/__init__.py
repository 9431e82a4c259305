"""Hands messages to the next hop: one conversation, one result per recipient.

Start with `smtp.py`.
"""
