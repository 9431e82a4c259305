"""Who is let in: the token, the name by which the API is addressed, the site a request comes from."""

from typing import Final

from tests.unit.api.office import TOKEN, Office, Socket

PATHS: Final = ("/api/v1/status", "/api/v1/messages", "/api/v1/events", "/api/v1/schema/openapi.json")
NO_TOKENS: Final = ("", "Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", TOKEN, f"Bearer {TOKEN}x", "Bearer \xe9")
OUR_NAMES: Final = (
    "127.0.0.1:8643",
    "localhost",
    "LOCALHOST:1",
    "localhost.",
    "[::1]:8643",
    "127.9.9.9",
    "MailGate.example.org",
)
FOREIGN_NAMES: Final = (
    "evil.example",
    "192.0.2.1",
    "127.0.0.1.evil.example",
    "mailgate.example.org.evil.example",
    "[::2]",
    "[",
    "0",
    "::",
    " ",
)
FOREIGN_SITES: Final = (
    "http://evil.example",
    "https://127.0.0.1.evil.example",
    "http://127.0.0.1:9999",
    "http://localhost:8643",  # the same machine under another name is another origin
    "http://127.0.0.1:8643@evil.example",
    "null",
    "http://[",
    "",
    "file://",
)


async def session_of(office: Office) -> str:
    """Return the cookie of a browser that has logged in."""
    return f"mailgate_session={await office.doorkeeper.log_in(office.doorkeeper.issue_code().code)}"


async def test_without_the_token_nothing_is_told(office: Office) -> None:
    for said in NO_TOKENS:
        async with office.client(authorization=said) as client:
            for path in PATHS:
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), (said, path)
                assert answer.headers["www-authenticate"] == "Bearer"


async def test_without_the_token_nothing_is_done(office: Office) -> None:
    async with office.client(authorization="Bearer wrong") as client:
        answers = [
            await client.post(f"/api/v1/{path}", json={})
            for path in ("sessions", "sessions/stop", "pause", "resume", "reload", "login-code", "accounts/office/test")
        ]
    assert {answer.status_code for answer in answers} == {401}
    assert not office.engine.fetching.pauses.paused


async def test_without_the_token_no_event_is_told(office: Office) -> None:
    for said in NO_TOKENS:
        async with Socket(office.front, "/api/v1/events/stream", headers={"authorization": said}) as socket:
            assert (await socket.next())["type"] == "websocket.close", said
            await socket.over()


async def test_the_word_bearer_may_be_written_in_any_case(office: Office) -> None:
    async with office.client(authorization=f"bEARER {TOKEN}") as client:
        assert (await client.get("/api/v1/status")).status_code == 200


async def test_a_browser_session_is_no_token(office: Office) -> None:
    async with office.client(authorization="", cookie=await session_of(office)) as client:
        assert (await client.get("/api/v1/status")).status_code == 401


async def test_the_api_answers_by_the_names_of_this_machine_and_those_that_are_allowed(office: Office) -> None:
    for host in OUR_NAMES:
        async with office.client(host=host) as client:
            assert (await client.get("/api/v1/status")).status_code == 200, host


async def test_under_any_other_name_nothing_is_answered(office: Office) -> None:
    for host in FOREIGN_NAMES:
        async with office.client(host=host, cookie=await session_of(office)) as client:
            for path in (*PATHS, "/login", "/ui/", "/"):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (host, path)
        async with Socket(office.front, "/ui/ws", headers={"host": host}) as socket:
            assert (await socket.next())["type"] == "websocket.close"
            await socket.over()
    assert office.ui.reached == []


async def test_a_page_of_another_site_gets_nothing_even_with_token_and_session(office: Office) -> None:
    for origin in FOREIGN_SITES:
        async with office.client(cookie=await session_of(office)) as client:
            for path in ("/api/v1/status", "/login", "/ui/", "/ui/assets/main.js"):
                answer = await client.get(path, headers={"origin": origin})
                assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (origin, path)
    assert office.ui.reached == []


async def test_a_page_of_another_site_can_change_nothing(office: Office) -> None:
    async with office.client() as client:
        for origin in FOREIGN_SITES:
            answer = await client.post("/api/v1/pause", json={}, headers={"origin": origin})
            assert answer.status_code == 403, origin
            login = await client.post("/login", data={"said": "x"}, headers={"origin": origin})
            assert login.status_code == 403, origin
    assert not office.engine.fetching.pauses.paused


async def test_a_page_of_another_site_opens_no_websocket(office: Office) -> None:
    for origin in FOREIGN_SITES:
        headers = {"authorization": f"Bearer {TOKEN}", "cookie": await session_of(office), "origin": origin}
        for path in ("/api/v1/events/stream", "/ui/ws"):
            async with Socket(office.front, path, headers=headers) as socket:
                said = await socket.next()
                await socket.over()
            assert said == {
                "type": "websocket.close",
                "code": 1008,  # RFC 6455 section 7.4.1: against the policy
                "reason": "the request comes from another site",
            }
    assert office.ui.reached == []


async def test_a_page_of_our_own_is_answered(office: Office) -> None:
    for host in OUR_NAMES:
        async with office.client(host=host, origin=f"http://{host}") as client:
            assert (await client.get("/api/v1/status")).status_code == 200, host
