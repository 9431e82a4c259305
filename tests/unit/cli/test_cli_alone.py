"""The command line without an engine: help, mistakes, the verbs that need none, and what is loaded for all that."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from docs.build import REFERENCE, verbs
from mailgate.adapters.platform.lock import DataDirLock
from mailgate.cli.main import build, main
from mailgate.config.reference import MINIMAL
from mailgate.service.verbs import Verbs
from tests.unit.cli.conftest import Said

Command = Callable[..., Said]
SECRET = "joinery-9-secret"
VERBS = tuple(verbs(build(Verbs())))
WITH_ENGINE = tuple(
    words
    for words in VERBS
    if words[0] in {"status", "fetch", "pause", "resume", "log", "watch", "unrouted", "reload", "app"}
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    return directory


def test_every_verb_says_its_help_as_the_reference_has_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "96")
    page = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    for words in ((), *VERBS):
        assert main(Verbs(), [*words, "--help"]) == 0
        said = "\n".join(line.rstrip() for line in capsys.readouterr().out.strip("\n").splitlines())
        assert f"## `{' '.join(('mailgate', *words))}`\n\n```text\n{said}\n```\n" in page


def test_without_a_word_the_help_is_shown(command: Command) -> None:
    assert command() == command("--help")


def test_the_version_is_told(command: Command) -> None:
    said = command("--version")
    assert (said.code, said.out.strip().count(".")) == (0, 2)


def test_mistakes_on_the_command_line_say_what_is_wrong_and_end_with_64(
    command: Command, snapshot: SnapshotAssertion
) -> None:
    mistakes = (
        ("stauts",),
        ("unrouted", "delver"),
        ("fetch", "office", "now"),
        ("log", "--limit", "many"),
        ("log", "--state", "lost"),
        ("explain",),
        ("status", "--jsn"),
    )
    said = {" ".join(words): command(*words) for words in mistakes}
    assert {(one.code, one.out) for one in said.values()} == {(64, "")}
    assert {words: one.err for words, one in said.items()} == snapshot


@pytest.mark.parametrize("words", WITH_ENGINE, ids=" ".join)
def test_a_verb_that_needs_an_engine_says_how_to_start_one(
    command: Command, data: Path, words: tuple[str, ...]
) -> None:
    more = ("Pmg0001", "anna@example.org") if words[-1] == "deliver" else ()
    said = command(*words, *more, "--data", str(data))
    assert (said.code, said.out) == (1, "")
    assert said.err == "no engine runs on DATA/data: start it with `mailgate run --data DATA/data`\n"


def test_the_environment_names_the_data_directory(
    command: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILGATE_DATA", str(data))
    assert "DATA/data" in command("status").err


# --- check


def test_check_of_a_good_file(command: Command, data: Path) -> None:
    (data / "mailgate.toml").write_text(MINIMAL)
    said = command("check", "--data", str(data))
    assert (said.code, said.out) == (0, "DATA/data/mailgate.toml: no faults\n")


BAD = """\
[internal]
hots = "192.168.1.10"
port = "25"

[[accounts]]
name = "office"
host = "pop.example.org"
user = "info@example.org"
password = "joinery-9-secret"

