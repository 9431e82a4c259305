"""The places where a crash would hurt most, by name. A test kills the program at each of them once.

The hook does nothing in an office; the composition root puts a killing one in its place when `MAILGATE_FAIL_POINT`
names a point, such as `accept.committed` or `body.renamed:3` (the third time).
"""

from collections.abc import Callable
from typing import Final

FAIL_POINTS: Final = (
    "body.created",
    "body.written",
    "body.renamed",
    "accept.begun",
    "accept.committed",
    "decide.begun",
    "decide.committed",
    "claim.begun",
    "claim.committed",
    "record.begun",
    "record.committed",
    "durable.synced",
    "durable.begun",
    "durable.committed",
    "deleting.begun",
    "deleting.committed",
    "deleted.begun",
    "deleted.committed",
)

FailPoint = Callable[[str], None]


def harmless(_name: str) -> None:
    """Do nothing: the hook of every real run."""
