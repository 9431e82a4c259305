"""The app in the browser: Flet views over the client, one store per session of a reader.

Start with `main.py`.
"""
