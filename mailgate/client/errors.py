"""What a caller of the API may meet."""

from mailgate.contract.settings import SettingFault


class ClientError(Exception):
    """The root. `args[0]` is one sentence for the reader; `code` is the API's stable word for the case.

    `faults` are sentences, `settings` the same by setting where it is settings that are wrong.
    """

    def __init__(
        self,
        text: str,
        *,
        code: str = "",
        status: int = 0,
        faults: tuple[str, ...] = (),
        settings: tuple[SettingFault, ...] = (),
    ) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.faults = faults
        self.settings = settings


class NotRunningError(ClientError):
    """No engine answers."""


class RefusedError(ClientError):
    """The engine answered, and said no; `code` and `status` are its problem details (RFC 9457)."""
