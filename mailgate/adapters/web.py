"""Small documents from the web by httpx: bounded in size, time and redirects, certificates checked."""

import asyncio
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from mailgate import __version__
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.web import Page

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS: Final = 3
_OK: Final = 200
_NOT_THERE: Final = frozenset({404, 410})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class HttpxReader:
    """Reads by a connection of its own for each document: they are rare, and each is elsewhere."""

    def __init__(self, transport: "httpx.AsyncBaseTransport | None" = None) -> None:
        self._transport = transport

    async def get(self, url: str, *, limit_octets: int, timeout: timedelta) -> Page | None:
        """Return the document."""
        import httpx  # noqa: PLC0415 megabytes, wanted when somebody discovers

        limit_s = timeout.total_seconds()
        client = httpx.AsyncClient(
            transport=self._transport,
            timeout=limit_s,
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": f"MailGate/{__version__}"},
        )
        try:
            async with asyncio.timeout(limit_s), client:
                return await _followed(client, url, limit_octets)
        except TimeoutError as exc:
            limit = f"{limit_s:g} s"
            raise ConnectError(f"no answer within {limit}").because("no_answer_in", limit=limit) from exc
        except httpx.HTTPError as exc:
            raise _error(exc) from exc
        except (httpx.InvalidURL, UnicodeError, ValueError) as exc:
            raise ConnectError(f"the address makes no sense: {exc}").because("address_senseless", said=exc) from exc


async def _followed(client: "httpx.AsyncClient", url: str, limit_octets: int) -> Page | None:
    safe = True
    for _ in range(MAX_REDIRECTS + 1):
        safe = safe and urlsplit(url).scheme == "https"
        async with client.stream("GET", url) as answer:
            if answer.status_code in _NOT_THERE:
                return None
            if answer.status_code in _REDIRECTS and (to := answer.headers.get("location")):
                url = _next(url, to)
                continue
            if answer.status_code != _OK:
                status = answer.status_code
                error = ConnectError(f"the server answers {status}", error_class=ErrorClass.PROTOCOL)
                raise error.because("web_answer", status=status)
            octets = b""
            async for part in answer.aiter_bytes():
                octets += part
                if len(octets) > limit_octets:
                    text = f"the document has more than {limit_octets} octets"
                    error = ConnectError(text, error_class=ErrorClass.SIZE)
                    raise error.because("document_large", limit=limit_octets)
            return Page(url, octets, safe)
    error = ConnectError(f"more than {MAX_REDIRECTS} redirects", error_class=ErrorClass.PROTOCOL)
    raise error.because("redirects", limit=MAX_REDIRECTS)


def _next(url: str, to: str) -> str:
    target = urljoin(url, to)
    scheme = urlsplit(target).scheme
    if scheme not in {"http", "https"} or (scheme == "http" and urlsplit(url).scheme == "https"):
        error = ConnectError("a redirect leads out of HTTPS", error_class=ErrorClass.POLICY)
        raise error.because("redirect_in_the_clear")
    return target


def _error(exc: "httpx.HTTPError") -> ConnectError:
    import httpx  # noqa: PLC0415 there by now

    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            said = cause.verify_message
            error = ConnectError(f"its certificate is not good: {said}", error_class=ErrorClass.CERT)
            return error.because("web_cert", said=said)
        cause = cause.__cause__ or cause.__context__
    if isinstance(exc, httpx.TimeoutException):
        return ConnectError("no answer in time").because("web_slow")
    if isinstance(exc, httpx.ConnectError):
        return ConnectError("nobody answers there").because("web_silent")
    said = type(exc).__name__
    error = ConnectError(f"it cannot be read ({said})", error_class=ErrorClass.PROTOCOL)
    return error.because("web_unreadable", said=said)
