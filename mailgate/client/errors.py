"""What a caller of the API may meet."""


class ClientError(Exception):
    """The root. `args[0]` is one sentence for the reader; `code` is the API's stable word for the case."""

    def __init__(self, text: str, *, code: str = "", status: int = 0, faults: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.faults = faults


class NotRunningError(ClientError):
    """No engine answers."""


class RefusedError(ClientError):
    """The engine answered, and said no; `code` and `status` are its problem details (RFC 9457)."""
