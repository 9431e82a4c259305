"""IMAPClient behind the port: the one place that knows it and the `imaplib` under it.

It is not where mail is chosen or deleted: `intake/fetch/imap.py` is. Start with `connection.py`.
"""
