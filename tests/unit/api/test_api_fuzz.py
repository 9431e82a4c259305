"""Whatever is sent to any operation, the answer is one that the document describes; a fault of ours is none."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from docs.build import operations
from mailgate.contract.v1 import Problem
from tests.unit.api.office import FOR_NOBODY, LETTER, open_office

OPERATIONS: Final = [(method, path, operation) for method, path, operation in operations()]

CHARACTERS = st.characters(codec="utf-8")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))
KNOWN_WORDS = st.sampled_from(
    ["office", "old", "anna@example.org", "@", "<>", "To: anna@example.org\r\n\r\n", "Pmg0002", "a@[192.0.2.1]", "\0"]
)
VALUES = KNOWN_WORDS | JSON | st.lists(KNOWN_WORDS, max_size=3) | st.integers(-5, 10**30)
FIELDS = st.sampled_from(["account", "addresses", "minutes", "header", "more"])
BODIES = st.dictionaries(FIELDS, VALUES, max_size=4) | JSON
PATH_WORDS = st.sampled_from(["Pmg0001", "Pmg0002", "Pmg" + "F" * 16, "office", "1", "9" * 30, "..", "%"]) | st.text(
    CHARACTERS, min_size=1, max_size=20
)
QUERY_WORDS = st.sampled_from(["", "0", "1", "-1", "nan", "9" * 30, "Pmg0002", "parked", "office", "\0", "%", "_"])
QUERIES = st.dictionaries(
    st.sampled_from(["after", "state", "account", "text", "before", "limit", "more"]),
    QUERY_WORDS | st.text(CHARACTERS, max_size=20),
    max_size=4,
)


class Api:
    """One running engine for many examples, in a loop of its own."""

    def __init__(self, directory: Path) -> None:
        self._runner = asyncio.Runner()
        self._directory = directory

    def __enter__(self) -> Self:
        self._runner.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._opened.__aexit__(None, None, None))
        self._runner.close()

    async def _open(self) -> None:
        self._opened = open_office(self._directory)
        self.office = await self._opened.__aenter__()
        await self.office.take(LETTER)
        await self.office.take(FOR_NOBODY, uid="2")

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send one request."""

        async def send() -> httpx.Response:
            async with self.office.client() as client:
                return await client.request(method, path, **request)

        return self._runner.run(send())


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with Api(tmp_path_factory.mktemp("fuzz")) as opened:
        yield opened


def assert_described(answer: httpx.Response, operation: dict[str, Any]) -> None:
    """Fail when the answer is none that the document names for this operation, or not in its shape."""
    status = str(answer.status_code)
    assert status != "500", answer.text
    assert status in operation["responses"], answer.text
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json"
        assert msgspec.json.decode(answer.content, type=Problem).status == answer.status_code


@settings(
    max_examples=200,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(at=st.integers(0, len(OPERATIONS) - 1), word=PATH_WORDS, query=QUERIES, body=BODIES)
@example(at=7, word="1", query={}, body={"minutes": 10**12})
@example(at=5, word="Pmg" + "F" * 20, query={}, body={})
def test_no_request_of_any_shape_is_answered_but_as_described(
    api: Api, at: int, word: str, query: dict[str, str], body: Any
) -> None:
    method, template, operation = OPERATIONS[at]
    path = template
    for name in ("name", "message_id", "number"):
        path = path.replace("{" + name + "}", quote(word, safe=""))
    request: dict[str, Any] = {"params": query}
    if operation.get("requestBody"):
        request["content"] = msgspec.json.encode(body)
    answer = api.ask(method, path, **request)
    if template == path or answer.status_code != 405:  # "..", "sessions/stop": the path is another one then
        assert_described(answer, operation)


@settings(max_examples=150, deadline=None)
@given(
    at=st.sampled_from([n for n, (_, _, found) in enumerate(OPERATIONS) if found.get("requestBody")]), body=st.binary()
)
def test_no_octets_as_a_body_are_answered_but_as_described(api: Api, at: int, body: bytes) -> None:
    method, template, operation = OPERATIONS[at]
    path = template.replace("{message_id}", "Pmg0002")
    assert_described(api.ask(method, path, content=body), operation)


@settings(max_examples=100, deadline=None)
@given(path=st.text(CHARACTERS, max_size=60), body=st.binary(max_size=200))
def test_no_path_breaks_anything(api: Api, path: str, body: bytes) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        answer = api.ask(method, "/" + quote(path, safe="/%?&=."), content=body)
        assert answer.status_code < 500, answer.text
