"""Hands messages to the next hop: one conversation, one result per recipient.

Not here: the queue's decisions about what is tried when. Start with `conversation.py`: one message on one connection.
`pipelined.py` keeps the connections, `opening.py` makes them, `transports.py` chooses between our client and the
library's (`library.py`).
"""
