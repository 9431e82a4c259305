"""The seams: what the engine needs of the outside world, and what the stages hand to each other, as Protocols.

Speaks in model values alone. Not here: any implementation; those are in `adapters`, and the fakes in `tests/fakes`.
Start with `store.py` and `stages.py`.
"""
