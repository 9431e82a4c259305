#!/usr/bin/env python3
"""The one entry for set-up, demo and tests: `python3 run.py [VERB]`. Needs Python 3.11 or newer, nothing else.

Makes `.venv` beside this file from the hashed lock files (with uv when it is there, else with pip), then runs the
verb in it. Nothing is installed outside of `.venv`, but for `test` on Debian as root, which installs the mail servers
that the integration tests talk to.
"""

from __future__ import annotations  # an older Python must come as far as the sentence that says so

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "mailgate.stamp"
OLDEST = (3, 11)
HOOK_MARK = "# Made by `python3 run.py setup`: what is quick, with the tools of the lock file."

VERBS = {
    "demo": "the demo office: a provider, an internal server and the engine on this machine (the default)",
    "setup": "make the environment, with the tools for development, and install the git hook",
    "test": "lint, types, layers and every test: what must be green before a change lands (--fast: under a minute)",
    "campaign": "hundreds of kills under load and long property runs; the result goes into docs/campaign.md",
    "fmt": "ruff format and fix",
    "lint": "ruff check",
    "types": "mypy, strict",
    "layers": "import-linter",
    "cov": "tests with branch coverage, and its floors",
    "snapshots": "record the snapshots anew",
    "docs": "rebuild the reference pages and the OpenAPI document (--check: only tell which are old)",
    "bench": "side by side with the rivals; the result goes into docs/performance.md",
    "package": "build and try the executables (PyInstaller)",
}
NEEDS_TOOLS = set(VERBS) - {"demo"}


