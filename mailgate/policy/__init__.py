"""Pure decisions: values in, a value out; no I/O, no clock.

Not here: carrying them out. Start with `routing.py`.
"""
