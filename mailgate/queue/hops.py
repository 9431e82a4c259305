"""The next hop of a lane in words: how texts and conditions call it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Hop:
    """A lane's name and its server's.

    `ill` is the condition that says that it takes no mail just now, `config` that it does not take ours; both are about
    `subject`. `safe` says where mail waits meanwhile, `remedy` what to do about an ill one.
    """

    lane: str
    name: str
    ill: str
    config: str
    subject: str
    safe: str
    check: str

    @property
    def remedy(self) -> str:
        """What to do about an ill one."""
        return f"{self.safe} {self.check}"

    def __str__(self) -> str:
        return f"{self.name[0].upper()}{self.name[1:]}"


INTERNAL: Final = Hop(
    lane="",
    name="the internal mail server",
    ill="internal_ill",
    config="internal_config",
    subject="",
    safe="Mail waits safely at the provider and goes on by itself.",
    check="Check that the server runs and has room on its disks, and [internal] in the settings.",
)


def relay_hop(lane: str, relay: str) -> Hop:
    """Return the hop of the relay called `relay`."""
    return Hop(
        lane=lane,
        name=f"relay {relay}",
        ill="relay_ill",
        config="relay_config",
        subject=relay,
        safe="Mail waits safely here and goes on by itself; other relays are not affected.",
        check=f"Check the line to the Internet, and the relay {relay} in the settings.",
    )
