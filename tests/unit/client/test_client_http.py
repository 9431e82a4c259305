"""The typed client against the real API: in process as the app uses it, and over a socket as everyone else does."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest

from mailgate.client.discover import EngineAddress, find_engine
from mailgate.client.errors import ClientError, NotRunningError, RefusedError
from mailgate.client.http import EngineClient
from mailgate.contract import v1
from tests.unit.api.office import FOR_NOBODY, LETTER, TOKEN, URL, Office, open_office, served

Connect = Callable[[Office], AbstractAsyncContextManager[EngineClient]]


@contextlib.asynccontextmanager
async def in_process(office: Office) -> AsyncIterator[EngineClient]:
    transport = httpx.ASGITransport(office.api)  # type: ignore[arg-type]
    async with EngineClient(EngineAddress(URL, TOKEN), name="app", transport=transport) as client:
        yield client


@contextlib.asynccontextmanager
async def over_a_socket(office: Office) -> AsyncIterator[EngineClient]:
    async with served(office) as host, EngineClient(host.address, name="cli") as client:
        yield client


BOTH_WAYS = pytest.mark.parametrize("connect", [in_process, over_a_socket])


@BOTH_WAYS
async def test_every_call_understands_what_the_engine_answers(tmp_path: Path, connect: Connect) -> None:
    async with open_office(tmp_path) as office, connect(office) as client:
        await office.take(LETTER)
        entry = await office.take(FOR_NOBODY, uid="2")
        assert (await client.status()).counts.unrouted == 1
        assert [one.name for one in await client.accounts()] == ["office", "old"]
        assert await client.recipients() == ("anna@example.org", "jonas@example.org")
        assert [one.id for one in (await client.messages(state="parked", text="ash")).messages] == [entry.name]
        assert [one.id for one in (await client.messages(before=entry.name, limit=1)).messages] == ["Pmg0001"]
        assert (await client.unrouted()).total == 1
        assert (await client.message(entry.name)).steps
        assert (await client.deliver_to(entry.name, ("anna@example.org",))).codes == "P"
        assert (await client.try_routing("office", "To: anna@example.org")).codes == "I"
        ticket = await client.start_session("office")
        assert (await client.session(ticket.id, wait_s=20)).done
        assert not (await client.test_account("office")).ok
        assert (await client.test_recipient("anna@example.org")).ended == "delivered"
        assert not (await client.try_account(v1.TryAccount("pop.example.net", "anna", "x"))).ok
        assert not (await client.test_internal(("anna@example.org",))).ok
        assert (await client.discover("anna@gmx.de")).proposals[0].source == "preset"
        assert "exchange" in [one.id for one in await client.internal_kinds()]
        await client.stop_sessions()
        await client.pause(5)
        assert (await client.status()).paused
        await client.resume()
        assert not (await client.status()).paused
        assert (await client.reload()).applied
        assert (await client.login_code()).url.startswith(URL)
        assert (await client.events(0)).events[0].type == "EngineStarted"


@BOTH_WAYS
async def test_a_refusal_carries_the_sentence_the_code_and_the_faults(tmp_path: Path, connect: Connect) -> None:
    async with open_office(tmp_path) as office, connect(office) as client:
        with pytest.raises(RefusedError, match="no account called 'nobody'") as unknown:
            await client.start_session("nobody")
        with pytest.raises(RefusedError) as limit:
            await client.messages(limit=10_000)
        with pytest.raises(RefusedError) as pause:
            await client.pause(0)
    assert (unknown.value.code, unknown.value.status, unknown.value.faults) == ("not_found", 404, ())
    assert (limit.value.code, limit.value.faults) == ("bad_request", ("limit: it must be 500 or less",))
    assert pause.value.faults == ("minutes: it must be 1 or more",)


@BOTH_WAYS
async def test_no_word_that_is_typed_becomes_another_path(tmp_path: Path, connect: Connect) -> None:
    async with open_office(tmp_path) as office, connect(office) as client:
        for word in ("", ".", "..", "../status", "a/b", "a?b=c", "a#b", "%2e%2e", "a b", "ä", "Pmg\n1"):
            with pytest.raises(RefusedError) as message:
                await client.message(word)
            with pytest.raises(RefusedError) as account:
                await client.test_account(word)
            with pytest.raises(RefusedError) as deliver:
                await client.deliver_to(word, ("anna@example.org",))
            assert {one.value.code for one in (message, account, deliver)} == {"not_found"}, word


@BOTH_WAYS
async def test_what_a_client_decides_is_recorded_under_its_name(tmp_path: Path, connect: Connect) -> None:
    async with open_office(tmp_path) as office, connect(office) as client:
        await client.pause()
        event = (await client.events(0)).events[-1]
    assert event.data["by"] == {"in_process": "the app", "over_a_socket": "the command line"}[connect.__name__]


async def test_a_wrong_token_is_a_refusal_and_is_shown_nowhere(tmp_path: Path) -> None:
    secret = "wrong-token-that-must-not-be-shown"
    async with (
        open_office(tmp_path) as office,
        served(office) as host,
        EngineClient(EngineAddress(host.url, secret)) as client,
    ):
        with pytest.raises(RefusedError) as refused:
            await client.status()
        assert secret not in repr(client)
    assert (refused.value.code, refused.value.status) == ("unauthorized", 401)
    assert secret not in f"{refused.value!r} {refused.value}"


async def test_an_engine_that_does_not_answer_is_not_running_and_its_token_is_shown_nowhere() -> None:
    address = EngineAddress("http://127.0.0.1:1", TOKEN)
    async with EngineClient(address) as client:
        with pytest.raises(
            NotRunningError, match=r"nobody answers at http://127\.0\.0\.1:1: .*`mailgate run`"
        ) as caught:
            await client.status()
    said = f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {address!r} {address}"
    assert caught.value.code == "not_running"
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ReadTimeout(""), f"the engine at {URL} does not answer in time: see its log"),
        (httpx.ReadError(""), f"the connection to {URL} broke (ReadError)"),
    ],
)
async def test_an_engine_that_hangs_is_told_from_one_that_breaks(error: httpx.HTTPError, said: str) -> None:
    async def silent(request: httpx.Request) -> httpx.Response:
        raise error

    async with EngineClient(EngineAddress(URL, TOKEN), transport=httpx.MockTransport(silent)) as client:
        with pytest.raises(NotRunningError) as caught:
            await client.status()
    assert str(caught.value) == said


async def test_an_answer_that_is_none_of_ours_is_an_error_with_its_address() -> None:
    async def strange(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"<html>a router's page</html>")

    async with EngineClient(EngineAddress(URL, TOKEN), transport=httpx.MockTransport(strange)) as client:
        with pytest.raises(ClientError, match=r"http://127\.0\.0\.1:8643/status gave an answer that is not understood"):
            await client.status()


@pytest.mark.parametrize(
    ("body", "text", "code"),
    [
        (b"", "the engine answered 502", "http_502"),
        (b"Bad gateway", "the engine answered 502", "http_502"),
        (b"[1]", "the engine answered 502", "http_502"),
        (b'{"detail":"no","code":"x","faults":"y"}', "no", "x"),
        (b"\xff", "the engine answered 502", "http_502"),
    ],
)
async def test_a_refusal_in_any_other_shape_is_still_a_refusal(body: bytes, text: str, code: str) -> None:
    async def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, content=body)

    async with EngineClient(EngineAddress(URL, TOKEN), transport=httpx.MockTransport(refuse)) as client:
        with pytest.raises(RefusedError) as refused:
            await client.status()
    assert (str(refused.value), refused.value.code, refused.value.status) == (text, code, 502)
    assert refused.value.faults == ()


async def test_a_proxy_in_the_environment_never_sees_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "ws_proxy", "socks_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with open_office(tmp_path) as office, served(office) as host, EngineClient(host.address) as client:
        assert (await client.status()).version == "1.2.3"
        async for page in client.follow(0):
            assert page.events
            break


async def test_an_engine_is_found_by_its_data_directory(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, served(office) as host:
        found = find_engine(tmp_path)
        assert (found.url, found.token) == (host.url, TOKEN)
        async with EngineClient(found) as client:
            assert client.url == host.url
            assert (await client.status()).data_dir == str(tmp_path)
    with pytest.raises(NotRunningError):  # the address is gone with the engine
        find_engine(tmp_path)
