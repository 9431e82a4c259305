"""The engine over REST and websocket, on Litestar. Handlers parse, call one command or query, and map.

Not here: decisions. Start with `app.py`.
"""
