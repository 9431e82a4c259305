"""The way into the app for a browser: codes, password, cookie, and the app behind them."""

from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie

import httpx
import pytest

from tests.unit.api.office import APP_PASSWORD, CONFIG, Office, Socket

MINUTE = timedelta(minutes=1)


def browser(office: Office, **headers: str) -> httpx.AsyncClient:
    """Return a browser without a session; like a browser it says where its posts come from."""
    return office.client(authorization="", origin="http://127.0.0.1:8643", **headers)


async def log_in(client: httpx.AsyncClient, said: str) -> httpx.Response:
    """Send the login form."""
    return await client.post("/login", data={"said": said})


async def test_a_code_lets_a_browser_in_once_and_never_again(office: Office) -> None:
    code = office.doorkeeper.issue_code().code
    async with browser(office) as first, browser(office) as second:
        answer = await log_in(first, code)
        assert (answer.status_code, answer.headers["location"]) == (303, "/ui/")
        assert (await first.get("/ui/")).text == "<p>the app</p>"
        assert (await log_in(second, code)).status_code == 401
        assert (await second.get("/ui/")).status_code == 303


async def test_a_code_may_be_typed_in_small_letters_and_with_space_around_it(office: Office) -> None:
    async with browser(office) as client:
        assert (await log_in(client, f"  {office.doorkeeper.issue_code().code.lower()}\n")).status_code == 303


@pytest.mark.parametrize(("age", "status"), [(10 * MINUTE - timedelta(seconds=1), 303), (10 * MINUTE, 401)])
async def test_a_code_is_good_for_ten_minutes(office: Office, age: timedelta, status: int) -> None:
    code = office.doorkeeper.issue_code().code
    office.clock.advance(age)
    async with browser(office) as client:
        assert (await log_in(client, code)).status_code == status


async def test_a_wall_clock_that_jumps_neither_ends_nor_lengthens_a_code(office: Office) -> None:
    code = office.doorkeeper.issue_code().code
    office.clock.jump(timedelta(days=-1))
    office.clock.advance(10 * MINUTE)
    async with browser(office) as client:
        assert (await log_in(client, code)).status_code == 401


async def test_of_many_codes_the_newest_twenty_are_kept(office: Office) -> None:
    codes = [office.doorkeeper.issue_code().code for _ in range(21)]
    async with browser(office) as client:
        assert (await log_in(client, codes[0])).status_code == 401
        assert (await log_in(client, codes[1])).status_code == 303


async def test_the_password_lets_a_browser_in_as_often_as_it_is_given(office: Office) -> None:
    for _ in range(2):
        async with browser(office) as client:
            assert (await log_in(client, APP_PASSWORD)).status_code == 303


@pytest.mark.parametrize(
    ("accepted", "label"),
    [
        ("de-AT", "Code oder Kennwort"),
        ("fr", "Code ou mot de passe"),
        ("en", "Code or password"),
        ("", "Code or password"),
    ],
)
async def test_the_page_speaks_the_browsers_language(office: Office, accepted: str, label: str) -> None:
    async with browser(office, **{"accept-language": accepted}) as client:
        assert label in (await client.get("/login")).text


async def test_anything_else_is_refused_on_the_page_itself(office: Office) -> None:
    async with browser(office) as client:
        for said in ("", " ", "wrong", APP_PASSWORD.upper(), APP_PASSWORD + " ", "x" * 100_000):
            answer = await log_in(client, said)
            assert answer.status_code == 401, said
            assert 'role="alert"' in answer.text
            assert "set-cookie" not in answer.headers


async def test_without_a_password_in_the_settings_an_empty_one_opens_nothing(office: Office) -> None:
    office.engine.config = replace(CONFIG, api=replace(CONFIG.api, app_password=""))
    async with browser(office) as client:
        assert (await log_in(client, "")).status_code == 401
        assert (await log_in(client, APP_PASSWORD)).status_code == 401


async def test_a_password_that_cannot_be_looked_up_opens_nothing_and_codes_go_on(office: Office) -> None:
    office.engine.config = replace(CONFIG, api=replace(CONFIG.api, app_password="vault:gone"))
    async with browser(office) as client:
        assert (await log_in(client, APP_PASSWORD)).status_code == 401
        assert (await log_in(client, office.doorkeeper.issue_code().code)).status_code == 303


async def test_ten_wrong_tries_within_a_minute_close_the_door_for_a_while_even_for_the_right_word(
    office: Office,
) -> None:
    async with browser(office) as client:
        for _ in range(10):
            assert (await log_in(client, "wrong")).status_code == 401
        assert (await log_in(client, APP_PASSWORD)).status_code == 429
        office.clock.advance(MINUTE - timedelta(seconds=1))
        assert (await log_in(client, APP_PASSWORD)).status_code == 429
        office.clock.advance(timedelta(seconds=1))
        assert (await log_in(client, APP_PASSWORD)).status_code == 303


