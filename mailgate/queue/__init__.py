"""The life of an entry: first to the Processor, then to a Transport, each result recorded.

Not here: how a message is judged or said. Start with `manager.py`.
"""
