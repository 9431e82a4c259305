"""Takes mail that the office sends: the SMTP listener, from the greeting to the 250 behind the commit.

Not here: the grammar of commands (`wire/smtp_requests.py`), who may send what (`policy/submission.py`), which way it goes
(`policy/relays.py`). Start at `session.py`.
"""
