"""Changes to the configuration by program: the file is edited, checked as a whole, written, and put in force.

All of a change happens, or nothing: also the password that came with it is taken back when it fails. The file is the
truth: what somebody has written into it by hand and not put in force yet is never overwritten.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mailgate.config.differences import NAMED_BY
from mailgate.config.editing import Add, Change, Edit, Remove, edited, find_item
from mailgate.config.faults import Fault, has_errors
from mailgate.config.forms import plain, secret_of, without_defaults
from mailgate.config.load import Loaded, load_octets
from mailgate.config.schema import settings_of
from mailgate.config.wording import shown
from mailgate.model.errors import ConflictError, ForbiddenError, MailgateError, SecretError, UnknownError
from mailgate.model.settings import Config
from mailgate.policy.setups import Setup, preset
from mailgate.ports.config_file import ConfigFile, revision_of
from mailgate.ports.secrets import Secret, SecretStore

log = logging.getLogger(__name__)

FILE_NAME: Final = "mailgate.toml"
MAX_WARNINGS: Final = 100  # told of one change
_BY_HAND_ALONE: Final = (
    "`silent_removal` of [api] is a right, and given in mailgate.toml by hand alone: nothing was changed. Whoever may write "
    "that file switches it on there, and says `mailgate reload`"
)
_OURS: Final = ("keyring:", "vault:")  # where MailGate can keep a secret


class FaultyChangeError(MailgateError):
    """What was wanted would leave the configuration with faults, so nothing was written. `faults` are all of them."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        count = len(faults)
        super().__init__(f"nothing was changed: {f'there are {count} faults' if count > 1 else str(faults[0])}")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change came to: the differences in words, warnings, and the file's new revision."""

    changes: tuple[str, ...]
    warnings: tuple[str, ...]
    revision: str


@dataclass(frozen=True, slots=True)
class Item:
    """The settings of a section or of one item, as the file would write them."""

    section: str
    name: str
    values: Mapping[str, Any]


class Reloader(Protocol):
    """The engine, as seen from here."""

    wanted: Config
    revision: str

    async def reload(self, *, by: str = "") -> "Reloading":
        """Read the configuration anew: put all of it in force, or nothing."""
        ...


class Reloading(Protocol):
    """What a reload came to."""

    @property
    def applied(self) -> bool:
        """Whether it is in force."""
        ...

    @property
    def changes(self) -> tuple[str, ...]:
        """The differences in words."""
        ...

    @property
    def faults(self) -> tuple[str, ...]:
        """Why it is not."""
        ...


