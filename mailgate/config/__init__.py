"""The configuration file: read, verified as a whole, every fault named with file, line and remedy.

Not here: the shape of the settings (`model.settings`). Start with `load.py`.
"""
