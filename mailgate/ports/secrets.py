"""Secrets as a port: a reference in the configuration, the secret itself only at the moment of use."""

from dataclasses import dataclass
from typing import Protocol


class Secret:
    """A secret that does not print itself."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret. Call it where it is used, and keep the result nowhere."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))


@dataclass(frozen=True, slots=True)
class SecretName:
    """A stored secret, by its reference; never the secret."""

    ref: str
    where: str


class SecretStore(Protocol):
    """Looks up, stores and removes secrets by reference: `keyring:`, `vault:`, `file:` or `env:` and a name."""

    async def get(self, ref: str) -> Secret:
        """Return the secret behind `ref`.

        Raises:
            SecretError: there is none, or its keeper does not answer; the text says what to do.
        """
        ...

    async def set(self, ref: str, secret: Secret) -> None:
        """Store a secret; an older one under the same reference is replaced.

        Raises:
            SecretError: the keeper refuses, or this kind of reference cannot be written.
        """
        ...

    async def delete(self, ref: str) -> None:
        """Remove a secret.

        Raises:
            SecretError: there is none, or this kind of reference cannot be removed.
        """
        ...

    async def names(self) -> tuple[SecretName, ...]:
        """Return what this store wrote itself, by reference."""
        ...

    async def describe(self) -> str:
        """Return which keeper `keyring:` means on this machine, for people."""
        ...
