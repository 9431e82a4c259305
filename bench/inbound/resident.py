"""What MailGate holds in memory at its busiest, what large messages add, and what it costs when there is nothing to do."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.figures import Figure, Goal, spread, table
from bench.inbound import mailgen
from bench.inbound.engine import Engine, MailGate
from bench.inbound.measure import resident_mb
from bench.inbound.programs import PASSWORD, Ground
from bench.inbound.rounds import QUICK_SHARE
from bench.inbound.section import Options, Section
from bench.inbound.servers import Provider, Sinks

PEAK_MAIL: Final = (50, 40)
PEAK_ONE: Final = 2000
REST_ACCOUNTS: Final = 20
REST_INTERVAL_S: Final = 60
REST_MINUTES: Final = 3
SETTLED_S: Final = 10.0
HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class _Office:
    provider: Provider
    sink: Sinks
    users: Sequence[str]

    @contextmanager
    def engine(self, *, app: bool = False, interval_s: int = 0) -> Iterator[tuple[Engine, Ground]]:
        """Start an engine that has looked at its empty mailboxes."""
        self.provider.fill(dict.fromkeys(self.users, ()))
        self.sink.clear()
        folder = Path(tempfile.mkdtemp(prefix="mailgate-bench-"))
        ground = Ground(
            folder=folder,
            port=self.provider.pop3,
            internal=self.sink,
            users=self.users,
            messages=0,
            fill=lambda: None,
            left=lambda: self.provider.left(self.users),
        )
        try:
            with MailGate(app=app).started(ground, interval_s=interval_s) as engine:
                engine.fetch()
                yield engine, ground
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def drain(self, engine: Engine, ground: Ground, mailboxes: Mapping[str, Sequence[Path]]) -> None:
        """Fill these mailboxes and wait until all is delivered."""
        self.sink.clear()
        self.provider.fill(mailboxes)
        engine.measured(replace(ground, messages=sum(map(len, mailboxes.values()))))


@contextmanager
def _office(accounts: int) -> Iterator[_Office]:
    users = [f"u{number}" for number in range(accounts)]
    with Provider(dict.fromkeys(users, PASSWORD)) as provider, Sinks() as sink:
        yield _Office(provider, sink, users)


def peak(options: Options) -> Section:
    """Drain 50 mailboxes at once, then one of 2,000 messages, in one life of the engine; with and without the app."""
    accounts, each = PEAK_MAIL
    share = QUICK_SHARE if options.quick else 1
    each, one = each // share, PEAK_ONE // share
    peaks: dict[bool, list[float]] = {False: [], True: []}
    with _office(accounts) as office:
        owner = office.provider.owner
        folder = office.provider.dir / "mail"
        files = mailgen.write(folder, max(one, accounts * each), uid=owner.pw_uid, gid=owner.pw_gid)
        for number in range(1, options.rounds + 1):
            for app, seen in peaks.items():
                with office.engine(app=app) as (engine, ground):
                    if app:
                        engine.open_app()
                    parts = {user: files[at * each :][:each] for at, user in enumerate(office.users)}
                    office.drain(engine, ground, parts)
                    office.drain(engine, ground, {office.users[0]: files[:one]})
                    seen.append(engine.peak_mb())
                options.say(f"peak, round {number}: {'with' if app else 'without'} the app {seen[-1]:.0f} MB")
    figures = (
        Figure(Goal("peak without the app", "MB", 110, 90, least=False), tuple(peaks[False])),
        Figure(Goal("peak with the app", "MB", 135, 115, least=False), tuple(peaks[True])),
    )
    return Section("peak", "peak resident memory", figures, "")


def large(options: Options) -> Section:
    """Fetch one message of 25 MB, then another; and in a second engine two at the same time."""
    after: list[float] = []
    beside: list[float] = []
    rows = []
    with _office(2) as office:
        owner = office.provider.owner
        first, second = mailgen.write(
            office.provider.dir / "mail", 2, uid=owner.pw_uid, gid=owner.pw_gid, make=mailgen.large
        )
        one, two = office.users
        for number in range(1, options.rounds + 1):
            with office.engine() as (engine, ground):
                rest = engine.peak_mb()
                office.drain(engine, ground, {one: [first]})
                single = engine.peak_mb()
                office.drain(engine, ground, {one: [second]})
                after.append(engine.peak_mb() - single)
            with office.engine() as (engine, ground):
                office.drain(engine, ground, {one: [first], two: [second]})
                beside.append(engine.peak_mb() - single)
            rows.append([str(number), *(f"{value:.1f}" for value in (rest, single, after[-1], beside[-1]))])
            options.say(f"large, round {number}: " + ", ".join(rows[-1][1:]) + " MB")
    figures = (
        Figure(Goal("peak added by a second 25 MB message, after the first", "MB", 4, 4, least=False), tuple(after)),
        Figure(Goal("peak added by a second 25 MB message, at the same time", "MB", 4, 4, least=False), tuple(beside)),
    )
    head = ["round", "before, MB", "peak with the first", "added by a second after it", "added by a second beside it"]
    return Section("large", "a second 25 MB message", figures, table(head, rows))


def rest(options: Options) -> Section:
    """Leave an engine alone with 20 accounts that are polled every minute."""
    minutes = 1 if options.quick else REST_MINUTES
    resident: list[float] = []
    spent: list[float] = []
    with _office(REST_ACCOUNTS) as office:
        for number in range(1, options.rounds + 1):
            with office.engine(interval_s=REST_INTERVAL_S) as (engine, _):
                time.sleep(SETTLED_S)
                before = engine.cpu_s()
                time.sleep(minutes * REST_INTERVAL_S)
                spent.append((engine.cpu_s() - before) * HOUR_S / (minutes * REST_INTERVAL_S))
                resident.append(resident_mb(engine.pid))
            options.say(f"rest, round {number}: {resident[-1]:.0f} MB, {spent[-1]:.1f} CPU s an hour")
    figures = (
        Figure(Goal("resident memory", "MB", 75, 60, least=False), tuple(resident)),
        Figure(Goal("CPU in an hour", "s", 10, 5, least=False), tuple(spent)),
    )
    note = (
        f"The mailboxes are empty. CPU is measured over {minutes} minutes of {minutes * REST_ACCOUNTS} polls and "
        f"extrapolated to an hour: measured were {spread((one * minutes / 60 for one in spent), 2)} s."
    )
    return Section("rest", "at rest, 20 accounts polled every minute, without the app", figures, note)
