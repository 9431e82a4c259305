"""The event loop that the engine runs on: uvloop where the system has it, else asyncio's own.

Measured with `bench/inbound` in pairs: an eighth less CPU a message. Everything works on either; Windows has only the
second.
"""

import asyncio


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop, the quickest there is."""
    try:
        import uvloop  # noqa: PLC0415 not on every system
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
