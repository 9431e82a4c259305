"""Secrets by reference: which keeper is asked, and what is said when it has nothing."""

import asyncio
import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from mailgate.adapters.platform.files import RealFiles
from mailgate.adapters.platform.system import POSIX, WINDOWS, detect
from mailgate.adapters.secrets.plain import MAX_SECRET_OCTETS
from mailgate.adapters.secrets.store import Secrets
from mailgate.model.errors import SecretError
from mailgate.ports.secrets import Secret, SecretName, SecretStore

SECRET = "korrekt-Pferd-7461"

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no mode bits and named pipes")


class MemoryBackend:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend()


@pytest.fixture
def environ() -> dict[str, str]:
    return {"MAIL_PASSWORD": SECRET, "EMPTY": "", "LATIN1": "gr\udcfcn"}


@pytest.fixture
def secrets(tmp_path: Path, backend: MemoryBackend, environ: dict[str, str]) -> SecretStore:
    return Secrets(tmp_path, RealFiles(detect()), timedelta(seconds=5), backend=backend, environ=environ)


@pytest.mark.parametrize("ref", ["keyring:office", "vault:office", "keyring:anna@example.org", "vault:in/2.b+c"])
async def test_what_was_stored_is_read_again_listed_and_removed(secrets: SecretStore, ref: str) -> None:
    await secrets.set(ref, Secret("old"))
    await secrets.set(ref, Secret(SECRET))
    assert await secrets.get(ref) == Secret(SECRET)
    assert [name.ref for name in await secrets.names()] == [ref]
    await secrets.delete(ref)
    assert await secrets.names() == ()
    with pytest.raises(SecretError, match="there is no such secret"):
        await secrets.get(ref)
    with pytest.raises(SecretError, match="there is no such secret"):
        await secrets.delete(ref)


async def test_the_list_says_where_each_secret_is(secrets: SecretStore, tmp_path: Path) -> None:
    for ref in ("vault:b", "keyring:z", "vault:a", "keyring:y"):
        await secrets.set(ref, Secret(SECRET))
    assert await secrets.names() == (
        SecretName("keyring:y", "the operating system's keyring"),
        SecretName("keyring:z", "the operating system's keyring"),
        SecretName("vault:a", str(tmp_path / "secrets.vault")),
        SecretName("vault:b", str(tmp_path / "secrets.vault")),
    )


async def test_the_keyring_files_secrets_under_the_name_of_the_product(
    secrets: SecretStore, backend: MemoryBackend
) -> None:
    await secrets.set("keyring:office", Secret(SECRET))
    assert backend.held == {("MailGate", "office"): SECRET}


async def test_a_name_noted_for_a_secret_that_is_gone_can_be_removed(
    secrets: SecretStore, backend: MemoryBackend
) -> None:
    await secrets.set("keyring:office", Secret(SECRET))
    backend.held.clear()
    with pytest.raises(SecretError, match="there is no such secret"):
        await secrets.delete("keyring:office")
    assert await secrets.names() == ()


async def test_no_file_holds_a_secret_in_the_clear(secrets: SecretStore, tmp_path: Path) -> None:
    await secrets.set("keyring:office", Secret(SECRET))
    await secrets.set("vault:office", Secret(SECRET))
    files = [tmp_path / name for name in os.listdir(tmp_path)]  # noqa: PTH208 pathlib's own blocks in a coroutine
    assert {path.name for path in files} == {"secrets.json", "secrets.lock", "secrets.vault", "vault.key"}
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert json.loads((tmp_path / "secrets.json").read_text()) == {"version": 1, "keyring": ["office"]}
    if sys.platform != "win32":
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


@pytest.mark.parametrize("ref", [SECRET, f"pop:{SECRET}", "", ":", "vault:", "Vault:x", f"KEYRING:{SECRET}"])
async def test_what_is_no_reference_is_refused_by_naming_the_four_and_not_repeated(
    secrets: SecretStore, ref: str
) -> None:
    for attempt in (secrets.get(ref), secrets.set(ref, Secret(SECRET)), secrets.delete(ref)):
        with pytest.raises(SecretError, match=r"keyring:NAME, vault:NAME, file:PATH or env:NAME") as caught:
            await attempt
        assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    "ref",
    ["vault:two words", "keyring:.hidden", "vault:a\nb", "keyring:" + "a" * 129, "vault:ä", "file:a\0b", "env:\0"],
)
async def test_a_strange_name_is_refused(secrets: SecretStore, ref: str) -> None:
    with pytest.raises(SecretError, match="not a name for a secret"):
        await secrets.get(ref)


@pytest.mark.parametrize("ref", ["file:password", "env:MAIL_PASSWORD"])
async def test_files_and_environment_are_only_read(secrets: SecretStore, ref: str) -> None:
    with pytest.raises(SecretError, match="MailGate only reads it"):
        await secrets.set(ref, Secret(SECRET))
    with pytest.raises(SecretError, match="MailGate only reads it"):
        await secrets.delete(ref)


