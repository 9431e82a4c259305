"""Where a running engine is, and the token that opens its API.

The engine writes both into its data directory, readable by its owner alone: `api.json` (address, pid) and `api.token`.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailgate.client.errors import NotRunningError

TOKEN_FILE: Final = "api.token"  # noqa: S105 a file name
ADDRESS_FILE: Final = "api.json"


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """The API's base address, such as `http://127.0.0.1:8643`, and the bearer token."""

    url: str
    token: str
    pid: int = 0

    def __repr__(self) -> str:
        return f"EngineAddress({self.url!r}, pid={self.pid})"


def default_data_dir() -> Path:
    """Return where MailGate keeps its data when nobody says otherwise; `MAILGATE_DATA` overrides it."""
    if named := os.environ.get("MAILGATE_DATA"):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "MailGate"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "MailGate"
    if os.geteuid() == 0:
        return Path("/var/lib/mailgate")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "mailgate"


def find_engine(data_dir: Path) -> EngineAddress:
    """Return how to reach the engine that runs on `data_dir`.

    Raises:
        NotRunningError: no engine has written its address there, or this user may not read it.
    """
    try:
        said = json.loads((data_dir / ADDRESS_FILE).read_text("utf-8"))
        token = (data_dir / TOKEN_FILE).read_text("ascii").strip()
        return EngineAddress(str(said["url"]), token, int(said["pid"]))
    except PermissionError as exc:
        raise NotRunningError(
            f"{data_dir} may not be read by this user: run the command as the user that runs the engine",
            code="no_access",
        ) from exc
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise NotRunningError(
            f"no engine runs on {data_dir}: start it with `mailgate run --data {data_dir}`", code="not_running"
        ) from exc
