"""The vault: secrets in one encrypted file, for machines without a keyring.

`secrets.vault` is JSON: a version, and per name the base64 of nonce and ciphertext (AES-256-GCM, NIST SP 800-38D). The
name is authenticated along, so nobody can swap two entries. The key is a systemd credential, or `vault.key` beside the
vault: that protects a backup which leaves the key out, and not against who may read both (`docs/adr/0004-secrets.md`).
Every method blocks and is called from a thread.
"""

import base64
import binascii
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mailgate.adapters.platform.files import Files, write_atomic
from mailgate.adapters.platform.lock import FileLock
from mailgate.adapters.platform.rights import OTHERS, protect
from mailgate.adapters.platform.system import System
from mailgate.model.errors import SecretError
from mailgate.ports.secrets import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VAULT_FILE: Final = "secrets.vault"
KEY_FILE: Final = "vault.key"
LOCK_FILE: Final = "secrets.lock"
CREDENTIAL: Final = "mailgate.key"  # the name in LoadCredential= of the unit
VERSION: Final = 1
KEY_OCTETS: Final = 32
NONCE_OCTETS: Final = 12  # NIST SP 800-38D section 5.2.1.1: what GCM is made for
LOCK_TRIES: Final = 100
LOCK_PAUSE_S: Final = 0.05  # 5 s in all


class Vault:
    """Secrets by name, encrypted. Writers in other processes and threads are waited for.

    `environ` is where systemd names its credentials; `wait` waits some seconds for another writer.
    """

    def __init__(
        self,
        data_dir: Path,
        files: Files,
        *,
        system: System,
        environ: Mapping[str, str],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = data_dir / VAULT_FILE
        self._data_dir = data_dir
        self._files = files
        self._system = system
        self._environ = environ
        self._wait = wait

    def get(self, name: str) -> Secret:
        """Return a secret.

        Raises:
            SecretError: there is none of that name, or vault and key do not fit together.
        """
        entries = self._read()
        if name not in entries:
            error = SecretError(
                f"vault:{name}: there is no such secret: store it by `mailgate secrets set vault:{name}`"
            )
            raise error.because("secret_missing", reference=f"vault:{name}")
        value = _open(self._cipher(entries), name, entries[name])
        if value is None:
            raise SecretError(
                f"vault:{name}: it cannot be decrypted: {self.path} was tampered with or damaged, or {self._key_place()} "
                f"is not its key. Put both back from the same backup, or store the secret anew by "
                f"`mailgate secrets delete vault:{name}` and `mailgate secrets set vault:{name}`"
            )
        return Secret(value)

    def set(self, name: str, secret: Secret) -> None:
        """Store a secret, durable on return.

        Raises:
            SecretError: the key does not open what the vault holds, or another program keeps it locked.
        """
        with self.locked():
            entries = self._read()
            cipher = self._cipher(entries)
            if entries and all(_open(cipher, *entry) is None for entry in entries.items()):
                raise SecretError(
                    f"vault:{name}: {self._key_place()} is not the key of {self.path}, so nothing was stored. Put both "
                    f"back from the same backup, or move {self.path} away and store every secret anew"
                )
            nonce = os.urandom(NONCE_OCTETS)
            sealed = nonce + cipher.encrypt(nonce, secret.reveal().encode(), _context(name))
            self._write({**entries, name: base64.b64encode(sealed).decode("ascii")})

    def delete(self, name: str) -> None:
        """Remove a secret; needs no key.

        Raises:
            SecretError: there is none of that name.
        """
        with self.locked():
            entries = self._read()
            if name not in entries:
                raise SecretError(f"vault:{name}: there is no such secret")
            self._write({kept: entry for kept, entry in entries.items() if kept != name})

    def names(self) -> tuple[str, ...]:
        """Return the names in the vault, sorted; needs no key."""
        return tuple(sorted(self._read()))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers of secrets away, between reading and writing.

        Raises:
            SecretError: another program has the lock and does not give it up for 5 s.
        """
        lock = FileLock(self._data_dir / LOCK_FILE)
        for _ in range(LOCK_TRIES):
            if lock.try_lock():
                break
            self._wait(LOCK_PAUSE_S)
        else:
            raise SecretError(
                f"another program has been writing secrets in {self._data_dir} for "
                f"{LOCK_TRIES * LOCK_PAUSE_S:g} s: try again when it is done"
            )
        try:
            yield
        finally:
            lock.unlock()

    def _read(self) -> dict[str, str]:
        """Return the entries as they stand in the file; none when there is no file."""
        try:
            with self._files.open_read(self.path) as file:
                said = json.loads(file.read())
            if said["version"] == VERSION:
                return {str(name): str(entry) for name, entry in said["entries"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise SecretError(f"{self.path} is damaged: put it back from a backup, together with its key") from exc
        raise SecretError(f"{self.path} was written by a newer MailGate: update this one")

    def _write(self, entries: Mapping[str, str]) -> None:
        text = json.dumps({"version": VERSION, "entries": dict(sorted(entries.items()))}, indent=2)
        write_atomic(self._files, self.path, text.encode() + b"\n")

    def _cipher(self, entries: Mapping[str, str]) -> "AESGCM":
        """Return the cipher with our key. A first key is made only while nothing is encrypted by another one."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 7 MB, only for who has a vault

        return AESGCM(self._key(may_make=not entries))

    def _key(self, *, may_make: bool) -> bytes:
        path = self._key_place()
        try:
            octets = path.read_bytes()
            open_to_others = self._system.posix_rights and stat.S_IMODE(path.stat().st_mode) & OTHERS
        except FileNotFoundError as exc:
            if not may_make or path.name != KEY_FILE:
                raise SecretError(
                    f"the key {path} is missing, and without it nobody can open {self.path}: put the key back from a "
                    f"backup, or move {self.path} away and store every secret anew"
                ) from exc
            octets = os.urandom(KEY_OCTETS)
            write_atomic(self._files, path, octets)
            protect(path)
            return octets
        if path.name == KEY_FILE and open_to_others:  # a credential's mode is systemd's own affair
            raise SecretError(f"the key {path} is open to others: close it by `chmod 600 {path}`")
        key = octets if len(octets) == KEY_OCTETS else _unpacked(octets)
        if len(key) != KEY_OCTETS:
            raise SecretError(f"{path} is not a key: it must hold {KEY_OCTETS} octets, plain or as base64")
        return key

    def _key_place(self) -> Path:
        """Return where the key is: systemd's credential where the service has one, else the file beside the vault."""
        if credentials := self._environ.get("CREDENTIALS_DIRECTORY"):
            credential = Path(credentials) / CREDENTIAL
            if credential.exists():
                return credential
        return self._data_dir / KEY_FILE


def _open(cipher: "AESGCM", name: str, entry: str) -> str | None:
    """Return a secret, or None when key, name, nonce and ciphertext do not fit together."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 as in Vault._cipher

    try:
        sealed = base64.b64decode(entry, validate=True)
        return cipher.decrypt(sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:], _context(name)).decode()
    except (InvalidTag, ValueError):
        return None


def _context(name: str) -> bytes:
    """Return what is authenticated along with a secret."""
    return b"mailgate:" + name.encode()


def _unpacked(octets: bytes) -> bytes:
    """Return what a base64 text stands for, or nothing."""
    try:
        return base64.b64decode(octets.strip(), validate=True)
    except binascii.Error:
        return b""
