"""The JSON shapes of the API, version 1: plain structs without behaviour.

Imports nothing of ours, so that an internal type can change and the API stand still. Keys are camelCase on the wire.
Start with `v1.py`; `docs/reference/openapi.json` is the same thing for other languages.
"""
