"""Builds the executables into `dist/mailgate` and tries them: `python3 run.py package`.

With two cores a build takes one and a half minutes. PyInstaller cannot build for another system than the one it runs on.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import copy
from typing import Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
BUILT: Final = ROOT / "dist" / "mailgate"


def main() -> int:
    """Build, measure and try; return the exit code."""
    if find_spec("PyInstaller") is None:
        print("PyInstaller is missing: `python3 run.py setup` installs the tools for development", file=sys.stderr)
        return 1
    print("building; this takes a minute or two ...", flush=True)
    code = build()
    if code:
        print(f"PyInstaller failed with exit code {code}; what it says is above", file=sys.stderr)
        return 1
    copy(ROOT / "LICENSE", BUILT)
    print(f"{BUILT.relative_to(ROOT)}: {size_octets(BUILT) / 1e6:.0f} MB", flush=True)
    return subprocess.run([sys.executable, HERE / "smoke.py", BUILT], check=False).returncode


def build() -> int:
    """Run PyInstaller; return its exit code."""
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(BUILT.parent), "--workpath", str(ROOT / "build"), str(HERE / "mailgate.spec")]
    # PyInstaller imports pystray to look at it, and any other backend wants a display for that.
    environment = os.environ | {"PYSTRAY_BACKEND": "dummy"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def size_octets(folder: Path) -> int:
    """Return how much disk the folder's files take."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir() or file.is_symlink())


if __name__ == "__main__":
    sys.exit(main())
