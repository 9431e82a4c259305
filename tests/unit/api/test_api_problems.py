"""What goes wrong has one shape (RFC 9457), a stable code and a sentence; and nothing secret is in any answer."""

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest

from mailgate.contract.v1 import Problem
from mailgate.model.errors import ErrorClass, SecretError, StoreError
from tests.unit.api.office import APP_PASSWORD, FOR_NOBODY, LETTER, POP3_PASSWORD, TOKEN, Office


def problem_of(answer: httpx.Response) -> Problem:
    """Return the answer as problem details; anything else fails."""
    assert answer.headers["content-type"] == "application/problem+json"
    found = msgspec.json.decode(answer.content, type=Problem)
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "instance", "faults", "settings"}
    assert found.status == answer.status_code
    assert found.type == f"urn:mailgate:problem:{found.code}"
    assert found.title
    assert found.detail
    return found


async def test_whatever_is_refused_has_the_one_shape(office: Office) -> None:
    refused = [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v2/status", 404, "not_found"),
        ("GET", "/nothing/at/all", 404, "not_found"),
        ("GET", "/api/v1/sessions/seven", 404, "not_found"),
        ("GET", "/api/v1/sessions/99", 404, "not_found"),
        ("GET", "/api/v1/schema/swagger", 404, "not_found"),
        ("GET", "/api/v1/schema/other.json", 404, "not_found"),
        ("DELETE", "/api/v1/messages", 405, "method_not_allowed"),
        ("POST", "/api/v1/status", 405, "method_not_allowed"),
        ("GET", "/logout", 405, "method_not_allowed"),
        ("GET", "/api/v1/messages?limit=0", 400, "bad_request"),
        ("GET", "/api/v1/messages?limit=501", 400, "bad_request"),
        ("GET", "/api/v1/events?after=-1", 400, "bad_request"),
        ("GET", "/api/v1/events?wait=31", 400, "bad_request"),
        ("GET", "/api/v1/events?wait=nan", 400, "bad_request"),
    ]
    async with office.client() as client:
        for method, path, status, code in refused:
            found = problem_of(await client.request(method, path))
            assert (found.status, found.code) == (status, code), path


async def test_a_wrong_method_is_answered_with_those_there_are(office: Office) -> None:
    async with office.client() as client:
        answer = await client.delete("/api/v1/status")
    assert "GET" in answer.headers["allow"].split(", ")  # RFC 9110 section 15.5.6


async def test_a_body_that_is_not_as_described_is_refused_with_its_faults(office: Office) -> None:
    bodies: list[tuple[bytes, tuple[str, ...]]] = [
        (b'{"acount":"office"}', ("Object contains unknown field `acount`",)),
        (b'{"account":7}', ("account: Expected `str | null`, got `int`",)),
        (b"[]", ("Expected `object`, got `array`",)),
        (b"", ("the body is missing: send a JSON object",)),
        (b"{", ()),
        (b"\xff", ()),
        (b'{"account":"\\ud800"}', ()),
    ]
    async with office.client() as client:
        for body, faults in bodies:
            found = problem_of(await client.post("/api/v1/sessions", content=body))
            assert (found.status, found.code, found.faults) == (400, "bad_request", faults)


async def test_a_query_is_faulted_by_the_name_that_was_sent(office: Office) -> None:
    async with office.client() as client:
        found = problem_of(await client.get("/api/v1/messages?state=lost&limit=many"))
    assert sorted(fault.partition(":")[0] for fault in found.faults) == ["limit", "state"]


async def test_a_body_beyond_the_limit_is_refused_whether_its_size_is_announced_or_not(office: Office) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    async with office.client() as client:
        announced = problem_of(await client.post("/api/v1/routing/try", content=b"x" * 3_000_000))
        streamed = problem_of(await client.post("/api/v1/routing/try", content=in_pieces()))
    assert (announced.code, streamed.code) == ("too_large", "too_large")


async def test_a_header_of_256_kilobytes_can_be_tried(office: Office) -> None:
    header = "To: anna@example.org\r\n" + "X-Long: \u00fc\r\n" * 20_000
    async with office.client() as client:
        answer = await client.post("/api/v1/routing/try", json={"account": "office", "header": header})
    assert answer.status_code == 200
    assert answer.json()["codes"] == "I"


class BrokenStore:
    """A store of which nothing can be asked any more, for one reason."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        async def ask(*_: object, **__: object) -> None:
            raise self._error

        return ask


@pytest.fixture
def broken(office: Office) -> Iterator[Any]:
    """Let the engine's ports meet another store."""
    ports = office.engine.ports

    def put(error: Exception) -> None:
        office.engine.ports = replace(ports, store=BrokenStore(error))

    yield put
    office.engine.ports = ports


async def test_a_fault_of_ours_is_an_id_to_quote_and_its_traceback_is_in_the_log_alone(
    office: Office, broken: Any, caplog: pytest.LogCaptureFixture
) -> None:
    broken(ZeroDivisionError("the inner workings"))
    with caplog.at_level(logging.ERROR):
        async with office.client() as client:
            answer = await client.get("/api/v1/messages")
    found = problem_of(answer)
    assert (found.status, found.code) == (500, "internal")
    assert found.instance in found.detail
    for word in ("Traceback", "ZeroDivisionError", "inner workings", ".py"):
        assert word not in answer.text
    [record] = [one for one in caplog.records if found.instance in one.getMessage()]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreError("the disk is full", error_class=ErrorClass.DISK), 503, "store_busy"),
        (StoreError("the database is damaged"), 500, "internal"),
        (SecretError("the keyring does not answer"), 409, "secret"),
    ],
)
async def test_a_store_that_fails_says_whether_trying_again_helps(
    office: Office, broken: Any, error: Exception, status: int, code: str
) -> None:
    broken(error)
    async with office.client() as client:
        found = problem_of(await client.get("/api/v1/messages"))
    assert (found.status, found.code) == (status, code)


async def test_no_secret_is_in_any_answer(office: Office) -> None:
    entry = await office.take(FOR_NOBODY)
    await office.take(LETTER, uid="2")
    async with office.client() as client:
        read = ("status", "accounts", "recipients", "events", "messages", "unrouted", f"messages/{entry.name}")
        texts = [(await client.get(f"/api/v1/{path}")).text for path in read]
        for path, body in (
            ("accounts/office/test", None),
            ("sessions", {}),
            ("reload", None),
            ("routing/try", {"account": "office", "header": "To: anna@example.org"}),
            ("login-code", None),
        ):
            texts.append((await client.post(f"/api/v1/{path}", json=body)).text)
        texts.append((await client.get("/api/v1/sessions/1?wait=20")).text)
        texts.append((await client.get("/api/v1/events")).text)
        texts.append((await client.get("/api/v1/schema/openapi.json")).text)
        texts.append((await client.get("/login")).text)
    assert all(texts)
    for secret in (TOKEN, POP3_PASSWORD, APP_PASSWORD):
        assert not [text for text in texts if secret in text]


async def test_every_answer_forbids_guessing_framing_and_telling_other_sites_of_it(office: Office) -> None:
    async with office.client() as client:
        answers = [await client.get(path) for path in ("/api/v1/status", "/api/v1/nothing", "/login", "/ui/", "/")]
        answers.append(await client.get("/api/v1/status", headers={"host": "evil.example"}))
        answers.append(await client.get("/api/v1/status", headers={"authorization": ""}))
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] in {"same-origin", "no-referrer"}
