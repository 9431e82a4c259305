"""All scenarios by name, in the order of the page."""

from collections.abc import Callable, Mapping
from typing import Final

from bench.inbound import push, repoll, resident
from bench.inbound.drains import DRAINS
from bench.inbound.section import Options, Section

SCENARIOS: Final[Mapping[str, Callable[[Options], Section]]] = {
    **{drain.name: drain.run for drain in DRAINS},
    repoll.NAME: repoll.run,
    push.NAME: push.run,
    "peak": resident.peak,
    "large": resident.large,
    "rest": resident.rest,
}
