"""The API from the other side: typed calls, the event stream, and how to find a running engine.

Used by the command line, the tray and the app alike; they see nothing else of ours. Start with `http.py`.
"""
