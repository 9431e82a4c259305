"""The vault: what opens it, what does not, and that a cut leaves the old secret or the new one."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mailgate.adapters.platform.files import Files, RealFiles
from mailgate.adapters.platform.lock import FileLock
from mailgate.adapters.platform.system import POSIX, WINDOWS, detect
from mailgate.adapters.secrets.vault import Vault
from mailgate.model.errors import SecretError
from mailgate.ports.secrets import Secret
from tests.fakes.recorder_files import RecorderFiles
from tests.fakes.windows_files import WindowsFiles

SECRET = "korrekt-Pferd-7461"

WRITER = """
import pathlib, sys
from mailgate.adapters.platform.files import RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.adapters.secrets.vault import Vault
from mailgate.ports.secrets import Secret
vault = Vault(pathlib.Path(sys.argv[1]), RealFiles(detect()), system=detect(), environ={})
for number in range(10):
    vault.set(f"{sys.argv[2]}{number}", Secret("x"))
"""


def open_vault(data_dir: Path, files: Files | None = None, *, credentials: Path | None = None) -> Vault:
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)} if credentials else {}
    return Vault(data_dir, files or RealFiles(detect()), system=POSIX, environ=environ, wait=lambda _: None)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    made = open_vault(tmp_path)
    made.set("office", Secret(SECRET))
    made.set("smarthost", Secret("other"))
    return made


def entries(data_dir: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((data_dir / "secrets.vault").read_text())["entries"]
    return found


def put_entries(data_dir: Path, entries: dict[str, str]) -> None:
    (data_dir / "secrets.vault").write_text(json.dumps({"version": 1, "entries": entries}))


@pytest.mark.parametrize("value", ["", "x", "grün 🔑\n", "a" * 100_000])
def test_any_text_comes_back_as_it_was(tmp_path: Path, value: str) -> None:
    open_vault(tmp_path).set("office", Secret(value))
    assert open_vault(tmp_path).get("office") == Secret(value)


def test_the_key_is_made_once_by_chance_and_is_ours_alone(vault: Vault, tmp_path: Path) -> None:
    key = (tmp_path / "vault.key").read_bytes()
    vault.set("third", Secret("x"))
    assert (len(key), (tmp_path / "vault.key").read_bytes()) == (32, key)
    if sys.platform != "win32":
        assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600


def test_the_same_secret_never_looks_the_same_twice(vault: Vault, tmp_path: Path) -> None:
    before = entries(tmp_path)["office"]
    vault.set("office", Secret(SECRET))
    assert entries(tmp_path)["office"] != before


def test_looking_into_an_empty_vault_makes_no_files(tmp_path: Path) -> None:
    assert open_vault(tmp_path).names() == ()
    with pytest.raises(SecretError, match="mailgate secrets set vault:office"):
        open_vault(tmp_path).get("office")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("position", [0, 5, 11, 12, 20, -1])
def test_a_changed_octet_anywhere_is_noticed(vault: Vault, tmp_path: Path, position: int) -> None:
    sealed = bytearray(base64.b64decode(entries(tmp_path)["office"]))
    sealed[position] ^= 1
    put_entries(tmp_path, {**entries(tmp_path), "office": base64.b64encode(sealed).decode()})
    with pytest.raises(SecretError, match=r"vault:office: it cannot be decrypted.*tampered with or damaged") as caught:
        vault.get("office")
    assert SECRET not in repr(caught.value)
    assert vault.get("smarthost") == Secret("other")


def test_entries_cannot_be_swapped(vault: Vault, tmp_path: Path) -> None:
    old = entries(tmp_path)
    put_entries(tmp_path, {"office": old["smarthost"], "smarthost": old["office"]})
    with pytest.raises(SecretError, match="cannot be decrypted"):
        vault.get("office")


@pytest.mark.parametrize("entry", ["", "AAAA", "not base64!", "ä"])
def test_an_entry_that_is_none_is_refused(vault: Vault, tmp_path: Path, entry: str) -> None:
    put_entries(tmp_path, {**entries(tmp_path), "office": entry})
    with pytest.raises(SecretError, match="cannot be decrypted"):
        vault.get("office")


def test_a_damaged_entry_can_be_stored_anew(vault: Vault, tmp_path: Path) -> None:
    put_entries(tmp_path, {**entries(tmp_path), "office": "AAAA"})
    vault.set("office", Secret("new"))
    assert (vault.get("office"), vault.get("smarthost")) == (Secret("new"), Secret("other"))


def test_another_key_opens_nothing_and_may_not_add_to_what_it_cannot_open(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "vault.key").write_bytes(os.urandom(32))
    before = (tmp_path / "secrets.vault").read_bytes()
    with pytest.raises(SecretError, match=r"or .*vault\.key is not its key"):
        vault.get("office")
    with pytest.raises(SecretError, match="nothing was stored"):
        vault.set("third", Secret(SECRET))
    assert (tmp_path / "secrets.vault").read_bytes() == before


def test_a_lost_key_is_reported_and_no_other_one_made_in_its_place(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "vault.key").unlink()
    for attempt in (lambda: vault.get("office"), lambda: vault.set("third", Secret(SECRET))):
        with pytest.raises(SecretError, match=r"vault\.key is missing"):
            attempt()
    assert not (tmp_path / "vault.key").exists()
    assert vault.names() == ("office", "smarthost")


def test_without_its_key_a_vault_can_be_emptied_and_begun_anew(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "vault.key").unlink()
    vault.delete("office")
    vault.delete("smarthost")
    vault.set("office", Secret("new"))
    assert vault.get("office") == Secret("new")


@pytest.mark.parametrize("octets", [b"", b"short", b"x" * 33, b"!" * 44])
def test_a_key_of_the_wrong_size_is_none(vault: Vault, tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "vault.key").write_bytes(octets)
    with pytest.raises(SecretError, match="is not a key: it must hold 32 octets"):
        vault.get("office")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no mode bits")
def test_a_key_open_to_others_is_refused_with_the_command_that_closes_it(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "vault.key").chmod(0o640)
    with pytest.raises(SecretError, match=f"chmod 600 {tmp_path / 'vault.key'}"):
        vault.get("office")
    windows = Vault(tmp_path, WindowsFiles(), system=WINDOWS, environ={})
    assert windows.get("office") == Secret(SECRET)


@pytest.mark.parametrize("pack", [bytes, lambda key: base64.b64encode(key) + b"\n"])
def test_a_credential_of_systemd_is_the_key_before_any_file(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    credentials, data_dir = tmp_path / "credentials", tmp_path / "data"
    credentials.mkdir()
    data_dir.mkdir()
    (credentials / "mailgate.key").write_bytes(pack(os.urandom(32)))
    (credentials / "mailgate.key").chmod(0o440)
    open_vault(data_dir, credentials=credentials).set("office", Secret(SECRET))
    assert not (data_dir / "vault.key").exists()
    assert open_vault(data_dir, credentials=credentials).get("office") == Secret(SECRET)
    with pytest.raises(SecretError, match=r"vault\.key is missing"):
        open_vault(data_dir).get("office")


def test_credentials_without_our_key_leave_the_file_in_force(vault: Vault, tmp_path: Path) -> None:
    assert open_vault(tmp_path, credentials=tmp_path / "none").get("office") == Secret(SECRET)


@pytest.mark.parametrize("octets", [b"", b"[]", b"{}", b'{"version": 1, "entries": []}', b"\xff", b"[" * 100_000])
def test_a_damaged_vault_is_reported_and_never_overwritten(vault: Vault, tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "secrets.vault").write_bytes(octets)
    for attempt in (vault.names, lambda: vault.get("office"), lambda: vault.set("x", Secret(SECRET))):
        with pytest.raises(SecretError, match=r"secrets\.vault is damaged"):
            attempt()
    assert (tmp_path / "secrets.vault").read_bytes() == octets


def test_a_newer_vault_is_left_alone(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "secrets.vault").write_text('{"version": 2, "entries": {}}')
    with pytest.raises(SecretError, match="newer MailGate"):
        vault.set("office", Secret(SECRET))


def test_a_writer_waits_for_the_lock_and_gives_up_after_five_seconds(tmp_path: Path) -> None:
    waits: list[float] = []
    lock = FileLock(tmp_path / "secrets.lock")
    assert lock.try_lock()
    vault = Vault(tmp_path, RealFiles(detect()), system=POSIX, environ={}, wait=waits.append)
    with pytest.raises(SecretError, match="for 5 s"):
        vault.set("office", Secret(SECRET))
    assert sum(waits) == pytest.approx(5.0)
    lock.unlock()
    vault.set("office", Secret(SECRET))


def test_programs_that_write_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), letter]) for letter in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    vault = open_vault(tmp_path)
    assert set(vault.names()) == {f"{letter}{number}" for letter in "abc" for number in range(10)}
    assert {vault.get(name) for name in vault.names()} == {Secret("x")}


@pytest.mark.parametrize("names_kept", [False, True])
def test_a_power_cut_leaves_the_old_secret_or_the_new_one(tmp_path: Path, *, names_kept: bool) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    disk = RecorderFiles(data_dir)
    seen: list[str] = []

    def look(_point: str) -> None:
        image = tmp_path / f"image-{len(seen)}"
        disk.image(image, names_kept=names_kept)
        after = open_vault(image)
        seen.append(after.get("office").reveal() if after.names() else "nothing")

    disk.on_point = look
    vault = open_vault(data_dir, disk)
    vault.set("office", Secret("old"))
    assert seen[-1] == "old"
    vault.set("office", Secret("new"))
    assert seen[-1] == "new"
    assert list(dict.fromkeys(seen)) == ["nothing", "old", "new"]
