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
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mailgate import __version__
from mailgate.adapters.clock import SystemClock
from tests.campaign.examples import EXAMPLES
from tests.crash.letters import letters
from tests.crash.office import UNCERTAIN, Office, Verdict, office

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "docs" / "campaign.md"
EARLY = 0.15  # the share of kills that hit a start, with its recovery, and not a session
START_S = 2.0  # about how long a start takes: early kills fall anywhere in it
SESSION_S = 0.12  # the usual delay of a kill after the engine has connected to the provider
FINISH_S = 600.0
PROPERTY_TESTS = ("tests/unit", "tests/suites", "tests/dialogues")


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: which, when, and how long after the start of the process or of its first session."""

    number: int
    at: datetime
    early: bool
    after_s: float

    def __str__(self) -> str:
        return f"{self.after_s:.3f} s after its {'start' if self.early else 'first connection'}"


@dataclass(slots=True)
class Campaign:
    """What was asked for, and what it came to."""

    kills_wanted: int
    messages: int
    seed: int
    kills: list[Kill] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    verdict: Verdict | None = None
    kills_s: float = 0.0
    property_tests: str = "not run"
    began: datetime = field(default_factory=lambda: SystemClock().now())

    @property
    def failed(self) -> bool:
        """Whether there is anything to look into."""
        return bool(self.faults) or "passed" not in self.property_tests or "failed" in self.property_tests


async def kill_again_and_again(campaign: Campaign, folder: Path) -> None:
    """Start the engine and kill it, with fresh letters at the provider each time; then let it finish, and count."""
    chance = random.Random(campaign.seed)
    posts = spread(campaign.messages, campaign.kills_wanted, chance)
    fetch = {"at_start": True, "interval": "1s", "session_messages": 25}
    async with office(folder / "data", fetch=fetch) as it:
        posted = 0
        for number, count in enumerate(posts, 1):
            it.post(letters(count, first=posted + 1))
            posted += count
            campaign.kills.append(await one_kill(it, number, chance))
            if number % 20 == 0:
                received = len(it.peers.server.received)
                print(f"  {number} kills, {posted} letters posted, {received} came", flush=True)
        await it.service.start()
        async with it.service.client() as client:
            await it.finishes(client, within_s=FINISH_S)
            campaign.verdict = await it.judge(client)
        await it.service.stop()
        campaign.faults += campaign.verdict.faults
        campaign.faults += [f"the store: {text}" for text in it.unsound()]
        campaign.faults += [f"{it.peers.waiting()} letters are still at the provider"] if it.peers.waiting() else []


def spread(messages: int, kills: int, chance: random.Random) -> list[int]:
    """Return how many letters come before each kill: `messages` in all, in uneven portions."""
    cuts = sorted(chance.randint(0, messages) for _ in range(kills - 1))
    return [after - before for before, after in zip([0, *cuts], [*cuts, messages], strict=True)]


async def one_kill(it: Office, number: int, chance: random.Random) -> Kill:
    """Start the engine and kill it: mostly soon after its session has begun, sometimes while it starts."""
    early = chance.random() < EARLY
    after_s = chance.uniform(0, START_S) if early else chance.expovariate(1 / SESSION_S)
    connections = it.peers.provider.connections
    await it.service.spawn()
    process = it.service.process
    if not early:
        while it.peers.provider.connections == connections:
            if process.returncode is not None:
                raise RuntimeError(f"the engine ended by itself\n{it.service.output[-3000:]}")
            await asyncio.sleep(0.002)
    await asyncio.sleep(after_s)
    process.kill()
    await process.wait()
    return Kill(number, SystemClock().now(), early, after_s)


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
    early = sum(kill.early for kill in campaign.kills)
    verdict = campaign.verdict or Verdict([], {}, {})
    lost = sum("lost" in fault for fault in campaign.faults)
    lines = [
        "# The last campaign",
        "",
        "Written by `python3 run.py campaign`: SIGKILL at random moments while mail flows, each time with a new start on",
        "what the disk has. Afterwards every letter must be at the internal server, once; twice only where the engine was",
        "killed between the hand-over and its record. Then the property tests, with many examples each.",
        "",
        "| | |",
        "| --- | --- |",
        f"| date | {campaign.began:%Y-%m-%d %H:%M} UTC |",
        f"| program | MailGate {__version__} |",
        f"| machine | Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()} |",
        f"| seed | {campaign.seed} |",
        f"| kills | {len(campaign.kills)}, of these {early} during a start, in {campaign.kills_s:.0f} s |",
        f"| messages | {campaign.messages} |",
        f"| lost | {lost} |",
        f"| came twice | {len(verdict.twice)} |",
        f"| unexplained | {len(campaign.faults)} |",
        f"| property tests | {campaign.property_tests}; {EXAMPLES} examples each where a test names no number |",
        "",
    ]
    if campaign.faults:
        lines += ["## To be looked into", "", *(f"- {fault}" for fault in campaign.faults), ""]
    if verdict.twice:
        lines += ["## What came twice, and why", "", *twice(campaign, verdict)]
    return "\n".join(lines).rstrip() + "\n"


def twice(campaign: Campaign, verdict: Verdict) -> list[str]:
    """Return a table of the kills that made duplicates."""
    by_kill: dict[int, list[str]] = {}
    for number, times in sorted(verdict.twice.items()):
        for trace in verdict.traces[number]:
            for step in trace.steps:
                if step.stage in UNCERTAIN:
                    made_by = cut_before(campaign.kills, step.at)
                    copies = "" if times == 2 else f" ({times} in all)"
                    by_kill.setdefault(made_by, []).append(f"{trace.message.id}{copies}")
    lines = [
        "These kills fell between the hand-over of a message and the commit of what the internal server answered. Recovery",
        "says so in the message's trace and in the mail log (`possible duplicate`). A message that several kills left in",
        "doubt stands at each.",
        "",
        "| kill | when | messages left in doubt that came again |",
        "| --- | --- | --- |",
    ]
    kills = {kill.number: kill for kill in campaign.kills}
    return lines + [f"| {n} | {kills[n]} | {', '.join(ids)} |" for n, ids in sorted(by_kill.items())]


def cut_before(kills: list[Kill], at: datetime) -> int:
    """Return the last kill before `at`: what recovery wrote then was its doing."""
    return max((kill.number for kill in kills if kill.at <= at), default=kills[0].number)


def main() -> int:
    """Run the campaign; return the exit code."""
    parser = argparse.ArgumentParser(prog="python3 run.py campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--no-properties", action="store_true", help="leave the property tests out")
    asked = parser.parse_args()
    campaign = Campaign(max(1, asked.kills), asked.messages, asked.seed)
    print(f"{campaign.kills_wanted} kills, {campaign.messages} messages, seed {campaign.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mailgate-campaign-") as folder:
        began = time.monotonic()
        asyncio.run(kill_again_and_again(campaign, Path(folder)))
        campaign.kills_s = time.monotonic() - began
    if not asked.no_properties:
        print(f"property tests, {EXAMPLES} examples each ...", flush=True)
        campaign.property_tests = run_property_tests()
    text = report(campaign)
    RESULT.write_text(text, "utf-8")
    print(text)
    return 1 if campaign.failed else 0


if __name__ == "__main__":
    sys.exit(main())