async def test_the_environment_gives_what_it_holds(secrets: SecretStore) -> None:
    assert await secrets.get("env:MAIL_PASSWORD") == Secret(SECRET)


@pytest.mark.parametrize(("name", "text"), [("EMPTY", "not set, or empty"), ("NONE", "not set"), ("LATIN1", "UTF-8")])
async def test_an_environment_without_the_secret_says_so(secrets: SecretStore, name: str, text: str) -> None:
    with pytest.raises(SecretError, match=text):
        await secrets.get(f"env:{name}")


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        (b"grun", "grun"),
        (b"grun\n", "grun"),
        (b"grun\r\n", "grun"),
        (b" two words \n", " two words "),
        (b"first\nsecond\n", "first"),
        ("\ufeffgrün\n".encode(), "grün"),
    ],
)
async def test_a_file_gives_its_first_line(secrets: SecretStore, tmp_path: Path, octets: bytes, value: str) -> None:
    (tmp_path / "password").write_bytes(octets)
    (tmp_path / "password").chmod(0o640)
    assert await secrets.get("file:password") == Secret(value)
    assert await secrets.get(f"file:{tmp_path / 'password'}") == Secret(value)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", "is empty"),
        (b"\nsecond", "is empty"),
        (SECRET.encode() + b"\xff", "not UTF-8"),
        (b"x" * (MAX_SECRET_OCTETS + 1), "too large"),
    ],
)
async def test_a_file_that_holds_no_secret_says_why(
    secrets: SecretStore, tmp_path: Path, octets: bytes, text: str
) -> None:
    (tmp_path / "password").write_bytes(octets)
    (tmp_path / "password").chmod(0o600)
    with pytest.raises(SecretError, match=text) as caught:
        await secrets.get("file:password")
    assert SECRET not in "".join(map(repr, (caught.value, caught.value.__context__, caught.value.__cause__)))


@posix_only
@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o644])
async def test_a_file_open_to_others_is_refused_with_the_command_that_closes_it(tmp_path: Path, mode: int) -> None:
    (tmp_path / "password").write_text(SECRET)
    (tmp_path / "password").chmod(mode)
    files = RealFiles(POSIX)
    with pytest.raises(SecretError, match=f"chmod g-w,o= {tmp_path / 'password'}"):
        await Secrets(tmp_path, files, timedelta(seconds=5), system=POSIX).get("file:password")
    assert await Secrets(tmp_path, files, timedelta(seconds=5), system=WINDOWS).get("file:password") == Secret(SECRET)


@posix_only
async def test_a_missing_file_a_directory_and_a_pipe_are_refused(secrets: SecretStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SecretError, match="cannot be read"):
        await secrets.get("file:missing")
    for name in ("pipe", "folder"):
        with pytest.raises(SecretError, match="not a plain file"):
            await secrets.get(f"file:{name}")


@pytest.mark.parametrize("ref", ["keyring:office", "vault:office"])
async def test_a_secret_that_is_no_text_is_refused_without_repeating_it(secrets: SecretStore, ref: str) -> None:
    with pytest.raises(SecretError, match="not UTF-8 text") as caught:
        await secrets.set(ref, Secret(SECRET + "\udcff"))
    assert caught.value.__context__ is None
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize("octets", [b"", b"[]", b"{}", b'{"keyring": 7}', b"\xff", b"[" * 100_000])
async def test_a_damaged_list_of_names_can_be_removed(secrets: SecretStore, tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "secrets.json").write_bytes(octets)
    with pytest.raises(SecretError, match=r"secrets\.json is damaged"):
        await secrets.names()
    (tmp_path / "secrets.json").unlink()
    assert await secrets.names() == ()


async def test_trouble_with_the_disk_is_told_with_reference_and_path(tmp_path: Path) -> None:
    gone = Secrets(tmp_path / "gone", RealFiles(detect()), timedelta(seconds=5))
    with pytest.raises(SecretError, match=r"vault:office: .*gone.*: No such file"):
        await gone.set("vault:office", Secret(SECRET))


async def test_writers_at_the_same_time_lose_nothing(secrets: SecretStore) -> None:
    refs = [f"{kind}:name-{number}" for kind in ("vault", "keyring") for number in range(6)]
    async with asyncio.TaskGroup() as group:
        for ref in refs:
            group.create_task(secrets.set(ref, Secret(ref)))
    assert {name.ref for name in await secrets.names()} == set(refs)
    assert [await secrets.get(ref) for ref in refs] == [Secret(ref) for ref in refs]


async def test_people_are_told_which_keyring_this_is(secrets: SecretStore) -> None:
    assert await secrets.describe() == f"{__name__.rpartition('.')[2]} ({__name__}.MemoryBackend)"
