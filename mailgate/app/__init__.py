"""The app in the browser: Flet views over the client, one store per session of a reader.

Plain values first: `store.py` follows the engine, `answers.py` decides what a screen says, `words.py` says it. Drawing
is a function of them (`components/`, `screens/`). Only `web.py` is imported by others; it brings Flet and FastAPI with
it, so import it when the app is served and not before. Start reading with `main.py`.
"""
