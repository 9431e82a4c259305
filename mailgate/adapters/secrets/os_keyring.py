"""The operating system's keyring, in a thread and with a time limit: it may wait for a person who is not there.

The one door to the `keyring` library, which is imported at first use: it looks for backends and takes memory.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, Protocol, TypeVar

from mailgate.model.errors import SecretError
from mailgate.ports.secrets import Secret

SERVICE: Final = "MailGate"

T = TypeVar("T")


class Backend(Protocol):
    """What we ask of a backend of `keyring`."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return a password, or None."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store a password."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Remove a password."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _Fault:
    """What went wrong, as text alone: the library's exception and its frames may hold the secret."""

    text: str


class OsKeyring:
    """Secrets by name in the keyring of the user that runs this process.

    Calls go one after the other. A call that does not answer in time keeps its thread; until it ends, further calls
    fail at once, so a locked keyring costs one thread and not one for each try. `timeout` limits one call, and may be
    changed at any time.
    """

    def __init__(self, timeout: timedelta, *, backend: Backend | None = None) -> None:
        self.timeout = timeout
        self._backend = backend
        self._turn = asyncio.Lock()
        self._last: Future[Any] | None = None
        self._silent = False

    async def get(self, name: str) -> Secret:
        """Return a secret.

        Raises:
            SecretError: there is none, or the keyring is missing, locked or silent.
        """
        value = await self._ask(name, lambda backend: backend.get_password(SERVICE, name))
        if value is None:
            raise SecretError(
                f"keyring:{name}: there is no such secret: store it by `mailgate secrets set keyring:{name}`, as the "
                "user that runs the engine"
            ).because("secret_missing", reference=f"keyring:{name}")
        return Secret(value)

    async def set(self, name: str, secret: Secret) -> None:
        """Store a secret, and read it again: there are backends that forget everything without a word.

        Raises:
            SecretError: the keyring is missing, locked or silent, or does not keep the secret.
        """

        def store_and_look(backend: Backend) -> bool:
            backend.set_password(SERVICE, name, secret.reveal())
            return backend.get_password(SERVICE, name) == secret.reveal()

        if not await self._ask(name, store_and_look):
            raise SecretError(
                f"keyring:{name}: the keyring did not keep the secret: keep it in the vault by "
                f"`mailgate secrets set vault:{name}`"
            )

    async def delete(self, name: str) -> bool:
        """Remove a secret; return False when there was none.

        Raises:
            SecretError: the keyring is missing, locked or silent.
        """

        def remove(backend: Backend) -> bool:
            known = backend.get_password(SERVICE, name) is not None
            if known:
                backend.delete_password(SERVICE, name)
            return known

        return await self._ask(name, remove)

    async def describe(self) -> str:
        """Return which keyring this is, for people; never raises."""
        try:
            kind = await self._ask("", type)
        except SecretError as exc:
            return str(exc)
        module = kind.__module__.rpartition(".")[2]
        if module in {"fail", "null"}:
            return "no keyring on this machine: use vault:NAME"
        return f"{module} ({kind.__module__}.{kind.__qualname__})"

    async def _ask(self, name: str, call: Callable[[Backend], T]) -> T:
        """Return what `call` returns, from a thread of its own and within the time limit."""
        async with self._turn:
            # A call may be left over: it was silent, or nobody waited for it to the end; that one deserves its time.
            left_over = self._last if self._last is not None and not self._last.done() else None
            if left_over is not None and (self._silent or not await self._answered(left_over)):
                raise self._no_answer(name)
            self._last = future = self._start(name, call)
            self._silent = False
            if not await self._answered(future):
                raise self._no_answer(name)
        outcome = future.result()
        if isinstance(outcome, _Fault):
            raise SecretError(outcome.text)
        return outcome.value

    def _start(self, name: str, call: Callable[[Backend], T]) -> Future[_Answer[T] | _Fault]:
        """Begin the call. The thread is a daemon: one that waits for a person must not keep the process alive."""
        future: Future[_Answer[T] | _Fault] = Future()
        future.set_running_or_notify_cancel()  # from here on cancelling the waiter leaves it alone

        def run() -> None:
            try:
                backend = self._backend if self._backend is not None else _find_backend()
                outcome: _Answer[T] | _Fault = _Answer(call(backend))
            except Exception as exc:  # noqa: BLE001 backends raise whatever their library does
                outcome = _Fault(_fault_text(name, exc))
            future.set_result(outcome)

        threading.Thread(target=run, name="keyring", daemon=True).start()
        return future

    async def _answered(self, future: Future[Any]) -> bool:
        """Return whether the answer came in time."""
        await asyncio.wait([asyncio.wrap_future(future)], timeout=self.timeout.total_seconds())
        self._silent = not future.done()
        return not self._silent

    def _no_answer(self, name: str) -> SecretError:
        return SecretError(
            f"{_label(name)}the keyring did not answer within {self.timeout.total_seconds():g} s: unlock it, or keep the secret in "
            f"the vault: `mailgate secrets set vault:{name or 'NAME'}`"
        )


def _find_backend() -> Backend:
    """Return the backend that the library chooses for this machine."""
    import keyring  # noqa: PLC0415 see the module's docstring

    return keyring.get_keyring()


def _fault_text(name: str, exc: Exception) -> str:
    """Return what to tell the operator about a backend's exception; its own words might hold the secret."""
    from keyring.errors import InitError, KeyringLocked, NoKeyringError  # noqa: PLC0415 as above

    if isinstance(exc, NoKeyringError):
        reason = "there is no keyring on this machine or for this user"
    elif isinstance(exc, KeyringLocked | InitError):
        reason = "the keyring is locked: unlock it"
    else:
        reason = f"the keyring failed ({type(exc).__name__})"
    return f"{_label(name)}{reason}, or keep the secret in the vault: `mailgate secrets set vault:{name or 'NAME'}`"


def _label(name: str) -> str:
    return f"keyring:{name}: " if name else ""
