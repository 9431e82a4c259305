from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.config.check import check
from mailgate.config.decode import decode
from mailgate.config.faults import Fault, Faults, Severity
from mailgate.config.load import MAX_FILE_OCTETS, load, loads
from mailgate.config.schema import settings_of
from mailgate.model.settings import Config
from tests.unit.config.offices import MINIMAL, codes, minimal, only_fault, with_account, with_section


def test_the_least_that_a_file_holds_gets_every_default() -> None:
    assert loads(MINIMAL, name="mailgate.toml").config == minimal()


def test_a_fault_is_told_with_file_line_path_and_remedy() -> None:
    assert str(only_fault(with_account("port = 70000"))) == (
        "mailgate.toml:9: accounts[0].port: `port` must be a whole number from 1 to 65535, not 70000."
        " -> Change the number, or remove the line."
    )


def test_faults_come_in_the_order_of_the_file() -> None:
    text = with_section('[log]\nlevel = "loud"\nkeep_files = 0\n[fetch]\nworkers = 0').replace("host", "hots", 1)
    lines = [fault.line for fault in loads(text, name="x").faults]
    assert lines == sorted(lines)
    assert len(lines) == 4


def test_a_warning_leaves_the_config_in_force() -> None:
    loaded = loads(with_account('security = "none"'), name="x")
    assert [(fault.code, fault.severity) for fault in loaded.faults] == [("W04", Severity.WARNING)]
    assert loaded.config is not None


def test_line_ends_of_windows_and_a_byte_order_mark_are_no_fault() -> None:
    assert loads("\ufeff" + MINIMAL.replace("\n", "\r\n"), name="x").config == minimal()


def test_a_missing_file_is_one_fault_that_names_it_whole(tmp_path: Path) -> None:
    loaded = load(tmp_path / "mailgate.toml")
    [fault] = loaded.faults
    assert (loaded.config, fault.code, fault.file) == (None, "L01", "mailgate.toml")
    assert str(tmp_path) in fault.text


def test_a_folder_in_place_of_the_file_is_one_fault(tmp_path: Path) -> None:
    [fault] = load(tmp_path).faults
    assert fault.code == "L02"
    assert fault.text.endswith("is a folder, not a file.")


class _ForbiddenPath(type(Path())):  # type: ignore[misc]  # the class of paths on this system
    """A file that may not be read; root may read all, so permissions alone would prove nothing."""

    failure: OSError = PermissionError(13, "Permission denied")

    def open(self, *args: Any, **kwargs: Any) -> Any:
        raise self.failure


def test_a_file_that_may_not_be_read_is_one_fault(tmp_path: Path) -> None:
    [fault] = load(_ForbiddenPath(tmp_path / "mailgate.toml")).faults
    assert (fault.code, fault.remedy) == ("L02", "Let the user that MailGate runs as read it.")


def test_a_disk_that_fails_is_one_fault_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ForbiddenPath, "failure", OSError(5, "Input/output error"))
    [fault] = load(_ForbiddenPath(tmp_path / "mailgate.toml")).faults
    assert (fault.code, fault.text[-35:]) == ("L02", "cannot be read: Input/output error.")


def test_a_file_that_is_something_else_altogether_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "mailgate.toml"
    path.write_bytes(b"#" * (MAX_FILE_OCTETS + 1))
    assert [fault.code for fault in load(path).faults] == ["L05"]


def test_a_number_of_thousands_of_digits_is_a_fault() -> None:
    assert codes("port = " + "9" * 5000) == ["L04"]
    assert "T02" in codes("[internal]\nport = 0x" + "f" * 5000)


def test_brackets_in_brackets_without_end_are_a_fault() -> None:
    assert codes("a = " + "[" * 20_000 + "]" * 20_000) == ["L04"]


def test_only_the_newer_version_is_told_of_a_newer_file() -> None:
    assert codes("version = 2\n[gateway]\nx = 1") == ["V01"]


@pytest.mark.parametrize("version", ["0", "-1", '"1"', "1.0", "true", "[1]"])
def test_a_version_that_never_was_is_a_fault(version: str) -> None:
    assert codes(f"version = {version}\n{MINIMAL}") == ["V02"]


def test_version_one_may_be_named_or_not() -> None:
    assert loads(f"version = 1\n{MINIMAL}", name="x") == loads(MINIMAL, name="x")


@settings(deadline=None)
@given(st.text() | st.text(alphabet='[]=".,\n acehnostu1', max_size=100).map(lambda text: MINIMAL + text))
def test_any_text_gives_a_config_or_a_fault(text: str) -> None:
    loaded = loads(text, name="x")
    assert loaded.config is not None or loaded.faults


def faults_of(document: dict[str, Any]) -> tuple[Fault, ...]:
    faults = Faults("x", lambda _path: 1)
    decoded = decode(document, faults)
    check(decoded.config, faults, doubtful=decoded.doubtful)
    return faults.sorted()


SECTIONS = [setting.section for setting in settings_of(Config) if setting.section]
NAMES = sorted({setting.name for section in [*SECTIONS, Config] for setting in settings_of(section)})
values = st.recursive(
    st.none().map(lambda _: "keyring:x")
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["tls", "5m", "50MB", "anna@example.org", "pop.example.org", "office", "x:y", "::1"])
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=25,
)
documents = st.dictionaries(st.sampled_from([setting.name for setting in settings_of(Config)]), values, max_size=6)


@settings(deadline=None)
@given(documents)
def test_any_document_gives_a_tree_of_the_right_types(document: dict[str, Any]) -> None:
    faults = Faults("x", lambda _path: 1)
    decoded = decode(document, faults)
    assert isinstance(decoded.config, Config)
    assert bool(decoded.doubtful) <= bool(faults.sorted())


@settings(deadline=None)
@given(documents, st.sampled_from(["password", "app_password"]))
def test_no_report_repeats_what_stands_where_a_secret_belongs(document: dict[str, Any], key: str) -> None:
    secret = "Tr0ub4dor&3-zebra"
    section = "api" if key == "app_password" else "internal"
    for value in (secret, [secret], {secret: secret}, f"{secret}:x"):
        faults = faults_of({**document, section: {key: value, "pass": secret, "pasword": secret}})
        assert not [str(fault) for fault in faults if secret in fault.text + fault.remedy]
