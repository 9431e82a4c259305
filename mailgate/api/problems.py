"""Errors as RFC 9457 problem details: one JSON shape, with a stable `code` and a sentence that says what to do."""

import logging
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from mailgate.contract.v1 import Problem, SettingFault
from mailgate.engine.configuring import FaultyChangeError
from mailgate.model.errors import (
    AddressError,
    ConfigFileError,
    ConflictError,
    ErrorClass,
    ForbiddenError,
    MailgateError,
    SecretError,
    StoreError,
    UnknownError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

MAX_FAULTS: Final = 100  # told at once

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
_CODES: Final = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}
_DETAILS: Final = {
    404: "there is nothing at this address; docs/reference/api.md lists what there is",
    405: "this address takes another method; the header Allow names it",
    413: "the body is larger than the API takes",
}
"""Our words where the framework has only the name of the status."""

_PARAMETERS: Final = {"in_state": "state"}
"""Names that differ between the query and our code."""

_BOUND: Final = re.compile(r"^Expected `(?:int|float)` ([<>]=) ([\d.]+)$")

_WHEN: Final = {
    400: "something in path, query or body is not as described; `faults` lists it",
    401: "no token, or a wrong one",
    403: "the Host is not in `api.allowed_hosts`, the Origin is another site, or the act needs a right of its own",
    404: "there is no such thing",
    409: "it does not fit the state that the thing is in",
    413: "the body is too large",
    500: "a fault in MailGate; `instance` is the id under which the engine's log tells more",
    503: "the store does not answer just now",
}

AnyRequest = Request[Any, Any, Any]


def may_answer(*codes: int) -> Mapping[int, ResponseSpec]:
    """Return what an operation may answer beside success, for the OpenAPI document: `codes`, and what all may."""
    return {
        code: ResponseSpec(
            Problem, generate_examples=False, description=f"{_TITLES[code]}: {_WHEN[code]}", media_type=MEDIA_TYPE
        )
        for code in sorted({*codes, 401, 403, 500})
    }


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    instance: str = "",
    faults: tuple[str, ...] = (),
    settings: tuple[SettingFault, ...] = (),
) -> Response[bytes]:
    """Return the response for one error."""
    octets = problem_octets(status, code, detail, instance=instance, faults=faults, settings=settings)
    return Response(octets, status_code=status, media_type=MEDIA_TYPE)


def problem_octets(
    status: int,
    code: str,
    detail: str,
    *,
    instance: str = "",
    faults: tuple[str, ...] = (),
    settings: tuple[SettingFault, ...] = (),
) -> bytes:
    """Return the body for one error."""
    shape = Problem(
        type=f"urn:mailgate:problem:{code}",
        title=_TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        code=code,
        instance=instance,
        faults=faults,
        settings=settings,
    )
    return msgspec.json.encode(shape)


def on_mailgate_error(request: AnyRequest, exc: MailgateError) -> Response[bytes]:
    """Map our own errors: they were written for the reader."""
    match exc:
        case UnknownError():
            return problem(404, "not_found", str(exc))
        case ForbiddenError():
            return problem(403, "forbidden", str(exc))
        case ConflictError():
            return problem(409, "conflict", str(exc))
        case AddressError():
            return problem(400, "bad_address", str(exc))
        case FaultyChangeError():
            return _faulty(exc)
        case ConfigFileError():
            return problem(409, "config_file", str(exc))
        case SecretError():
            return problem(409, "secret", str(exc))
        case StoreError() if exc.error_class is not ErrorClass.INTERNAL:
            return problem(503, "store_busy", str(exc))
        case _:
            return on_anything(request, exc)


def _faulty(exc: FaultyChangeError) -> Response[bytes]:
    told = exc.faults[:MAX_FAULTS]
    settings = tuple(SettingFault(code=one.code, path=one.path, text=one.text, remedy=one.remedy) for one in told)
    return problem(400, "config_faults", str(exc), faults=tuple(map(str, told)), settings=settings)


def on_http_exception(_request: AnyRequest, exc: HTTPException) -> Response[bytes]:
    """Map what the framework refuses: unknown paths, wrong shapes, missing tokens."""
    faults: tuple[str, ...] = ()
    if isinstance(exc, ValidationException) and isinstance(exc.extra, list):
        faults = tuple(map(_fault, exc.extra))
    status = exc.status_code
    detail = "; ".join(faults) or _DETAILS.get(status, exc.detail)
    answer = problem(status, _CODES.get(status, f"http_{status}"), detail, faults=faults)
    answer.headers.update(exc.headers or {})
    return answer


def _fault(extra: object) -> str:
    """Return one thing that is wrong with a request, by the name that its sender knows."""
    if not isinstance(extra, dict):
        return str(extra)
    key, message = str(extra.get("key") or ""), _in_words(str(extra.get("message")))
    if key in {"", "data"}:  # the body as a whole
        return "the body is missing: send a JSON object" if message == "'data'" else message
    return f"{_PARAMETERS.get(key, key)}: {message}"


def _in_words(message: str) -> str:
    """Return what msgspec says of a bound as a person would."""
    bound = _BOUND.search(message)
    if bound is None:
        return message
    return f"it must be {bound[2]} or {'more' if bound[1] == '>=' else 'less'}"


def on_anything(request: AnyRequest, exc: Exception) -> Response[bytes]:
    """Say that it is our fault, with an id under which the log tells more; never the exception itself."""
    number = secrets.token_hex(4)
    log.error("request %s %s failed (%s)", request.method, request.url.path, number, exc_info=exc)
    return problem(500, "internal", f"MailGate failed at this: quote {number} when you report it", instance=number)
