"""The mail log: a file a day, owner only, and a disk that takes no line costs lines, never time."""

import logging
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailgate.adapters import maillog
from mailgate.adapters.maillog import MailLog

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def written(folder: Path) -> dict[str, list[str]]:
    return {path.name: path.read_text("utf-8").splitlines() for path in sorted((folder / "logs").glob("*"))}


def test_lines_are_in_the_file_of_their_day_in_their_order(tmp_path: Path) -> None:
    log = MailLog(tmp_path, keep_files=90)
    log.write(MONDAY, "one")
    log.write(MONDAY, "zwei: Grüße")
    log.write(MONDAY + timedelta(days=1), "three")
    log.close()
    assert written(tmp_path) == {"mail-2026-03-02.log": ["one", "zwei: Grüße"], "mail-2026-03-03.log": ["three"]}


def test_a_file_goes_on_where_an_earlier_run_ended_and_is_its_owners_alone(tmp_path: Path) -> None:
    for line in ("one", "two"):
        log = MailLog(tmp_path, keep_files=90)
        log.write(MONDAY, line)
        log.close()
    assert written(tmp_path) == {"mail-2026-03-02.log": ["one", "two"]}
    file = tmp_path / "logs" / "mail-2026-03-02.log"
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)


def test_only_the_newest_files_are_kept_and_other_files_are_left_alone(tmp_path: Path) -> None:
    log = MailLog(tmp_path, keep_files=2)
    log.write(MONDAY, "one")
    log.close()
    (tmp_path / "logs" / "notes.txt").write_text("mine")
    log = MailLog(tmp_path, keep_files=2)
    for day in range(1, 5):
        log.write(MONDAY + timedelta(days=day), f"day {day}")
    log.close()
    assert list(written(tmp_path)) == ["mail-2026-03-05.log", "mail-2026-03-06.log", "notes.txt"]


def test_text_that_is_no_unicode_does_not_end_the_log(tmp_path: Path) -> None:
    log = MailLog(tmp_path, keep_files=90)
    log.write(MONDAY, "half \udcff")
    log.write(MONDAY, "whole")
    log.close()
    assert written(tmp_path)["mail-2026-03-02.log"][1] == "whole"


def test_lines_that_a_full_disk_did_not_take_are_counted_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").write_text("in the way")  # no folder can be made, as on a disk that takes nothing
    taken = threading.Semaphore(0)
    log = MailLog(tmp_path, keep_files=90, mirror=lambda _line: taken.release())
    with caplog.at_level(logging.WARNING):
        for line in ("lost", "lost too"):
            log.write(MONDAY, line)
            assert taken.acquire(timeout=10)
    (tmp_path / "logs").unlink()
    log.write(MONDAY, "kept")
    log.close()
    [gap, line] = written(tmp_path)["mail-2026-03-02.log"]
    assert (gap, line) == ("[09:00] 2 lines are missing here: the disk was full or too slow", "kept")
    assert len(caplog.records) == 1


def test_a_terminal_that_takes_nothing_never_holds_the_caller_up_and_the_oldest_lines_are_lost_where_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maillog, "MAX_WAITING", 3)
    first, go_on = threading.Event(), threading.Event()

    def stuck(_line: str) -> None:
        first.set()
        assert go_on.wait(10)

    log = MailLog(tmp_path, keep_files=90, mirror=stuck)
    log.write(MONDAY, "line 0")
    assert first.wait(10)
    for number in range(1, 6):  # three can wait: the last two take the room of the first two
        log.write(MONDAY, f"line {number}")
    go_on.set()
    log.close()
    lines = written(tmp_path)["mail-2026-03-02.log"]
    assert lines[0] == "line 0"
    assert "2 lines are missing here" in lines[1]
    assert lines[2:] == ["line 3", "line 4", "line 5"]


def test_how_many_files_are_kept_can_be_changed_while_it_runs(tmp_path: Path) -> None:
    log = MailLog(tmp_path, keep_files=90)
    for day in range(3):
        log.write(MONDAY + timedelta(days=day), f"day {day}")
    log.close()
    log = MailLog(tmp_path, keep_files=90)
    log.keep_files = 1
    log.write(MONDAY + timedelta(days=3), "day 3")
    log.close()
    assert list(written(tmp_path)) == ["mail-2026-03-05.log"]
