"""`python3 run.py campaign`: kills the engine at random moments under load, then lets the property tests run long.

The result goes into docs/campaign.md. Ends with 1 when anything was lost, or came twice without a reason.
"""

import argparse
import asyncio
import platform
import random
import sqlite3
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mailgate import __version__
from mailgate.adapters.clock import SystemClock
from tests.campaign.examples import EXAMPLES
from tests.crash.kills import Series, Way, run_series
from tests.crash.sent import run_sent

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "docs" / "campaign.md"
PROPERTY_TESTS = ("tests/unit", "tests/suites", "tests/dialogues")


@dataclass(slots=True)
class Campaign:
    """What was asked for, and what it came to."""

    seed: int
    series: list[Series]
    property_tests: str = "not run"
    began: datetime = field(default_factory=lambda: SystemClock().now())

    @property
    def failed(self) -> bool:
        """Whether there is anything to look into."""
        broken = any(one.faults for one in self.series)
        return broken or "passed" not in self.property_tests or "failed" in self.property_tests


def run_property_tests() -> str:
    """Return pytest's closing line for all property tests, with many examples each."""
    import subprocess  # noqa: PLC0415 beside its only use

    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.campaign.examples", "-m", "hypothesis"]
    done = subprocess.run([*command, *PROPERTY_TESTS], cwd=ROOT, stdout=subprocess.PIPE, check=False, text=True)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode:
        print("\n".join(lines[-200:]))
    closing = lines[-1].strip("= ") if lines else "no output"
    return closing if "passed" in closing else f"ended with {done.returncode}: {closing}"


# -- the report


def report(campaign: Campaign) -> str:
    """Return docs/campaign.md."""
    lines = [
        "# The last campaign",
        "",
        "Written by `python3 run.py campaign`: SIGKILL at random moments while mail flows, each time with a new start on",
        "what the disk has. A third of the kills meet an account whose mail is deleted at the provider once it is delivered,",
        "a third one whose mail is left there, and a third mail that the office sends by 20 sessions. Afterwards every letter",
        "must be at the internal server, or at the relay, once; twice only where the engine was killed between the hand-over",
        "and its record, for at most as many messages as there are connections to that server. What the office sends may come",
        "again, too, when our 250 was lost on its way. Then the property tests, with many examples each.",
        "",
        "| | |",
        "| --- | --- |",
        f"| date | {campaign.began:%Y-%m-%d %H:%M} UTC |",
        f"| program | MailGate {__version__} |",
        f"| machine | Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()} |",
        f"| seed | {campaign.seed} |",
        f"| property tests | {campaign.property_tests}; {EXAMPLES} examples each where a test names no number |",
        "",
        "| mail | kills | of these during a start | in | messages | lost | came twice | unexplained |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *map(_row, campaign.series),
        "",
    ]
    for one in campaign.series:
        if one.faults:
            lines += [f"## To be looked into: {one.way.heading}", "", *(f"- {fault}" for fault in one.faults), ""]
    for one in campaign.series:
        if one.verdict.twice:
            lines += [f"## What came twice, and why: {one.way.heading}", "", *_twice(one), ""]
    return "\n".join(lines).rstrip() + "\n"


def _row(one: Series) -> str:
    early = sum(kill.early for kill in one.kills)
    lost = sum("lost" in fault for fault in one.faults)
    twice = len(one.verdict.twice)
    cells = (one.way.heading, len(one.kills), early, f"{one.kills_s:.0f} s", one.messages, lost, twice, len(one.faults))
    return f"| {' | '.join(map(str, cells))} |"


def _twice(one: Series) -> list[str]:
    """Return a table of the kills that made duplicates."""
    lines = [
        "These kills fell between the hand-over of a message and the commit of what the internal server answered. Recovery",
        "says so in the message's trace and in the mail log (`possible duplicate`). A message that several kills left in",
        "doubt stands at each.",
        "",
        "| kill | when | messages left in doubt that came again |",
        "| --- | --- | --- |",
    ]
    kills = {kill.number: kill for kill in one.kills}
    return lines + [f"| {n} | {kills[n]} | {', '.join(ids)} |" for n, ids in sorted(one.in_doubt.items())]


def main() -> int:
    """Run the campaign; return the exit code."""
    parser = argparse.ArgumentParser(prog="python3 run.py campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="all ways together")
    parser.add_argument("--messages", type=int, default=3000, help="all ways together")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--no-properties", action="store_true", help="leave the property tests out")
    asked = parser.parse_args()
    ways = len(Way)
    kills, messages = max(1, asked.kills // ways), max(1, asked.messages // ways)
    campaign = Campaign(asked.seed, [Series(way, kills, messages, asked.seed + n) for n, way in enumerate(Way)])
    print(f"{kills} kills and {messages} messages each way, seed {campaign.seed}", flush=True)
    for one in campaign.series:
        with tempfile.TemporaryDirectory(prefix="mailgate-campaign-") as folder:
            run = run_sent if one.way is Way.SENT else run_series
            asyncio.run(run(one, Path(folder), told=lambda text: print(f"  {text}", flush=True)))
    if not asked.no_properties:
        print(f"property tests, {EXAMPLES} examples each ...", flush=True)
        campaign.property_tests = run_property_tests()
    text = report(campaign)
    RESULT.write_text(text, "utf-8")
    print(text)
    return 1 if campaign.failed else 0


if __name__ == "__main__":
    sys.exit(main())
