"""The operating system's keyring as it may behave: missing, locked, silent, forgetful or broken."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import InitError, KeyringLocked, PasswordSetError

from mailgate.adapters.platform.files import RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.adapters.secrets.os_keyring import OsKeyring
from mailgate.adapters.secrets.store import Secrets
from mailgate.model.errors import SecretError
from mailgate.ports.secrets import Secret

SECRET = "korrekt-Pferd-7461"
LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=50)


class MemoryKeyring(KeyringBackend):
    """A backend of the library, in memory; never chosen by itself."""

    priority = -1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # the library's
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


class FaultyKeyring(MemoryKeyring):
    """Raises the same for everything."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error


class WaitingKeyring(MemoryKeyring):
    """Waits for somebody to type a password, as a locked one does; `unlock` is that person."""

    def __init__(self) -> None:
        super().__init__()
        self.unlock = threading.Event()
        self.asked = threading.Event()
        self.calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        self.asked.set()
        self.unlock.wait()
        return super().get_password(service, username)


@pytest.fixture
def waiting() -> Iterator[WaitingKeyring]:
    made = WaitingKeyring()
    yield made
    made.unlock.set()
    for thread in threading.enumerate():
        if thread.name == "keyring":
            thread.join(10)


def everything_said(error: BaseException) -> str:
    said = ""
    walk: BaseException | None = error
    while walk is not None:
        said += f"{walk!s} {walk!r} "
        walk = walk.__cause__ or walk.__context__
    return said


async def test_a_silent_keyring_costs_its_time_limit_and_the_error_says_what_to_do(waiting: WaitingKeyring) -> None:
    with pytest.raises(SecretError) as caught:
        await OsKeyring(SHORT, backend=waiting).get("office")
    assert str(caught.value) == (
        "keyring:office: the keyring did not answer within 0.05 s: unlock it, or keep the secret in the vault: "
        "`mailgate secrets set vault:office`"
    )


async def test_while_a_keyring_is_silent_no_second_call_is_begun(waiting: WaitingKeyring) -> None:
    ring = OsKeyring(SHORT, backend=waiting)
    answers = await asyncio.gather(*(ring.get("office") for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {SecretError}
    assert waiting.calls == 1
    assert len([thread for thread in threading.enumerate() if thread.name == "keyring"]) == 1


async def test_a_keyring_that_was_unlocked_after_all_is_asked_again(waiting: WaitingKeyring) -> None:
    waiting.held["MailGate", "office"] = SECRET
    ring = OsKeyring(SHORT, backend=waiting)
    with pytest.raises(SecretError, match="did not answer"):
        await ring.get("office")
    waiting.unlock.set()
    for thread in threading.enumerate():
        if thread.name == "keyring":
            await asyncio.to_thread(thread.join)
    assert await OsKeyring.get(ring, "office") == Secret(SECRET)


async def test_who_comes_after_a_cancelled_call_waits_for_it_and_is_answered(waiting: WaitingKeyring) -> None:
    waiting.held["MailGate", "office"] = SECRET
    ring = OsKeyring(LONG, backend=waiting)
    first = asyncio.ensure_future(ring.get("office"))
    await asyncio.to_thread(waiting.asked.wait)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.ensure_future(ring.get("office"))
    waiting.unlock.set()
    assert await second == Secret(SECRET)


async def test_the_engine_goes_on_while_the_keyring_waits(waiting: WaitingKeyring) -> None:
    waiting.held["MailGate", "office"] = SECRET
    answer = asyncio.ensure_future(OsKeyring(LONG, backend=waiting).get("office"))
    await asyncio.to_thread(waiting.asked.wait)
    assert not answer.done()
    waiting.unlock.set()
    assert await answer == Secret(SECRET)


async def test_a_machine_without_a_keyring_is_pointed_to_the_vault() -> None:
    ring = OsKeyring(LONG, backend=keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call] # the library's
    with pytest.raises(SecretError, match=r"no keyring on this machine.*mailgate secrets set vault:office"):
        await ring.get("office")
    assert await ring.describe() == "no keyring on this machine: use vault:NAME"


async def test_a_keyring_that_forgets_without_a_word_is_found_out() -> None:
    ring = OsKeyring(LONG, backend=keyring.backends.null.Keyring())  # type: ignore[no-untyped-call] # the library's
    with pytest.raises(SecretError, match=r"did not keep the secret.*vault:office"):
        await ring.set("office", Secret(SECRET))
    assert await ring.describe() == "no keyring on this machine: use vault:NAME"


@pytest.mark.parametrize("error", [InitError("Prompt dismissed"), KeyringLocked("locked")])
async def test_a_locked_keyring_is_to_be_unlocked(error: Exception) -> None:
    with pytest.raises(SecretError, match=r"is locked: unlock it, or keep the secret in the vault"):
        await OsKeyring(LONG, backend=FaultyKeyring(error)).get("office")


@pytest.mark.parametrize(
    "error", [PasswordSetError(f"cannot store {SECRET}"), RuntimeError(SECRET), OSError(5, SECRET)]
)
async def test_a_broken_keyring_is_named_by_its_kind_of_error_and_no_secret_gets_out(
    error: Exception, tmp_path: Path
) -> None:
    store = Secrets(tmp_path, RealFiles(detect()), LONG, backend=FaultyKeyring(error))
    with pytest.raises(SecretError, match=rf"keyring:office: the keyring failed \({type(error).__name__}\)") as caught:
        await store.set("keyring:office", Secret(SECRET))
    assert SECRET not in everything_said(caught.value)
    assert await store.names() == ()


async def test_the_keyring_of_the_machine_is_described_by_its_backend() -> None:
    described = await OsKeyring(LONG, backend=MemoryKeyring()).describe()
    assert described == f"test_secrets_keyring ({__name__}.MemoryKeyring)"


async def test_a_silent_or_broken_keyring_is_described_in_words(waiting: WaitingKeyring) -> None:
    ring = OsKeyring(SHORT, backend=waiting)
    with pytest.raises(SecretError):
        await ring.get("office")
    assert "did not answer within 0.05 s" in await ring.describe()


async def test_the_library_chooses_the_backend_where_nobody_else_does() -> None:
    before = keyring.get_keyring()
    chosen = MemoryKeyring()
    chosen.held["MailGate", "office"] = SECRET
    keyring.set_keyring(chosen)
    try:
        assert await OsKeyring(LONG).get("office") == Secret(SECRET)
    finally:
        keyring.set_keyring(before)


def test_an_engine_that_needs_neither_keyring_nor_vault_loads_neither_library() -> None:
    code = "import sys, mailgate.adapters.secrets.store; sys.exit(any(m in sys.modules for m in ('keyring', 'cryptography')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
