"""The tray icon: a process of its own over the client. Its logic is a model without a screen.

What the icon shows is a pure function of what the engine says (`model.py`, `notices.py`); `follow.py` keeps that up to
date and carries out what the reader clicks, `icons.py` draws, and `pystray_backend.py` alone knows a desktop. The tray
is never the only way in: everything here is also in the app and on the command line. Start with `model.py`.
"""
