"""Takes mail in and hands it to an `Acceptor`.

Not here: what happens afterwards. Start with `fetch/session.py`.
"""
