"""Chance, for what must not come at the same moment everywhere."""

import random

_SOURCE = random.SystemRandom()


def chance() -> float:
    """Return a number from 0 to below 1."""
    return _SOURCE.random()
