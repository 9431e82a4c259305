"""A SecretStore in memory."""

from collections.abc import Mapping

from mailgate.model.errors import SecretError
from mailgate.ports.secrets import Secret, SecretName


class FakeSecrets:
    """Holds secrets by their whole reference; `asked` are the references that were looked up."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self.secrets = dict(secrets or {})
        self.asked: list[str] = []

    async def get(self, ref: str) -> Secret:
        self.asked.append(ref)
        if ref not in self.secrets:
            raise SecretError(f"there is no secret {ref}: `mailgate secrets set {ref}` stores one")
        return Secret(self.secrets[ref])

    async def set(self, ref: str, secret: Secret) -> None:
        self.secrets[ref] = secret.reveal()

    async def delete(self, ref: str) -> None:
        if self.secrets.pop(ref, None) is None:
            raise SecretError(f"there is no secret {ref}")

    async def names(self) -> tuple[SecretName, ...]:
        return tuple(SecretName(ref, "memory") for ref in sorted(self.secrets))

    async def describe(self) -> str:
        return "memory"
