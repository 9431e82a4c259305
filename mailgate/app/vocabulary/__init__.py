"""Words of single screens, a module each, in the form of `words.py`, which puts them together."""
