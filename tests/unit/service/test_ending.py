"""The end of the process: in order, and in time even when something hangs."""

import asyncio
import logging
import threading
from datetime import timedelta

import pytest

from mailgate.service.ending import Deadline, run_in_time
from mailgate.service.exits import Exit


class Leaving:
    """Takes the place of the end of the process: notes the code, and lets go of what hangs."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.happened = threading.Event()
        self.goes_on = threading.Event()

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self.happened.set()
        self.goes_on.set()

    def hang(self) -> None:
        assert self.goes_on.wait(20)


@pytest.fixture
def leaving() -> Leaving:
    return Leaving()


def test_what_ends_in_order_is_left_to_end_in_order(leaving: Leaving) -> None:
    async def main(deadline: Deadline) -> Exit:
        deadline.begin(timedelta(minutes=1))
        assert await asyncio.to_thread(lambda: 7) == 7
        return Exit.BAD_CONFIG

    assert run_in_time(main, leave=leaving) is Exit.BAD_CONFIG
    assert leaving.codes == []
    timers = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    assert all(timer.finished.is_set() for timer in timers), "none is left that could end a process later"


def test_a_call_that_hangs_in_a_thread_does_not_keep_the_process_after_an_end_in_order(
    leaving: Leaving, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(_: Deadline) -> Exit:
        asyncio.get_running_loop().run_in_executor(None, leaving.hang)
        await asyncio.to_thread(lambda: None)
        return Exit.OK

    assert run_in_time(main, leave=leaving) is Exit.OK
    assert leaving.codes == [Exit.OK]
    assert "MailGate ends without waiting for what hangs: blocking_0" in caplog.text


def test_an_end_that_hangs_is_cut_when_its_time_is_over(leaving: Leaving, caplog: pytest.LogCaptureFixture) -> None:
    async def main(deadline: Deadline) -> Exit:
        deadline.begin(timedelta(milliseconds=20))
        deadline.begin(timedelta(minutes=1))  # the first call counts
        await asyncio.to_thread(leaving.hang)
        return Exit.OK

    with caplog.at_level(logging.WARNING):
        run_in_time(main, leave=leaving)
    assert leaving.codes == [Exit.FAILED]
    assert "engine.stop_timeout (0.02 s)" in caplog.text


def test_a_terminal_that_takes_nothing_does_not_keep_it_either(
    leaving: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailgate.service.ending._TELL_S", 0.01)

    class Stuck(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            leaving.hang()

    stuck, log = Stuck(), logging.getLogger("mailgate.service.ending")
    log.addHandler(stuck)
    try:
        Deadline(leaving).now(Exit.FAILED, "it hangs")
    finally:
        log.removeHandler(stuck)
    assert leaving.codes == [Exit.FAILED]
