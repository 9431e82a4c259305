"""Who may call: a bearer token for programs, a cookie for the app in a browser, both only from where they belong.

The token is made at the first start and kept in a file that its owner alone may read. A browser gets in with a
one-time code that the engine prints, or with the password of `api.app_password`.
"""

import asyncio
import hmac
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler

from mailgate.model.errors import SecretError
from mailgate.ports.clock import Clock
from mailgate.ports.secrets import Secret

COOKIE: Final = "mailgate_session"
CODE_LIFE: Final = timedelta(minutes=10)
SESSION_LIFE: Final = timedelta(hours=12)
MAX_FAILURES: Final = 10
FAILURE_WINDOW_S: Final = 60.0
MAX_SESSIONS: Final = 200
MAX_CODES: Final = 20
_CODE_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no 0/O and 1/I: people type it

PasswordSource = Callable[[], Awaitable[Secret | None]]


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A one-time code and when it ends."""

    code: str
    expires_at: datetime


class TooManyTriesError(Exception):
    """So many wrong codes or passwords came that none is looked at for a while."""


class Doorkeeper:
    """Knows the token, the one-time codes and the browser sessions. Codes and sessions live in memory alone."""

    def __init__(self, token: str, *, clock: Clock, password: PasswordSource) -> None:
        self._token = token
        self._clock = clock
        self._password = password
        self._codes: dict[str, float] = {}
        self._sessions: dict[str, float] = {}
        self._failures: deque[float] = deque(maxlen=MAX_FAILURES)

    def knows_token(self, token: str) -> bool:
        """Return whether this is the API's token, in constant time."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    def issue_code(self) -> IssuedCode:
        """Return a new one-time code."""
        self._forget_old()
        while len(self._codes) >= MAX_CODES:
            self._codes.pop(next(iter(self._codes)))
        code = "-".join("".join(secrets.choice(_CODE_ALPHABET) for _ in range(4)) for _ in range(2))
        self._codes[code] = self._clock.monotonic() + CODE_LIFE.total_seconds()
        return IssuedCode(code, self._clock.now() + CODE_LIFE)

    async def log_in(self, said: str) -> str | None:
        """Return a new session for a good code or password, None for a wrong one. A code is good once.

        Raises:
            TooManyTriesError: ten wrong ones within a minute.
        """
        now = self._clock.monotonic()
        if len(self._failures) == MAX_FAILURES and now - self._failures[0] < FAILURE_WINDOW_S:
            raise TooManyTriesError
        self._forget_old()
        code = said.strip().upper()
        if self._codes.pop(code, None) is None:
            self._failures.append(now)  # before the wait: guesses that come at once count at once
            if not await self._is_password(said):
                return None
            self._failures.remove(now)
        while len(self._sessions) >= MAX_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        session = secrets.token_urlsafe(32)
        self._sessions[session] = now + SESSION_LIFE.total_seconds()
        return session

    def knows_session(self, session: str | None) -> bool:
        """Return whether a browser's cookie is good."""
        return session is not None and self._sessions.get(session, 0.0) > self._clock.monotonic()

    def log_out(self, session: str | None) -> None:
        """End a browser's session."""
        self._sessions.pop(session or "", None)

    async def _is_password(self, said: str) -> bool:
        try:
            password = await self._password()
        except SecretError:
            return False
        if password is None or not password.reveal():
            return False
        await asyncio.sleep(0)
        return hmac.compare_digest(said.encode(), password.reveal().encode())

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        self._codes = {code: ends for code, ends in self._codes.items() if ends > now}
        self._sessions = {session: ends for session, ends in self._sessions.items() if ends > now}


def token_guard(doorkeeper: Doorkeeper) -> Callable[[ASGIConnection, BaseRouteHandler], None]:  # type: ignore[type-arg]
    """Return a guard that asks for the bearer token, RFC 6750 section 2.1."""

    def guard(connection: ASGIConnection, _handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not doorkeeper.knows_token(token.strip()):
            raise NotAuthorizedException(
                "send the token of api.token as `Authorization: Bearer …`",
                headers={"www-authenticate": "Bearer"},  # RFC 9110 section 11.6.1
            )

    return guard
