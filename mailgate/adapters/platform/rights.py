"""Who may read what: the data directory holds mail and keys, so it is its owner's alone.

On Windows access lists take the place of owner and mode. That branch has not been tried on a real machine yet.
"""

import os
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from mailgate.adapters.platform.files import sync_directory
from mailgate.adapters.platform.system import detect
from mailgate.model.errors import ErrorClass, MailgateError

if sys.platform != "win32":
    import pwd

OTHERS: Final = 0o077
"""What group and others may do: nothing, not even pass through, since SQLite makes its files as the umask says."""

ACCESS_LIST_TIMEOUT_S: Final = 30.0


class DataDirError(MailgateError):
    """The data directory cannot be used as it is; the text says what, where and what to do."""

    error_class = ErrorClass.CONFIG


def check_data_dir(path: Path) -> None:
    """Make the data directory when there is none, and check that it is ours, ours alone, and writable.

    Raises:
        DataDirError: it is not; nothing was changed.
    """
    try:
        if not path.exists():
            _make(path)
        found = path.stat()
    except OSError as exc:
        raise DataDirError(
            f"the data directory {path} cannot be made or looked at ({exc.strerror}): choose another one by `--data`, "
            "or make it yourself and give it to the user that runs the engine"
        ) from exc
    if not stat.S_ISDIR(found.st_mode):
        raise DataDirError(f"{path} is not a directory: move it away, or choose another data directory by `--data`")
    if sys.platform != "win32":
        fault = ownership_fault(path, mode=found.st_mode, owner=found.st_uid, us=os.geteuid())
        if fault:
            raise DataDirError(fault)
    if not _writable(path):
        raise DataDirError(
            f"the data directory {path} cannot be written to: give this user the right to, and check that the disk "
            "is not mounted read-only"
        )


def ownership_fault(path: Path, *, mode: int, owner: int, us: int) -> str:
    """Return what is wrong with owner and mode of the data directory, with the remedy, or an empty text.

    Root is no exception: its files in another user's directory would lock that user out of the directory later.
    """
    if owner != us:
        whom, ours = user_name(owner), user_name(us)
        return (
            f"the data directory {path} belongs to {whom}, and this program runs as {ours}: run it as {whom} "
            f"(`sudo -u {whom} mailgate ...`), or give the directory away by `chown -R {ours} {path}`"
        )
    if mode & OTHERS:
        return (
            f"the data directory {path} is open to others (mode {mode & 0o777:04o}), and it holds mail and keys: "
            f"`chmod 700 {path}`"
        )
    return ""


def user_name(uid: int) -> str:
    """Return the name of a user, or the number when there is no name."""
    if sys.platform != "win32":
        with suppress(KeyError):
            return pwd.getpwuid(uid).pw_name
    return str(uid)


def protect(path: Path) -> None:
    """Leave `path` to its owner alone: mode 0600, or 0700 for a directory; an access list on Windows.

    Raises:
        DataDirError: the system refuses.
    """
    try:
        if sys.platform == "win32":
            _protect_by_access_list(path)
        else:
            path.chmod(0o700 if path.is_dir() else 0o600)
    except (OSError, subprocess.SubprocessError) as exc:
        raise DataDirError(f"the access rights of {path} cannot be set: {exc}") from exc


def access_list_command(icacls: str, path: Path, *, sid: str, directory: bool) -> list[str]:
    """Return the command that takes inherited rights off `path` and gives all of them to `sid` alone."""
    inherit = "(OI)(CI)" if directory else ""  # what is made in a directory later gets the same list
    return [icacls, str(path), "/inheritance:r", "/grant:r", f"*{sid}:{inherit}F"]


def _make(path: Path) -> None:
    """Make the directory and what is missing above it, durable: mail that lies in a lost directory is lost."""
    made = [path, *(above for above in path.parents if not above.exists())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(0o700)
    if sys.platform == "win32":
        protect(path)  # below %PROGRAMDATA% every user may read by default
    if detect().directory_sync:
        for each in made:
            sync_directory(each.parent)


if sys.platform == "win32":

    def _writable(path: Path) -> bool:
        """Return whether files can be made in `path`: os.access looks at the read-only flag alone here."""
        try:
            with tempfile.TemporaryFile(dir=path):
                return True
        except PermissionError:
            return False
        except OSError:  # a full disk is no fault of the directory
            return True

    def _protect_by_access_list(path: Path) -> None:
        """Set the list by the system's own program; the user goes by number, since names are translated."""
        system32 = Path(os.environ["SYSTEMROOT"]) / "System32"
        said = subprocess.run(  # noqa: S603 a fixed program of the system
            [str(system32 / "whoami.exe"), "/user", "/fo", "csv", "/nh"],
            check=True,
            capture_output=True,
            timeout=ACCESS_LIST_TIMEOUT_S,
        ).stdout
        sid = said.strip().rsplit(b",", 1)[-1].strip(b'"').decode("ascii")
        command = access_list_command(str(system32 / "icacls.exe"), path, sid=sid, directory=path.is_dir())
        subprocess.run(command, check=True, capture_output=True, timeout=ACCESS_LIST_TIMEOUT_S)  # noqa: S603 as above

else:

    def _writable(path: Path) -> bool:
        """Return whether files can be made in `path`, as far as rights and mount go; the disk may be full."""
        as_we_run = os.access in os.supports_effective_ids
        return os.access(path, os.R_OK | os.W_OK | os.X_OK, effective_ids=as_we_run)
