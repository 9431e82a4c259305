"""Where secrets are kept: the OS keyring, an encrypted file, plain files and the environment, by reference.

Start with `store.py`.
"""
