"""The store on SQLite: one writer thread with group commit, small bodies inline, large ones as spool files.

Start with `store.py`; `tables.py` is the schema and `docs/spool.md` the promise.
"""