async def test_ten_wrong_tries_over_a_longer_time_close_nothing(office: Office) -> None:
    async with browser(office) as client:
        for _ in range(20):
            assert (await log_in(client, "wrong")).status_code == 401
            office.clock.advance(timedelta(seconds=7))


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(office: Office) -> None:
    async with browser(office) as client:
        answer = await log_in(client, APP_PASSWORD)
    [cookie] = SimpleCookie(answer.headers["set-cookie"]).values()
    assert len(cookie.value) >= 43  # 256 bits
    assert (cookie["path"], cookie["max-age"]) == ("/", "43200")
    assert (cookie["httponly"], cookie["samesite"].lower(), cookie["domain"]) == (True, "strict", "")
    assert not cookie["secure"]  # on plain http, which is loopback, a browser would not send it back


async def test_a_session_ends_after_twelve_hours(office: Office) -> None:
    async with browser(office) as client:
        await log_in(client, APP_PASSWORD)
        office.clock.advance(timedelta(hours=12) - timedelta(seconds=1))
        assert (await client.get("/ui/")).status_code == 200
        office.clock.advance(timedelta(seconds=1))
        assert (await client.get("/ui/")).status_code == 303


async def test_logging_out_ends_the_session_and_not_only_the_cookie(office: Office) -> None:
    async with browser(office) as client:
        await log_in(client, APP_PASSWORD)
        session = client.cookies["mailgate_session"]
        answer = await client.post("/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "mailgate_session" not in client.cookies
        client.cookies.set("mailgate_session", session)
        assert (await client.get("/ui/")).status_code == 303


async def test_of_many_sessions_the_newest_are_kept(office: Office) -> None:
    sessions = [await office.doorkeeper.log_in(APP_PASSWORD) for _ in range(201)]
    assert not office.doorkeeper.knows_session(sessions[0])
    assert office.doorkeeper.knows_session(sessions[1])


async def test_without_a_session_the_app_sends_a_browser_to_the_login(office: Office) -> None:
    async with browser(office) as client:
        for path in ("/ui", "/ui/", "/ui/live", "/ui/assets/a.js", "/ui/../ui/", "/ui//"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path
            assert answer.headers["cache-control"] == "no-store"
    assert office.ui.reached == []


async def test_the_apps_websocket_is_refused_without_a_session(office: Office) -> None:
    for cookie in ("", "mailgate_session=", "mailgate_session=made-up", "other=1"):
        async with Socket(office.front, "/ui/ws", headers={"cookie": cookie}) as socket:
            said = await socket.next()
            await socket.over()
        assert (said["type"], said["code"]) == ("websocket.close", 1008), cookie
    assert office.ui.reached == []


async def test_with_a_session_page_files_and_websocket_of_the_app_come_through(office: Office) -> None:
    session = await office.doorkeeper.log_in(APP_PASSWORD)
    async with browser(office, cookie=f"mailgate_session={session}") as client:
        await client.get("/ui/")
        await client.get("/ui/assets/main.js")
    headers = {"cookie": f"mailgate_session={session}", "origin": "http://127.0.0.1:8643"}
    async with Socket(office.front, "/ui/ws", headers=headers) as socket:
        assert (await socket.next())["type"] == "websocket.accept"
        await socket.over()
    assert office.ui.reached == ["/ui/", "/ui/assets/main.js", "/ui/ws"]


async def test_the_login_page_loads_nothing_from_elsewhere_and_is_kept_nowhere(office: Office) -> None:
    async with browser(office) as client:
        answer = await client.get("/login")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "http://" not in answer.text
    assert "https://" not in answer.text


async def test_a_browser_may_name_the_origin_of_the_login_form(office: Office) -> None:
    # With "no-referrer" a browser says `Origin: null` when the form is sent, and would be refused as another site.
    async with browser(office) as client:
        assert (await client.get("/login")).headers["referrer-policy"] == "same-origin"


async def test_the_login_page_speaks_the_readers_language(office: Office) -> None:
    for accepted, word in (("de-AT,de;q=0.9", "Kennwort"), ("fr", "password"), ("", "password")):
        async with browser(office, accept_language=accepted) as client:
            assert word in (await client.get("/login")).text, accepted


async def test_what_was_typed_is_never_shown_again(office: Office) -> None:
    async with browser(office) as client:
        answer = await log_in(client, "<script>alert(1)</script>")
    assert "alert(1)" not in answer.text


async def test_a_form_that_is_none_is_refused_and_lets_nobody_in(office: Office) -> None:
    async with browser(office) as client:
        twice = await client.post(
            "/login",
            content=f"said={APP_PASSWORD}&said=x",
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        empty = await client.post("/login")
        json = await client.post("/login", json={"said": APP_PASSWORD})
    assert [answer.status_code for answer in (twice, empty, json)] == [400, 401, 401]
