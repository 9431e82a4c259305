"""The parts that screens are built of. Start with `base.py`; `shell.py` is the frame around every screen."""
