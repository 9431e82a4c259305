"""Errors as RFC 9457 problem details: one JSON shape, with a stable `code` and a sentence that says what to do."""

import logging
import secrets
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from mailgate.contract.v1 import Problem
from mailgate.model.errors import (
    AddressError,
    ConflictError,
    ErrorClass,
    MailgateError,
    SecretError,
    StoreError,
    UnknownError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

_TITLES: Final = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available",
}
_CODES: Final = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}

AnyRequest = Request[Any, Any, Any]


def problem(
    status: int, code: str, detail: str, *, instance: str = "", faults: tuple[str, ...] = ()
) -> Response[bytes]:
    """Return the response for one error."""
    shape = Problem(
        type=f"urn:mailgate:problem:{code}",
        title=_TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        code=code,
        instance=instance,
        faults=faults,
    )
    return Response(msgspec.json.encode(shape), status_code=status, media_type=MEDIA_TYPE)


def on_mailgate_error(request: AnyRequest, exc: MailgateError) -> Response[bytes]:
    """Map our own errors: they were written for the reader."""
    match exc:
        case UnknownError():
            return problem(404, "not_found", str(exc))
        case ConflictError():
            return problem(409, "conflict", str(exc))
        case AddressError():
            return problem(400, "bad_address", str(exc))
        case SecretError():
            return problem(409, "secret", str(exc))
        case StoreError() if exc.error_class is not ErrorClass.INTERNAL:
            return problem(503, "store_busy", str(exc))
        case _:
            return on_anything(request, exc)


def on_http_exception(_request: AnyRequest, exc: HTTPException) -> Response[bytes]:
    """Map what the framework refuses: unknown paths, wrong shapes, missing tokens."""
    faults: tuple[str, ...] = ()
    if isinstance(exc, ValidationException) and isinstance(exc.extra, list):
        faults = tuple(_fault(one) for one in exc.extra)
    detail = "; ".join(faults) or exc.detail
    code = "bad_request" if exc.status_code == 400 else _CODES.get(exc.status_code, f"http_{exc.status_code}")  # noqa: PLR2004
    answer = problem(exc.status_code, code, detail, faults=faults)
    answer.headers.update(exc.headers or {})
    return answer


def _fault(extra: object) -> str:
    if not isinstance(extra, dict):
        return str(extra)
    key = extra.get("key")
    return f"{key}: {extra.get('message')}" if key else str(extra.get("message"))


def on_anything(request: AnyRequest, exc: Exception) -> Response[bytes]:
    """Say that it is our fault, with an id under which the log tells more; never the exception itself."""
    number = secrets.token_hex(4)
    log.error("request %s %s failed (%s)", request.method, request.url.path, number, exc_info=exc)
    return problem(500, "internal", f"MailGate failed at this: quote {number} when you report it", instance=number)
