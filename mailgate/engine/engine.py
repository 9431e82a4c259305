"""The engine: its task tree, and the commands and queries that windows use through the API.

Made of ports alone, so that it runs in a test with fakes. `service` wires the real ones.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

from mailgate.config.differences import differences, in_force
from mailgate.config.load import Loaded
from mailgate.config.templates import LoadedTemplates, shipped_templates
from mailgate.engine.alarms import Alarms
from mailgate.engine.at_provider import AtProvider
from mailgate.engine.configuring import Configuring
from mailgate.engine.events import EventHub
from mailgate.engine.fetching import Fetching
from mailgate.engine.guards import FreeSpace, Guards
from mailgate.engine.health import HealthBoard
from mailgate.engine.learning import HEADER_OCTETS, Learning
from mailgate.engine.memory import Memory
from mailgate.engine.officequeue import OfficeQueue
from mailgate.engine.outbox import NoticeOutbox
from mailgate.engine.outgoing import OutgoingMail, OutgoingPorts
from mailgate.engine.oversize import OversizeMessages, OversizeTools
from mailgate.engine.parked import Act, ParkedMessages, message_number
from mailgate.engine.sender_notices import SenderNotices
from mailgate.engine.tickets import Ticket
from mailgate.engine.timetable import Chance, ProviderFloor
from mailgate.engine.trial_message import TrialMessages
from mailgate.engine.trials import Trials
from mailgate.intake.fetch.push import Push
from mailgate.intake.fetch.tools import Tools
from mailgate.mime.headers import split_header
from mailgate.model.entry import QueueEntry
from mailgate.model.errors import ConflictError, ContentLostError, StoreError, UnknownError
from mailgate.model.events import ConfigApplied, ConfigRejected, EngineStarted, EngineStopping, RecoveryDone, Severity
from mailgate.model.notices import FALLBACK_LANGUAGE, Language
from mailgate.model.settings import Account, Config
from mailgate.model.verdict import TraceStep
from mailgate.pipeline.directions import Pipeline
from mailgate.policy.routing import Routing
from mailgate.ports.clock import Clock
from mailgate.ports.config_file import ConfigFile, revision_of
from mailgate.ports.events import raise_store_condition
from mailgate.ports.imap import ImapConnector
from mailgate.ports.network import Dialer
from mailgate.ports.resolver import Resolver
from mailgate.ports.secrets import SecretStore
from mailgate.ports.stages import Transport
from mailgate.ports.store import Finding, MessageFilter, Store, StoreCounts
from mailgate.ports.web import WebReader
from mailgate.queue.manager import QueueManager

log = logging.getLogger(__name__)

LOOP_KEY_OCTETS: Final = 32
_LOOP_KEY: Final = "loop.key"

TransportMaker = Callable[[Config], Transport]
ConfigReader = Callable[[], Loaded]
SetRest = Callable[[Config], None]
"""Puts in force what is set outside of the engine: logs and limits of the adapters. Quick, and raises nothing."""
Rebind = Callable[[Config], Awaitable[None]]
"""Moves the API to another address; raises OSError when that is taken."""


TemplateReader = Callable[[], LoadedTemplates]
"""Reads the templates of the messages that MailGate writes; may touch the disk, and raises nothing."""


def _shipped() -> LoadedTemplates:
    return LoadedTemplates(shipped_templates())


def _nothing_else(_: Config) -> None:
    """Leave the rest as it is: a test has nothing else to set."""


def _no_chance() -> float:
    """Return always the same: a test knows when something comes."""
    return 0.0


def _no_floor(_: Account) -> timedelta:
    """Return that no provider is known."""
    return timedelta()


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world, as `service` or a test provides it.

    `zone` is this machine's own; `provider_floor` says how often the provider of an account may be asked at most.
    """

    store: Store
    secrets: SecretStore
    dialer: Dialer
    imap: ImapConnector
    resolver: Resolver
    web: WebReader
    clock: Clock
    make_transport: TransportMaker
    read_config: ConfigReader
    free_space: FreeSpace
    data_dir: Path
    version: str
    pid: int
    set_rest: SetRest = _nothing_else
    read_templates: TemplateReader = _shipped
    language: Language = FALLBACK_LANGUAGE
    zone: tzinfo = UTC
    chance: Chance = _no_chance
    provider_floor: ProviderFloor = _no_floor
    config_file: ConfigFile | None = None  # None: this engine's settings cannot be changed by program
    outgoing: OutgoingPorts | None = None


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What reading the configuration anew came to."""

    applied: bool
    changes: tuple[str, ...]
    faults: tuple[str, ...]


class Engine:
    """One running engine on one data directory."""

    def __init__(self, config: Config, ports: Ports, *, findings: tuple[Finding, ...] = (), revision: str = "") -> None:
        self.config = config
        self.wanted = config  # what the file says; a few settings of it need a restart
        self.revision = revision  # of that file
        self.ports = ports
        self.hub = EventHub(ports.clock, keep=config.engine.events_kept)
        self.health = HealthBoard(self.hub, ports.clock)
        self.started_at = ports.clock.now()
        self.stopping = asyncio.Event()
        self.rebind: Rebind | None = None
        self._findings = findings
        self._reloading = asyncio.Lock()
        self._taken_up = False
        key = secrets.token_bytes(LOOP_KEY_OCTETS)
        self.pipeline = Pipeline(config, clock=ports.clock, loop_key=key, store=ports.store)
        self.queue = QueueManager(
            store=ports.store,
            processor=self.pipeline,
            transport=ports.make_transport(config),
            settings=config.delivery,
            publisher=self.hub,
            health=self.health,
            clock=ports.clock,
        )
        self.trials = Trials(
            lambda: self.config,
            dialer=ports.dialer,
            imap=ports.imap,
            resolver=ports.resolver,
            web=ports.web,
            secrets=ports.secrets,
            clock=ports.clock,
            data_dir=ports.data_dir,
        )
        templates = ports.read_templates()
        self._template_faults = templates.faults
        self.outbox = NoticeOutbox(
            config.notices,
            templates.templates,
            machine_language=ports.language,
            store=ports.store,
            queue=self.queue,
            pipeline=self.pipeline.inbound,
            publisher=self.hub,
            health=self.health,
            clock=ports.clock,
        )
        self.trial_messages = TrialMessages(
            lambda: self.config,
            outbox=self.outbox,
            queue=self.queue,
            store=ports.store,
            health=self.health,
            clock=ports.clock,
        )
        self.parked = ParkedMessages(ports.store, self.queue, lambda: self.config)
        self.oversize = OversizeMessages(
            config,
            OversizeTools(
                store=ports.store,
                outbox=self.outbox,
                pipeline=self.pipeline.inbound,
                publisher=self.hub,
                health=self.health,
                clock=ports.clock,
                size_limit=lambda: self.queue.size_limit,
                fetch=lambda name: self.fetching.request(name),  # noqa: PLW0108 it is made below
            ),
        )
        self.sender_notices = SenderNotices(
            config,
            outbox=self.outbox,
            pipeline=self.pipeline.inbound,
            store=ports.store,
            health=self.health,
            clock=ports.clock,
        )
        self.alarms = Alarms(outbox=self.outbox, store=ports.store, health=self.health, clock=ports.clock)
        self.queue.say_around(self.outbox.words)
        self.queue.nobody_there = self.sender_notices.put
        self.office_queue = OfficeQueue(
            store=ports.store,
            queue=self.queue,
            config=lambda: self.config,
            publisher=self.hub,
            health=self.health,
            clock=ports.clock,
        )
        self._memory = Memory(ports.store)
        self.push = Push(ports.clock)
        tools = Tools(
            ports.store,
            self.queue,
            ports.dialer,
            ports.secrets,
            self.hub,
            ports.clock,
            ports.imap,
            self.push,
            oversize=self.oversize,
            mark=self._memory.mark,
        )
        self.fetching = Fetching(
            config,
            tools,
            queue=self.queue,
            hub=self.hub,
            health=self.health,
            clock=ports.clock,
            memory=self._memory,
            zone=ports.zone,
            chance=ports.chance,
            provider_floor=ports.provider_floor,
        )
        self.configuring = Configuring(self, ports.config_file, ports.secrets)
        at_provider = AtProvider(
            lambda: self.wanted,
            self.fetching.alone,
            dialer=ports.dialer,
            imap=ports.imap,
            secrets=ports.secrets,
            clock=ports.clock,
        )
        self.learning = Learning(ports.store, self.configuring, self.parked, at_provider, lambda: self.wanted)
        self.outgoing = (
            None
            if ports.outgoing is None
            else OutgoingMail(
                ports.outgoing,
                store=ports.store,
                queue=self.queue,
                secrets=ports.secrets,
                publisher=self.hub,
                health=self.health,
                clock=ports.clock,
                loop_key=lambda: self.pipeline.loop_key,
                config=config,
                outbox=self.outbox,
                pipeline=self.pipeline.inbound,
            )
        )
        self.guards = Guards(
            config.store,
            longest_wait=_longest_wait(config),
            store=ports.store,
            hub=self.hub,
            health=self.health,
            clock=ports.clock,
            free_space=ports.free_space,
            store_is_back=self._take_up,
        )

    # -- running

    async def run(self, *, url: str = "") -> None:
        """Work until `stop` is asked for, then finish or hand back what was begun, within `stop_timeout`."""
        await self._begin(url)
        async with asyncio.TaskGroup() as group:
            workers = [
                group.create_task(self.queue.run()),
                group.create_task(self.fetching.run()),
                group.create_task(self.push.run()),
                group.create_task(self.guards.run()),
                group.create_task(self.oversize.run()),
                group.create_task(self.sender_notices.run()),
                group.create_task(self.office_queue.run()),
                group.create_task(self.alarms.run()),
            ]
            if self.outgoing:
                await self.outgoing.configure(self.config)
                workers.append(group.create_task(self.outgoing.run()))
            await self.stopping.wait()
            await self._wind_down()
            for worker in workers:
                worker.cancel()

    async def _begin(self, url: str) -> None:
        ports = self.ports
        self.hub.publish(EngineStarted(version=ports.version, pid=ports.pid, url=url))
        if self._findings:
            self.hub.publish(RecoveryDone(findings=tuple(one.text for one in self._findings)))
        serious = [one.text for one in self._findings if one.serious]
        if serious:
            self.health.raise_(
                "bodies_missing",
                severity=Severity.ERROR,
                text=f"{len(serious)} messages have lost their body on this disk: {serious[0]}",
                remedy="Check the disk, and run `mailgate store check`. What the provider still holds is fetched again.",
            )
        if self._template_faults:
            text = f"{len(self._template_faults)} templates have faults; those that come with MailGate are used."
            self._config_condition(text)
        try:
            await self._take_up()
        except StoreError as exc:  # a full disk is no reason not to run: it says so, and goes on by itself
            raise_store_condition(self.health, exc)
        await self.guards.look_at_disk()

    async def _take_up(self) -> None:
        """Take up what earlier runs have left in the store, once; again when it could not be read or written before."""
        if self._taken_up:
            return
        store = self.ports.store
        await self.fetching.pauses.restore()
        await self._memory.take_up_key()
        key = await store.value(_LOOP_KEY)
        if key is None:
            await store.put_value(_LOOP_KEY, self.pipeline.loop_key.hex())
        else:
            self.pipeline.loop_key = bytes.fromhex(key)
        # A clock that was wrong while the engine was down must not keep a message for days.
        await store.clamp_due(self.ports.clock.now() + _longest_wait(self.config))
        self._taken_up = True

    async def _wind_down(self) -> None:
        third = self.config.engine.stop_timeout / 3  # one for sessions, one for conversations, one for the rest
        await self.fetching.stop()
        if self.outgoing:
            await self.outgoing.close(third / 2)
        await self.fetching.wait_idle(third)
        if not await self.queue.stop(third):
            log.warning("some conversations did not end in time; the next start takes them up")

    def stop(self, reason: str) -> None:
        """Ask the engine to end."""
        if not self.stopping.is_set():
            self.hub.publish(EngineStopping(reason=reason))
            self.stopping.set()

    # -- commands

    def start_session(self, account: str | None) -> Ticket:
        """Ask for sessions now; see `Fetching.request`."""
        if self.stopping.is_set():
            raise ConflictError("MailGate is stopping: no session begins any more")
        return self.fetching.request(account)

    async def pause(
        self, *, minutes: int | None = None, until: datetime | None = None, account: str = "", by: str
    ) -> None:
        """Pause fetching, of one account or of all: for so many minutes, until a time, or until somebody resumes.

        Raises:
            UnknownError: there is no such account.
            ConflictError: the time is over already.
        """
        now = self.ports.clock.now()
        if until is not None and until <= now:
            raise ConflictError(f"{until:%Y-%m-%d %H:%M %Z} is over already: name a time that is still to come")
        await self.fetching.pause(now + timedelta(minutes=minutes) if minutes else until, account=account, by=by)

    async def deliver_to(self, name: str, addresses: tuple[str, ...], *, by: str) -> QueueEntry:
        """Send a parked message to these addresses, which must be recipients of this office.

        Raises:
            UnknownError: no such message, or an address is no recipient of ours.
            ConflictError: the message is not parked, or no address is named.
        """
        return await self.parked.act(name, Act.REDIRECT, addresses=addresses, by=by)

    async def reload(self, *, by: str = "") -> Reloaded:
        """Read the configuration anew: put all of it in force, or nothing. `by` is who changed it, if that is known."""
        async with self._reloading:
            loaded = await asyncio.to_thread(self.ports.read_config)
            errors = tuple(str(fault) for fault in loaded.faults if fault.severity == "error")
            templates = await asyncio.to_thread(self.ports.read_templates)
            errors += tuple(map(str, templates.faults))
            new = loaded.config
            if new is None or errors:
                self._reject(errors)
                return Reloaded(applied=False, changes=(), faults=errors)
            changes = differences(self.config, new)
            moved = (new.api.host, new.api.port) != (self.config.api.host, self.config.api.port)
            if self.rebind is not None and (moved or self.health.holds("port_taken")):
                try:
                    await self.rebind(new)
                except OSError as exc:
                    text = f"api.port {new.api.port} cannot be used: {exc.strerror or exc}"
                    self._reject((text,))
                    return Reloaded(applied=False, changes=(), faults=(text,))
            self.outbox.templates = templates.templates
            await self._apply(in_force(new, self.config))
            self.wanted, self.revision = new, revision_of(loaded.octets)
            self.health.clear("config_rejected")
            self.hub.publish(ConfigApplied(changes=changes, by=by))
            return Reloaded(applied=True, changes=changes, faults=())

    def _reject(self, faults: tuple[str, ...]) -> None:
        self.hub.publish(ConfigRejected(faults=faults))
        self._config_condition(f"The configuration has {len(faults)} faults; the settings from before stay in force.")

    def _config_condition(self, text: str) -> None:
        self.health.raise_(
            "config_rejected",
            severity=Severity.WARNING,
            text=text,
            remedy="Run `mailgate check`: it names file, line and remedy. Then `mailgate reload`.",
        )

    async def _apply(self, new: Config) -> None:
        old, self.config = self.config, new
        self.pipeline.configure(new)
        if (old.internal, old.delivery) != (new.internal, new.delivery):
            former = self.queue.configure(new.delivery, self.ports.make_transport(new))
            await former.close()
        self.outbox.settings = new.notices
        self.oversize.config = new
        self.sender_notices.configure(new)
        self.guards.settings, self.guards.longest_wait = new.store, _longest_wait(new)
        in_use = {account.name for account in new.accounts if account.enabled}
        for name in {account.name for account in old.accounts} - in_use:
            self.health.clear("account_failing", subject=name)
        self.hub.keep(new.engine.events_kept)
        self.ports.set_rest(new)
        self.fetching.configure(new)
        if self.outgoing:
            await self.outgoing.configure(new)
        await self.office_queue.look_at_relays()

    # -- queries

    def try_routing(self, account: str, header: bytes) -> Routing:
        """Return where a message with this header would go."""
        return self.pipeline.inbound.try_routing(account, header)

    async def message(self, name: str) -> QueueEntry:
        """Return a message by its queue id.

        Raises:
            UnknownError: there is none.
        """
        return await self.parked.message(name)

    async def trace(self, name: str) -> tuple[QueueEntry, tuple[TraceStep, ...]]:
        """Return a message and the whole of its path.

        Raises:
            UnknownError: there is none.
        """
        entry = await self.message(name)
        return entry, tuple(await self.ports.store.trace(entry.id))

    async def routing_today(self, entry: QueueEntry) -> Routing | None:
        """Return where a fetched message would go by the settings in force; None when its body or account is gone."""
        try:
            header = await self.ports.store.header(entry.content, limit=HEADER_OCTETS)
            return self.try_routing(entry.source.account, split_header(header)[0]) if entry.source.account else None
        except (ContentLostError, UnknownError):
            return None

    async def messages(self, which: MessageFilter, *, before: str, limit: int) -> tuple[tuple[QueueEntry, ...], int]:
        """Return messages, newest first, and how many match in all."""
        number = message_number(before) if before else None
        found, total = await self.ports.store.messages(which, before=number, limit=limit)
        return tuple(found), total

    async def counts(self, *, day_begins: datetime) -> StoreCounts:
        """Return the counts that windows show; `delivered` is since `day_begins`."""
        return await self.ports.store.counts(since=day_begins, now=self.ports.clock.now())


def _longest_wait(config: Config) -> timedelta:
    return max(*config.delivery.retry, *config.delivery.reconnect)
