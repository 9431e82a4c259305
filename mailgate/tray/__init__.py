"""The tray icon: a process of its own over the client. Its logic is a model without a screen.

Start with `model.py`.
"""
