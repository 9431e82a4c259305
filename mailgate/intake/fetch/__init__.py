"""Download sessions: list, skip what is known, take, commit, acknowledge.

Start with `session.py`; `pop3.py` is the dialogue it drives.
"""