class Configuring:
    """Reads and changes settings. One change at a time."""

    def __init__(self, engine: Reloader, file: ConfigFile | None, secrets: SecretStore) -> None:
        self._engine = engine
        self._file = file
        self._secrets = secrets
        self._changing = asyncio.Lock()

    # -- reading

    def section(self, section: str) -> Item:
        """Return the settings of a section that there is once, such as `internal`.

        Raises:
            UnknownError: there is none.
        """
        if section in NAMED_BY or section not in _sections():
            names = ", ".join(name for name in _sections() if name not in NAMED_BY)
            raise UnknownError(f"there is no section {shown(section)}; there are: {names}")
        return Item(section, "", plain(getattr(self._engine.wanted, section)))

    def items(self, section: str, *, text: str = "") -> tuple[Item, ...]:
        """Return all items of a list of sections, or those with `text` in one of their values, in the file's order.

        Raises:
            UnknownError: there is no such list.
        """
        _known_list(section)
        wanted = text.casefold()
        found = (self._item(section, one) for one in getattr(self._engine.wanted, section))
        return tuple(item for item in found if not wanted or wanted in str(item.values).casefold())

    def item(self, section: str, name: str) -> Item:
        """Return the settings of one item, such as an account.

        Raises:
            UnknownError: there is none, or no such list.
        """
        _known_list(section)
        found = [getattr(one, NAMED_BY[section]) for one in getattr(self._engine.wanted, section)]
        document = {section: [{NAMED_BY[section]: one} for one in found]}
        return self._item(section, getattr(self._engine.wanted, section)[find_item(document, section, name)])

    def _item(self, section: str, one: Any) -> Item:
        return Item(section, str(getattr(one, NAMED_BY[section])), plain(one))

    # -- changing

    async def add(
        self, section: str, values: Mapping[str, Any], *, by: str, secret: Secret | None = None, revision: str = ""
    ) -> Changed:
        """Add an item, such as an account; see `change` for the rest.

        Raises:
            ConflictError: an account does not say what its first session takes, or as for `change`.
        """
        _known_list(section)
        if section == "accounts" and not values.get("first_fetch"):  # or years of mail come at once
            raise ConflictError('say what the very first session takes: `first_fetch` is "all", "new" or a day')
        name = str(values.get(NAMED_BY[section], ""))
        shape = _sections()[section]

        def edits(reference: Mapping[str, str]) -> tuple[Edit, ...]:
            return (Add(section, without_defaults(shape, {**values, **reference})),)

        return await self._change(edits, section=section, name=name, by=by, secret=secret, revision=revision)

    async def change(
        self,
        section: str,
        name: str,
        values: Mapping[str, Any],
        *,
        by: str,
        secret: Secret | None = None,
        revision: str = "",
    ) -> Changed:
        """Give settings other values; None takes a line out, and the default applies.

        `name` is empty for a section that there is once. `secret` is kept where the section's reference says, or under
        a new one; the file gets the reference. `revision` is the one that the wish was made by.

        Raises:
            FaultyChangeError: the file would have faults.
            ConflictError: the file is not the one that is in force, or not that of `revision`.
            UnknownError: there is no such section or item.
            SecretError: the password cannot be kept.
            ConfigFileError: the file cannot be read or written.
        """
        current = self.item(section, name) if section in NAMED_BY else self.section(section)
        key = NAMED_BY.get(section, "")
        if section == "accounts" and values.get(key, current.name) != current.name:
            raise ConflictError(
                "an account cannot be renamed: by its name MailGate knows what it has fetched, and would fetch all "
                "of it again"
            )

        def edits(reference: Mapping[str, str]) -> tuple[Edit, ...]:
            return (Change(section, current.name, {**values, **reference}),)

        return await self._change(edits, section=section, name=current.name, by=by, secret=secret, revision=revision)

    async def remove(self, section: str, name: str, *, by: str, revision: str = "") -> Changed:
        """Take an item out. An account is also taken out of the lists of the recipients that get mail from it.

        Raises:
            ConflictError: a recipient gets mail from this account alone, or as for `change`.
        """
        current = self.item(section, name)
        edits: tuple[Edit, ...] = (Remove(section, current.name),)
        if section == "accounts":
            edits = (*_without_account(self._engine.wanted, current.name), *edits)
        done = await self._change(lambda _: edits, section=section, name=current.name, by=by, revision=revision)
        reference = str(current.values.get(secret_of(_sections()[section]), ""))
        if reference.startswith(_OURS) and reference not in _references(self._engine.wanted):
            told = f"The password is still stored; `mailgate secrets delete {reference}` removes it."
            done = Changed(done.changes, (*done.warnings, told), done.revision)
        return done

    async def set_up(
        self,
        name: str,
        setup: Setup,
        recipients: tuple[str, ...],
        *,
        by: str,
        envelope_header: str = "",
        address: str = "",
        revision: str = "",
    ) -> Changed:
        """Give an account and its recipients the settings of a set-up; without names, all recipients that get its mail.

        Raises:
            AddressError: the set-up needs an address, and there is none.
            ConflictError: there is no recipient; or as for `change`.
        """
        wanted = self._engine.wanted
        account = next(one for one in wanted.accounts if one.name == self.item("accounts", name).name)
        if recipients:
            names = {self.item("recipients", one).name for one in recipients}
            chosen = [one for one in wanted.recipients if one.address in names]
        else:
            chosen = [one for one in wanted.recipients if not one.accounts or account.name in one.accounts]
        if not chosen:
            raise ConflictError("there is no recipient that gets mail of this account: add one first, or name some")
        done = preset(setup, account, chosen, envelope_header=envelope_header, address=address)
        edits = [_difference("accounts", account.name, account, done.account)]
        edits += [
            _difference("recipients", before.address, before, after)
            for before, after in zip(chosen, done.recipients, strict=True)
        ]
        return await self.apply(tuple(edits), by=by, revision=revision)

    async def keep_secret(self, reference: str, secret: Secret, *, by: str) -> None:
        """Store a secret under a reference of the keyring or the vault.

        Raises:
            SecretError: it cannot be kept.
        """
        if not secret.reveal():
            raise SecretError("the secret is empty: nothing was stored")
        await self._secrets.set(reference, secret)
        log.info("the secret %s was stored by %s", reference, by)

    async def apply(self, edits: tuple[Edit, ...], *, by: str, revision: str = "") -> Changed:
        """Make several edits as one change; raises as `change` does."""
        return await self._change(lambda _: edits, section="", name="", by=by, revision=revision)

    async def tried(self, edits: tuple[Edit, ...]) -> Config:
        """Return the configuration as it would be with `edits`; nothing is written.

        Raises:
            FaultyChangeError: it would have faults.
        """
        former = await self._former("")
        loaded = await asyncio.to_thread(_prepare, former, edits)
        if loaded.config is None:
            raise FaultyChangeError(_errors(loaded))
        return loaded.config

    async def _change(
        self,
        edits: Callable[[Mapping[str, str]], tuple[Edit, ...]],
        *,
        section: str,
        name: str,
        by: str,
        secret: Secret | None = None,
        revision: str = "",
    ) -> Changed:
        async with self._changing:
            former = await self._former(revision)
            reference = self._reference(section, name) if secret else {}
            loaded = await asyncio.to_thread(_prepare, former, edits(reference))
            if loaded.config is None:
                raise FaultyChangeError(_errors(loaded))
            if loaded.config.api.silent_removal and not self._engine.wanted.api.silent_removal:
                raise ForbiddenError(_BY_HAND_ALONE)  # nobody gives himself a right
            take_back: Callable[[], Awaitable[None]] = _nothing
            if secret:
                kept, take_back = await self._keep(reference, secret)
                if kept != reference:  # there is no keyring here: in the vault then
                    loaded = await asyncio.to_thread(_prepare, former, edits(kept))
            try:
                applied = await self._write(former, loaded.octets, by=by)
            except BaseException:
                await asyncio.shield(take_back())
                raise
            return Changed(
                changes=applied,
                warnings=tuple(str(fault) for fault in loaded.faults[:MAX_WARNINGS]),
                revision=self._engine.revision,
            )

    async def _former(self, revision: str) -> bytes:
        if self._file is None:
            raise ConflictError("this engine runs without a configuration file")
        former = await asyncio.to_thread(self._file.read)
        now = revision_of(former)
        if now != self._engine.revision:
            raise ConflictError(
                f"{FILE_NAME} was changed by hand and is not in force yet: run `mailgate reload`, then try again"
            )
        if revision not in {"", now}:
            raise ConflictError("the settings were changed meanwhile: look at them anew, then try again")
        return former

    async def _write(self, former: bytes, octets: bytes, *, by: str) -> tuple[str, ...]:
        """Write and put in force; return the differences. What cannot be put in force is taken back."""
        file = self._file
        if file is None or octets == former:
            return ()
        await asyncio.to_thread(file.replace, former, octets)
        # From here on to the end: a cut would leave a file that is not in force, and only half of a change.
        reloaded = await asyncio.shield(self._engine.reload(by=by))
        if not reloaded.applied:
            await asyncio.to_thread(file.replace, octets, former)
            await self._engine.reload(by=by)
            raise ConflictError(f"nothing was changed: {'; '.join(reloaded.faults)}")
        return reloaded.changes

    def _reference(self, section: str, name: str) -> dict[str, str]:
        """Return the setting that holds the reference, and the reference that a new password gets.

        Raises:
            ConflictError: the section has no password.
        """
        setting = secret_of(_sections()[section])
        if not setting:
            raise ConflictError(f"there is no password in the settings of {section}")
        wanted = self._engine.wanted
        used = _references(wanted)
        if section in NAMED_BY:
            items = {getattr(one, NAMED_BY[section]).casefold(): one for one in getattr(wanted, section)}
            current = items.get(name.casefold())
        else:
            current = getattr(wanted, section)
        old = getattr(current, setting) if current is not None else ""
        if old.startswith(_OURS) and used.count(old) == 1:
            return {setting: old}
        base = name or {"api": "app"}.get(section, section)
        kind = old.partition(":")[0] if old.startswith(_OURS) else "keyring"
        candidates = (f"{kind}:{base}", *(f"{kind}:{base}-{number}" for number in range(2, 1000)))
        return {setting: next((one for one in candidates if one not in used), candidates[0])}

    async def _keep(
        self, reference: Mapping[str, str], secret: Secret
    ) -> tuple[Mapping[str, str], Callable[[], Awaitable[None]]]:
        """Store the secret, in the vault where there is no keyring; return where, and what takes it back."""
        [(setting, ref)] = reference.items()
        former = await self._secret_or_none(ref)
        try:
            await self._secrets.set(ref, secret)
        except SecretError:
            if not ref.startswith("keyring:"):
                raise
            ref = f"vault:{ref.partition(':')[2]}"
            former = await self._secret_or_none(ref)
            await self._secrets.set(ref, secret)

        async def take_back() -> None:
            with contextlib.suppress(SecretError):
                await (self._secrets.set(ref, former) if former else self._secrets.delete(ref))

        return {setting: ref}, take_back

    async def _secret_or_none(self, ref: str) -> Secret | None:
        try:
            return await self._secrets.get(ref)
        except SecretError:
            return None


