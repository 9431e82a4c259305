"""Secrets by reference: `keyring:NAME`, `vault:NAME`, `file:PATH`, `env:NAME`; each kind has its keeper.

The keyring cannot say what it holds, so the names that were stored in it are noted in `secrets.json`, without secrets.
"""

import asyncio
import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from mailgate.adapters.platform.files import Files, write_atomic
from mailgate.adapters.platform.rights import DataDirError
from mailgate.adapters.platform.system import System, detect
from mailgate.adapters.secrets.os_keyring import Backend, OsKeyring
from mailgate.adapters.secrets.plain import is_text, read_environment, read_file
from mailgate.adapters.secrets.vault import Vault
from mailgate.model.errors import SecretError
from mailgate.ports.secrets import Secret, SecretName

INDEX_FILE: Final = "secrets.json"
KINDS: Final = ("keyring", "vault", "file", "env")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+/-]{0,127}")

T = TypeVar("T")


class Secrets:
    """All keepers behind one door; implements `ports.secrets.SecretStore`.

    `timeout` limits one call to the keyring. `backend` takes the place of the keyring that the machine offers, and
    `environ` that of the environment.
    """

    def __init__(
        self,
        data_dir: Path,
        files: Files,
        timeout: timedelta,
        *,
        system: System | None = None,
        backend: Backend | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._data_dir = data_dir
        self._files = files
        self._system = system if system is not None else detect()
        self._environ = environ
        self._keyring = OsKeyring(timeout, backend=backend)
        self._vault = Vault(data_dir, files, system=self._system, environ=environ)

    def limit(self, timeout: timedelta) -> None:
        """Let one call to the keyring take so long from now on."""
        self._keyring.timeout = timeout

    async def get(self, ref: str) -> Secret:
        """Return the secret behind `ref`.

        Raises:
            SecretError: there is none, or its keeper does not answer; the text says what to do.
        """
        match _split(ref):
            case "keyring", name:
                return await self._keyring.get(name)
            case "vault", name:
                return await _in_thread(ref, lambda: self._vault.get(name))
            case "file", name:
                return await _in_thread(ref, lambda: read_file(name, data_dir=self._data_dir, system=self._system))
            case _, name:
                return read_environment(name, self._environ)

    async def set(self, ref: str, secret: Secret) -> None:
        """Store a secret; an older one under the same reference is replaced.

        Raises:
            SecretError: the keeper refuses, or this kind of reference cannot be written.
        """
        if not is_text(secret.reveal()):
            raise SecretError("the secret is not UTF-8 text: nothing was stored")
        match _split(ref):
            case "keyring", name:
                await self._keyring.set(name, secret)
                # After the keyring: a note about a secret that was never kept would be worse than a missing note.
                await _in_thread(ref, lambda: self._note(name, kept=True))
            case "vault", name:
                await _in_thread(ref, lambda: self._vault.set(name, secret))
            case kind, _:
                raise _not_ours(ref, kind)

    async def delete(self, ref: str) -> None:
        """Remove a secret.

        Raises:
            SecretError: there is none, or this kind of reference cannot be removed.
        """
        match _split(ref):
            case "keyring", name:
                known = await self._keyring.delete(name)
                await _in_thread(ref, lambda: self._note(name, kept=False))
                if not known:
                    raise SecretError(f"{ref}: there is no such secret")
            case "vault", name:
                await _in_thread(ref, lambda: self._vault.delete(name))
            case kind, _:
                raise _not_ours(ref, kind)

    async def names(self) -> tuple[SecretName, ...]:
        """Return what was stored through this class, by reference; asks neither the keyring nor for a key."""
        noted = await _in_thread("keyring", self._noted)
        kept = await _in_thread("vault", self._vault.names)
        return (
            *(SecretName(f"keyring:{name}", "the operating system's keyring") for name in noted),
            *(SecretName(f"vault:{name}", str(self._vault.path)) for name in kept),
        )

    async def describe(self) -> str:
        """Return which keeper `keyring:` means on this machine, for people."""
        return await self._keyring.describe()

    def _noted(self) -> list[str]:
        """Return the names that were stored in the keyring, sorted."""
        path = self._data_dir / INDEX_FILE
        try:
            with self._files.open_read(path) as file:
                return sorted(str(name) for name in json.loads(file.read())["keyring"])
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError, RecursionError) as exc:
            raise SecretError(
                f"{path} is damaged. It holds only the names of the secrets in the keyring: remove it, and store them anew"
            ) from exc

    def _note(self, name: str, *, kept: bool) -> None:
        with self._vault.locked():
            before = self._noted()
            after = sorted({*before, name} if kept else {*before} - {name})
            if after != before:
                text = json.dumps({"version": 1, "keyring": after}, indent=2)
                write_atomic(self._files, self._data_dir / INDEX_FILE, text.encode() + b"\n")


def _split(ref: str) -> tuple[str, str]:
    """Return kind and name of a reference. The error never repeats it: it may be a password in the wrong place.

    Raises:
        SecretError: it is not one.
    """
    kind, _, name = ref.partition(":")
    if kind not in KINDS or not name:
        raise SecretError(
            "not a reference to a secret: it must be keyring:NAME, vault:NAME, file:PATH or env:NAME. A password in the "
            "clear is moved by `mailgate secrets set`"
        )
    if kind in {"keyring", "vault"} and not NAME.fullmatch(name):
        raise SecretError(
            f"not a name for a secret: after {kind}: come a letter or digit, then at most 127 letters, digits and "
            "characters of ._@+/-"
        )
    if "\0" in name:
        raise SecretError(f"not a name for a secret: after {kind}: comes a NUL character")
    return kind, name


def _not_ours(ref: str, kind: str) -> SecretError:
    where = "file" if kind == "file" else "environment of the service"
    return SecretError(
        f"{ref}: MailGate only reads it: change the {where} yourself, or use keyring:NAME or vault:NAME instead"
    )


async def _in_thread(ref: str, work: Callable[[], T]) -> T:
    """Return what `work` returns, from a thread; trouble with the disk becomes a SecretError."""
    try:
        return await asyncio.to_thread(work)
    except OSError as exc:
        raise SecretError(f"{ref}: {exc.filename or 'the data directory'}: {exc.strerror}") from exc
    except DataDirError as exc:
        raise SecretError(f"{ref}: {exc}") from exc
