"""Where secrets are kept: the OS keyring, an encrypted file, plain files and the environment, by reference.

Not here: where a secret is used, or any memory of it: each is read again when it is needed.
Start with `store.py`; `docs/adr/0004-secrets.md` says what each keeper protects against, and what not.
"""
