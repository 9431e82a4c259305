"""An OversizeDesk that does what it is told."""

from collections.abc import Collection, Sequence

from mailgate.model.settings import Account
from mailgate.ports.stages import LargeMessage, OversizePlan


class FakeOversize:
    """Gives `plan_now` to each session; `new` and `deletions` are what it was told."""

    def __init__(self) -> None:
        self.plan_now = OversizePlan(0)
        self.new: list[LargeMessage] = []
        self.deletions: list[str] = []

    async def plan(self, account: Account) -> OversizePlan:
        return self.plan_now

    async def found(self, account: str, still: Collection[str], new: Sequence[LargeMessage]) -> None:
        self.new += new

    async def deleted(self, account: str, uids: Collection[str]) -> None:
        self.deletions += uids