def main() -> int:
    """Run the verb; return its exit code."""
    words = sys.argv[1:]
    if words and words[0] in {"-h", "--help", "help"}:
        print("usage: python3 run.py [VERB] [ARGUMENTS]\n")
        print("\n".join(f"  {verb:10} {what}" for verb, what in VERBS.items()))
        return 0
    verb = words.pop(0) if words and not words[0].startswith("-") else "demo"
    if verb not in VERBS:
        print(f"there is no verb {verb!r}; there are: {', '.join(VERBS)}", file=sys.stderr)
        return 2
    if sys.version_info < OLDEST:
        print(f"MailGate needs Python 3.11 or newer; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    set_up(tools=verb in NEEDS_TOOLS)
    if verb == "setup":
        install_hook()
        return 0
    return VERB_CODE.get(verb, tool)(verb, words)


# --- the environment


def set_up(*, tools: bool) -> None:
    """Make or renew `.venv` when the lock files or this Python have changed."""
    with_tools, without = (stamp(ROOT / name) for name in ("requirements-dev.lock", "requirements.lock"))
    have = STAMP.read_text(encoding="utf-8") if STAMP.exists() and PYTHON.exists() else ""
    if have == with_tools or (have == without and not tools):
        return
    wanted = with_tools if tools else without
    lock = ROOT / wanted.partition(" ")[0]
    uv = shutil.which("uv")
    print(f"setting up {VENV.name} with {'uv' if uv else 'pip'}; the first time takes a minute ...", flush=True)
    if have.split(" ")[2:] != wanted.split(" ")[2:]:  # another Python, another place, or half made
        shutil.rmtree(VENV, ignore_errors=True)
        make_venv(uv)
    STAMP.unlink(missing_ok=True)
    install = (
        [uv, "pip", "install", "--quiet", "--python", PYTHON] if uv else [PYTHON, "-m", "pip", "install", "--quiet"]
    )
    check(*install, "--require-hashes", "-r", lock)
    check(*install, "--no-deps", "--no-build-isolation", "-e", ROOT)
    STAMP.write_text(wanted, encoding="utf-8")


def stamp(lock: Path) -> str:
    """Return what an environment made from `lock` is known by: the lock's name and hash, this Python, this place."""
    return f"{lock.name} {hashlib.sha256(lock.read_bytes()).hexdigest()} {sys.version.split()[0]} {ROOT}"


def make_venv(uv: str | None) -> None:
    """Make an empty environment with this Python."""
    if uv:
        check(uv, "venv", "--quiet", "--python", sys.executable, VENV)
        return
    try:
        venv.create(VENV, with_pip=True)
    except (subprocess.CalledProcessError, ModuleNotFoundError) as exc:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SystemExit(
            "this Python cannot make virtual environments: on Debian and Ubuntu install python3-venv, then try again"
        ) from exc


def install_hook() -> None:
    """Let git run the quick checks before a commit, with the tools of the lock file; another hook is left alone."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return
    asked = subprocess.run([git, "rev-parse", "--git-path", "hooks"], cwd=ROOT, check=True, capture_output=True)
    hook = ROOT / os.fsdecode(asked.stdout.strip()) / "pre-commit"
    if hook.exists() and HOOK_MARK not in hook.read_text(encoding="utf-8", errors="replace"):
        print(f"{hook} is not ours and stays as it is; `python3 run.py lint` is what ours would do")
        return
    hook.parent.mkdir(parents=True, exist_ok=True)
    python = PYTHON.relative_to(ROOT).as_posix()
    hook.write_text(f"#!/bin/sh\n{HOOK_MARK}\nexec {python} run.py lint\n", encoding="utf-8", newline="\n")
    hook.chmod(0o755)


def check(*command: object) -> None:
    """Run a command; end when it fails."""
    code = subprocess.run([str(word) for word in command], cwd=ROOT, check=False).returncode
    if code:
        raise SystemExit(code)


def run(*command: object) -> int:
    """Run a command of the environment; return its exit code."""
    process = subprocess.Popen([str(word) for word in command], cwd=ROOT, env=environment())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the command got it, too, and is given the time to end well
            continue


def captured(*command: object) -> tuple[int, str]:
    """Run a command of the environment without a word; return its exit code and what it said."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment(),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return done.returncode, done.stdout.strip()


def environment() -> dict[str, str]:
    """Return our own environment with the tools of `.venv` before all others."""
    return os.environ | {"PATH": f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


# --- the verbs

TOOLS = {
    "fmt": (["ruff", "format", "."], ["ruff", "check", "--fix", "."]),
    "lint": (["ruff", "format", "--check", "."], ["ruff", "check", "."]),
    "types": (["mypy"],),
    "layers": (["lint-imports"],),
}
FLOOR = 85  # per cent of all branches
FLOORS = {"wire": 95, "policy": 95, "mime": 95, "queue": 95}
QUICK_TOOLS = ("lint", "types", "layers")
FAST = ["tests/unit", "tests/dialogues", "tests/corpus", "tests/suites"]
SLOW_HALF = ["tests/suites", "tests/unit/adapters", "tests/unit/cli"]
PATIENT_HALF = ["tests/browser", "tests/crash", "tests/desktop", "tests/hostile"]  # they wait more than they work
TESTS_FAILED, NO_TESTS = 1, 5  # pytest's exit codes for it
ACCIDENTS = 3


def tool(verb: str, words: list[str]) -> int:
    """Run the tools behind a verb, all of them, and return the first failure."""
    codes = [run(*command, *words) for command in tool_commands(verb)]
    return next(filter(None, codes), 0)


def tool_commands(verb: str) -> list[list[object]]:
    """Return the commands behind a verb, as the environment has them."""
    return [[PYTHON.parent / name, *words] for name, *words in TOOLS[verb]]


def demo(_verb: str, words: list[str]) -> int:
    """Start the demo office."""
    return run(PYTHON, "-m", "mailgate", "demo", *words)


def test(_verb: str, words: list[str]) -> int:
    """Lint, types, layers and tests; `--fast` leaves out what needs servers, browsers or a screen."""
    fast = "--fast" in words
    words = [word for word in words if word != "--fast"]
    if fast:
        return test_fast(words)
    install_servers()
    codes = [tool(verb, []) for verb in QUICK_TOOLS]
    apart = [f"--ignore={folder}" for folder in PATIENT_HALF]
    return beside(codes, PATIENT_HALF, ["tests", *apart], words)


def beside(codes: list[int], one: list[str], other: list[str], words: list[str]) -> int:
    """Run two halves of the tests at once, and return the first failure; what the first says comes when it is over."""
    calls = [
        [PYTHON, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{name}", "--cache-clear", *half, *words]
        for name, half in (("patient", one), ("other", other))
    ]
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(captured, *calls[0])
        second = run(*calls[1])
        first, said = job.result()
    print(said, flush=True)
    codes += [second_look(call, code) for call, code in zip(calls, (first, second), strict=True)]
    if words:
        codes = [0 if one == NO_TESTS else one for one in codes]  # what was asked for is in one half alone
    return next(filter(None, codes), 0)


def second_look(call: list[object], code: int) -> int:
    """Run what failed beside the other half once more, alone; return the exit code that counts.

    Real servers and screens on a busy machine are late at times. What passes only now is named, to be looked at. More
    than a few failures are no accident and stay what they are.
    """
    cache = ROOT / str(call[4]).partition("=")[2] / "v" / "cache" / "lastfailed"
    failed = list(json.loads(cache.read_text(encoding="utf-8"))) if code == TESTS_FAILED and cache.exists() else []
    if not 0 < len(failed) <= ACCIDENTS:
        return code
    print(f"once more, alone: {', '.join(failed)}", flush=True)
    again = run(*call[:5], *failed)
    if again == 0:
        print(f"passed only when run alone, look at it: {', '.join(failed)}", flush=True)
    return again


def test_fast(words: list[str]) -> int:
    """Use two processors: the tools and then the slow half of the tests beside the other half."""
    apart = [f"--ignore={folder}" for folder in SLOW_HALF]
    with ThreadPoolExecutor(1) as pool:
        beside = [pool.submit(captured, *command) for verb in QUICK_TOOLS for command in tool_commands(verb)]
        beside.append(pool.submit(captured, PYTHON, "-m", "pytest", *SLOW_HALF, *words))
        codes = [run(PYTHON, "-m", "pytest", *FAST, *apart, *words)]
        for job in beside:
            code, said = job.result()
            print(said if code else said.rpartition("\n")[2], flush=True)
            codes.append(code)
    if words:
        codes = [0 if code == NO_TESTS else code for code in codes]  # what was asked for is in one half alone
    return next(filter(None, codes), 0)


def install_servers() -> None:
    """On Debian as root, install what the integration tests start; elsewhere they skip by name."""
    if os.name == "posix" and os.geteuid() == 0 and Path("/etc/debian_version").exists():
        code = run("sh", ROOT / ".ci" / "install-debian.sh")
        if code:
            print("the test servers could not be installed; tests that need them are skipped", file=sys.stderr)


def snapshots(_verb: str, words: list[str]) -> int:
    """Record the snapshots anew; their diff is reviewed as code is."""
    return run(PYTHON, "-m", "pytest", "--snapshot-update", *FAST, *words)


def cov(_verb: str, words: list[str]) -> int:
    """Run the tests with branch coverage, print what was not reached, and hold each layer to its floor."""
    codes = [run(PYTHON, "-m", "coverage", "run", "-m", "pytest", *(words or ["tests"]))]
    run(PYTHON, "-m", "coverage", "combine", "--quiet")
    codes.append(run(PYTHON, "-m", "coverage", "report", "--skip-covered", f"--fail-under={FLOOR}"))
    for layer, floor in FLOORS.items():
        print(f"\n{layer}: at least {floor} %", flush=True)
        chosen = ["--skip-covered", f"--include=mailgate/{layer}/*", f"--fail-under={floor}"]
        codes.append(run(PYTHON, "-m", "coverage", "report", *chosen))
    return next(filter(None, codes), 0)


def script(path: str) -> Callable[[str, list[str]], int]:
    """Return a verb that runs a script of the project."""
    return lambda _verb, words: run(PYTHON, ROOT / path, *words)


VERB_CODE = {
    "demo": demo,
    "test": test,
    "snapshots": snapshots,
    "cov": cov,
    "docs": script("docs/build.py"),
    "bench": script("bench/run.py"),
    "campaign": script("tests/campaign/run.py"),
    "package": script("packaging/pyinstaller/build.py"),
}

if __name__ == "__main__":
    sys.exit(main())
