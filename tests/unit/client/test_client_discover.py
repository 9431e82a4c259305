"""Finding a running engine by its data directory, and saying why there is none."""

import json
import os
import sys
from pathlib import Path

import pytest

from mailgate.client.discover import EngineAddress, default_data_dir, find_engine
from mailgate.client.errors import NotRunningError

GOOD = {"url": "http://127.0.0.1:8643", "pid": 7}


def write(directory: Path, address: str | None, token: bytes | None) -> None:
    """Write what an engine writes."""
    if address is not None:
        (directory / "api.json").write_text(address, encoding="utf-8")
    if token is not None:
        (directory / "api.token").write_bytes(token)


def test_address_and_token_are_read_from_the_data_directory(tmp_path: Path) -> None:
    write(tmp_path, json.dumps(GOOD), b"secret\n")
    assert find_engine(tmp_path) == EngineAddress("http://127.0.0.1:8643", "secret", 7)


@pytest.mark.parametrize(
    ("address", "token"),
    [
        (None, b"t"),
        (json.dumps(GOOD), None),
        ("", b"t"),
        ("{", b"t"),
        ("[]", b"t"),
        ("7", b"t"),
        ('{"pid":7}', b"t"),
        ('{"url":"http://127.0.0.1:1","pid":"seven"}', b"t"),
        (json.dumps(GOOD), b"\xff\xfe"),
        (json.dumps(GOOD), "schlüssel".encode()),
    ],
)
def test_without_both_there_is_no_engine_and_the_error_says_how_to_start_one(
    tmp_path: Path, address: str | None, token: bytes | None
) -> None:
    write(tmp_path, address, token)
    with pytest.raises(NotRunningError, match="start it with `mailgate run --data ") as caught:
        find_engine(tmp_path)
    assert caught.value.code == "not_running"
    assert str(tmp_path) in str(caught.value)


def test_a_data_directory_that_is_not_there_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="start it with"):
        find_engine(tmp_path / "nowhere")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a user whom modes can stop")
def test_files_of_another_user_are_said_to_be_so(tmp_path: Path) -> None:
    write(tmp_path, json.dumps(GOOD), b"t")
    (tmp_path / "api.token").chmod(0)
    with pytest.raises(NotRunningError, match="may not be read by this user") as caught:
        find_engine(tmp_path)
    assert caught.value.code == "no_access"


def test_an_address_shows_no_token() -> None:
    address = EngineAddress("http://127.0.0.1:1", "secret", 7)
    assert "secret" not in f"{address!r} {address} {[address]}"


def test_the_environment_may_name_the_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAILGATE_DATA", str(tmp_path))
    assert default_data_dir() == tmp_path


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="where other systems keep data is theirs")
def test_a_user_keeps_data_at_home_and_root_where_services_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MAILGATE_DATA", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_data_dir() == tmp_path / "mailgate"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_data_dir() == Path.home() / ".local" / "state" / "mailgate"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/mailgate")
