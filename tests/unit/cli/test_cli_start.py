"""`mailgate run` as a service manager writes it is read without the library of the command line, to the same effect."""

import subprocess
import sys
from pathlib import Path

import pytest

from mailgate.cli.main import main
from mailgate.cli.start import Start, plain_start
from mailgate.client.discover import default_data_dir
from mailgate.service.verbs import Verbs

PLAIN = [
    ["run"],
    ["run", "--no-app"],
    ["run", "--data", "d"],
    ["run", "--data=d", "--config=c.toml"],
    ["run", "--config", "c.toml", "--no-app", "--data", "d"],
]
OTHERS = [
    [],
    ["check"],
    ["--data", "d", "run"],
    ["run", "--help"],
    ["run", "--data"],
    ["run", "--data", "--no-app"],
    ["run", "--data="],
    ["run", "--data", "d", "--data", "e"],
    ["run", "--no-app=1"],
    ["run", "extra"],
    ["run", "--dta", "d"],
]


class Noted(Verbs):
    """Notes what the whole command makes of the words."""

    def __init__(self) -> None:
        self.start: Start | None = None

    def run(self, data_dir: Path, config_file: Path | None, *, with_app: bool) -> int:
        self.start = Start(data_dir, config_file, with_app)
        return 0


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_a_plain_start_means_what_the_whole_command_makes_of_it(words: list[str]) -> None:
    noted = Noted()
    assert main(noted, words) == 0
    assert plain_start(words) == noted.start is not None


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_all_else_is_left_to_the_whole_command(words: list[str]) -> None:
    assert plain_start(words) is None


def test_without_a_word_it_is_the_usual_data_directory() -> None:
    assert plain_start(["run"]) == Start(default_data_dir(), None, with_app=True)


def test_a_plain_start_does_not_import_what_parses_command_lines(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    program = "import sys, mailgate.__main__ as m\ntry: m.main()\nfinally: print('cyclopts' in sys.modules)"
    call = [sys.executable, "-c", program, "run", "--data", str(tmp_path)]
    said = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stdout.splitlines()[-1:]) == (2, ["False"])  # there is no configuration