async def _nothing() -> None:
    """Take nothing back."""


def _prepare(former: bytes, edits: tuple[Edit, ...]) -> Loaded:
    """Return what the file would hold; blocks for a while where it is large."""
    octets = edited(former.decode(), edits).encode()
    return load_octets(octets, name=FILE_NAME)


def _errors(loaded: Loaded) -> tuple[Fault, ...]:
    return tuple(fault for fault in loaded.faults if has_errors((fault,)))


def _difference(section: str, name: str, before: Any, after: Any) -> Change:
    """Return the change that makes `after` of `before`; what takes its default is left to it."""
    old, new = plain(before), plain(after)
    told = without_defaults(type(after), new)
    return Change(section, name, {key: told.get(key) for key, value in new.items() if value != old[key]})


def _known_list(section: str) -> None:
    if section not in NAMED_BY:
        raise UnknownError(f"there is no list of {shown(section)}; there are: {', '.join(NAMED_BY)}")


def _sections() -> dict[str, type[Any]]:
    return {setting.name: setting.section for setting in settings_of(Config) if setting.section}


def _references(config: Config) -> list[str]:
    """Return every reference to a secret, as often as it is used."""
    accounts = [account.password for account in config.accounts]
    return [ref for ref in (config.internal.password, config.api.app_password, *accounts) if ref]


def _without_account(config: Config, name: str) -> tuple[Edit, ...]:
    """Return the edits that take an account out of the lists of recipients and of mailing lists.

    Raises:
        ConflictError: one would get mail from all accounts then, since it has no other.
    """
    edits: list[Edit] = []
    alone: list[str] = []
    for section in ("recipients", "lists"):  # what names the accounts that it is for
        for one in getattr(config, section):
            if name not in one.accounts:
                continue
            title = str(getattr(one, NAMED_BY[section]))
            rest = [other for other in one.accounts if other != name]
            if rest:
                edits.append(Change(section, title, {"accounts": rest}))
            else:
                alone.append(title)
    if alone:
        more = f" and {len(alone) - 5} more" if len(alone) > 5 else ""  # noqa: PLR2004
        raise ConflictError(
            f"{', '.join(alone[:5])}{more} get mail from account {name} alone: change their `accounts`, or remove "
            "them first"
        )
    return tuple(edits)
