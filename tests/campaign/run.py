"""`python3 run.py campaign`: kills the engine at random moments under load, then lets the property tests run long.

The result goes into docs/campaign.md, each way into its own part. Ends with 1 when anything was lost, or came twice
without a reason.
"""

import argparse
import asyncio
import platform
import random
import re
import sqlite3
import sys
import tempfile
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


PER_KILL = {Way.DELETED: 10, Way.LEFT: 10, Way.SENT: 100}
"""Messages for each kill, in uneven portions: what is sent comes in far faster than what is fetched."""
LARGE_EVERY = {Way.DELETED: 7, Way.LEFT: 7, Way.SENT: 60}
PROPERTIES = "properties"

HEAD = """\
# The last campaign

Written by `python3 run.py campaign`: SIGKILL at random moments while mail flows, each time with a new start on what the
disk has. The kills meet an account whose mail is deleted at the provider once it is delivered, one whose mail is left
there, and mail that the office sends by 20 sessions, as fast as it is taken. Afterwards every letter must be at the
internal server, or at the relay, once; twice only where the engine was killed between the hand-over and its record, for
at most as many messages as there are connections to that server, and each of them told as a possible duplicate. What
the office sends may come again, too, when our 250 was lost on its way. Then the property tests, with many examples each.

Each part is from the last run of its kind.
"""


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


def begin_of(part: str) -> str:
    """Return the line that a part of the page begins behind."""
    return f"<!-- {part}: begin -->"


def end_of(part: str) -> str:
    """Return the line that ends it."""
    return f"<!-- {part}: end -->"


def page(before: str, parts: dict[str, str]) -> str:
    """Return docs/campaign.md with these parts, and with the others as they were."""
    names = [*map(str, Way), PROPERTIES]
    made = {name: parts.get(name, _kept(before, name)) for name in names}
    whole = [f"{begin_of(name)}\n\n{text}\n\n{end_of(name)}" for name, text in made.items() if text]
    return "\n\n".join([HEAD.rstrip(), *whole]) + "\n"


def _kept(before: str, name: str) -> str:
    found = re.search(f"{begin_of(name)}(.*?){end_of(name)}", before, re.DOTALL)
    return found[1].strip() if found else ""


def _when(began: datetime) -> str:
    machine = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()}"
    return f"Run at {began:%Y-%m-%d %H:%M} UTC by MailGate {__version__}, {machine}"


def part(one: Series, began: datetime) -> str:
    """Return what the page says of one way."""
    early = sum(kill.early for kill in one.kills)
    lost = sum("lost" in fault for fault in one.faults)
    heads = ["kills", "of these during a start", "in", "messages", "lost", "came twice", "unexplained"]
    cells = [len(one.kills), early, f"{one.kills_s:.0f} s", one.messages, lost, len(one.verdict.twice), len(one.faults)]
    if one.taken_s:
        heads.append("taken between the first message of a run and its kill")
        cells.append(f"{one.taken} in {one.taken_s:.0f} s, {one.taken / one.taken_s:.0f} a second")
    lines = [
        f"## Mail {one.way.heading}",
        "",
        f"{_when(began)}; seed {one.seed}.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{' --- |' * len(heads)}",
        f"| {' | '.join(map(str, cells))} |",
    ]
    if one.faults:
        lines += ["", "### To be looked into", "", *(f"- {fault}" for fault in one.faults)]
    if one.verdict.twice:
        lines += ["", "### What came twice, and why", "", *_twice(one)]
    return "\n".join(lines)


def properties(closing: str, began: datetime) -> str:
    """Return what the page says of the property tests."""
    return f"## Property tests\n\n{_when(began)}: {closing}; {EXAMPLES} examples each where a test names no number."


def _twice(one: Series) -> list[str]:
    """Return a table of the kills that made duplicates."""
    lines = [
        "These kills fell between the hand-over of a message and the commit of what the other server answered. Recovery",
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
    parser.add_argument("--kills", type=int, default=300, help="each way")
    parser.add_argument("--way", type=Way, action="append", choices=list(Way), help="this way alone (again: and this)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--no-properties", action="store_true", help="leave the property tests out")
    asked = parser.parse_args()
    failed = False
    for n, way in enumerate(Way):
        if asked.way and way not in asked.way:
            continue
        one = Series(way, asked.kills, asked.kills * PER_KILL[way], asked.seed + n, large_every=LARGE_EVERY[way])
        print(f"mail {way.heading}: {one.kills_wanted} kills, {one.messages} messages, seed {one.seed}", flush=True)
        began = SystemClock().now()
        with tempfile.TemporaryDirectory(prefix="mailgate-campaign-") as folder:
            run = run_sent if way is Way.SENT else run_series
            asyncio.run(run(one, Path(folder), told=lambda text: print(f"  {text}", flush=True)))
        failed = failed or bool(one.faults)
        _keep(str(way), part(one, began))
    if not asked.no_properties:
        print(f"property tests, {EXAMPLES} examples each ...", flush=True)
        began, closing = SystemClock().now(), run_property_tests()
        failed = failed or "passed" not in closing or "failed" in closing
        _keep(PROPERTIES, properties(closing, began))
    return 1 if failed else 0


def _keep(name: str, text: str) -> None:
    """Write a part of the page as soon as it is there."""
    print(text, flush=True)
    RESULT.write_text(page(RESULT.read_text("utf-8"), {name: text}), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
