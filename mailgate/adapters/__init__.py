"""The outside world, one module or package per library; only the composition root imports them.

Not here: decisions. Each implements a Protocol of `ports`. Start with `clock.py`, the smallest of them.
"""
