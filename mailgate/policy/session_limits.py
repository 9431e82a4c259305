"""How much a session takes and how long it waits: the account's own word, else that of all accounts."""

from dataclasses import replace

from mailgate.model.settings import Account, FetchSettings


def of_account(account: Account, fetch: FetchSettings) -> FetchSettings:
    """Return the settings of an account's sessions."""
    own = {
        "session_messages": account.session_messages,
        "session_size": account.session_size,
        "timeout": account.timeout,
    }
    return replace(fetch, **{name: value for name, value in own.items() if value is not None})  # type: ignore[arg-type]
