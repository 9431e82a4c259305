"""What happens to a message between intake and delivery, as a readable list of steps.

Not here: the decisions themselves (`policy`). Start with `inbound.py`.
"""