[[recipients]]
address = "anna"
"""


def test_check_looks_over_the_offices_own_presets(command: Command, data: Path) -> None:
    (data / "mailgate.toml").write_text(MINIMAL, encoding="utf-8")
    (data / "presets.toml").write_text("[[presets]\n", encoding="utf-8")
    said = command("check", "--data", str(data))
    assert said.code == 0
    assert "presets.toml is left aside" in said.out


def test_check_names_every_fault_at_once_and_shows_no_password(
    command: Command, data: Path, snapshot: SnapshotAssertion
) -> None:
    file = data / "office.toml"
    file.write_text(BAD)
    said = command("check", "--config", str(file))
    assert (said.code, said.err) == (2, "")
    assert said.out == snapshot
    assert SECRET not in said.out


def test_check_as_json(command: Command, data: Path) -> None:
    (data / "mailgate.toml").write_text(BAD)
    said = command("check", "--data", str(data), "--json")
    faults = json.loads(said.out)
    assert said.code == 2
    assert {"code", "file", "line", "path", "text", "remedy", "severity"} == set(faults[0])
    assert SECRET not in said.out


def test_check_of_a_file_that_is_not_there(command: Command, data: Path, snapshot: SnapshotAssertion) -> None:
    said = command("check", "--data", str(data))
    assert said.code == 2
    assert said.out == snapshot


# --- run: the starts that fail


def test_run_with_a_bad_file_shows_the_report_and_ends_with_2(command: Command, data: Path) -> None:
    (data / "mailgate.toml").write_text(BAD)
    said = command("run", "--data", str(data))
    assert said.code == 2
    assert said.err.strip() == command("check", "--data", str(data)).out.strip()


def test_a_second_engine_on_a_data_directory_names_the_first_and_ends_with_3(command: Command, data: Path) -> None:
    (data / "mailgate.toml").write_text(MINIMAL)
    lock = DataDirLock(data)
    lock.acquire()
    try:
        said = command("run", "--data", str(data))
    finally:
        lock.release()
    assert said.code == 3
    assert said.err.startswith("an engine already runs on DATA/data: process ")


def test_a_data_directory_that_is_a_file_ends_with_4(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    said = command("run", "--data", str(file))
    assert (said.code, said.out) == (4, "")
    assert "DATA/file" in said.err


# --- secrets


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that lays a text on standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_secret_is_stored_listed_and_removed_and_never_shown(
    command: Command, data: Path, typed: Callable[[str], None], snapshot: SnapshotAssertion
) -> None:
    where = ("--data", str(data))
    typed(f"{SECRET}\n")
    steps = [command("secrets", "set", "vault:office", *where)]
    steps += [command("secrets", verb, *more, *where) for verb, more in (("list", ()), ("delete", ("vault:office",)))]
    steps += [command("secrets", "list", *where), command("secrets", "delete", "vault:office", *where)]
    assert [one.code for one in steps] == [0, 0, 0, 0, 1]
    assert [(one.out, one.err) for one in steps] == snapshot
    assert not any(SECRET in one.out + one.err for one in steps)
    assert SECRET.encode() not in b"".join(file.read_bytes() for file in data.rglob("*") if file.is_file())


def test_secrets_are_listed_as_json(command: Command, data: Path, typed: Callable[[str], None]) -> None:
    typed(f"{SECRET}\n")
    command("secrets", "set", "vault:office", "--data", str(data))
    said = command("secrets", "list", "--data", str(data), "--json")
    assert [one["ref"] for one in json.loads(said.out)] == ["vault:office"]


@pytest.mark.parametrize("ref", ["vault:office", "env:NAME", "file:/x", "nonsense:x", "vault:"])
@pytest.mark.parametrize("text", ["", "\n"])
def test_nothing_is_stored_when_nothing_was_said(
    command: Command, data: Path, typed: Callable[[str], None], ref: str, text: str
) -> None:
    typed(text)
    said = command("secrets", "set", ref, "--data", str(data))
    assert (said.code, said.out, said.err) == (1, "", "the secret is empty: nothing was stored\n")


@pytest.mark.parametrize("ref", ["env:NAME", "file:/x", "nonsense:x", "vault:"])
def test_what_cannot_be_stored_says_why_and_shows_no_secret(
    command: Command, data: Path, typed: Callable[[str], None], ref: str
) -> None:
    typed(f"{SECRET}\n")
    said = command("secrets", "set", ref, "--data", str(data))
    assert (said.code, said.out) == (1, "")
    assert said.err
    assert SECRET not in said.err


# --- store


def test_store_check_of_a_directory_without_a_store(command: Command, data: Path, snapshot: SnapshotAssertion) -> None:
    said = command("store", "check", "--data", str(data))
    assert said.code == 4
    assert said.out + said.err == snapshot
    assert list(data.iterdir()) == []


def test_store_check_of_what_is_no_database_ends_with_4(command: Command, data: Path) -> None:
    (data / "mailgate.db").write_bytes(b"not a database" * 1000)
    said = command("store", "check", "--data", str(data))
    assert said.code == 4
    assert said.out + said.err


# --- what is loaded


@pytest.mark.parametrize("words", [("status",), ("fetch", "--wait"), ("check",), ("--help",)], ids=" ".join)
def test_a_quick_verb_loads_none_of_the_heavy_libraries(data: Path, words: tuple[str, ...]) -> None:
    program = (
        "import sys; from mailgate.cli.main import main; from mailgate.service.verbs import Verbs; "
        f"main(Verbs(), {[*words, *(() if words == ('--help',) else ('--data', str(data)))]!r}); "
        "print('loaded:', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("loaded:")[2].split())
    heavy = {"sqlalchemy", "sqlite3", "alembic", "litestar", "flet", "flet_web", "fastapi", "PIL", "pystray"}
    heavy |= {"keyring", "cryptography", "uvicorn", "aiosmtplib", "aiosmtpd"}
    assert heavy & loaded == set()
