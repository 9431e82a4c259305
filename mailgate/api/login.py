"""The way into the app for a browser: a page that asks for a code or the password, and a cookie for who gives it.

A plain page without a framework, since it is what stands before the app. The code may come behind `#` in the address,
which no server, log or proxy ever sees.
"""

import html
from collections.abc import Callable
from typing import Annotated, Any, Final

from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from mailgate.api.auth import COOKIE, SESSION_LIFE, Doorkeeper, TooManyTriesError
from mailgate.api.problems import may_answer
from mailgate.contract import v1

APP_PATH: Final = "/ui/"
_MAX_SAID: Final = 1000

_CSP: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)

_PAGE: Final = """<!doctype html>
<html lang="{lang}"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>MailGate</title>
<style>
:root{{color-scheme:light dark;--ground:#F2F5F3;--panel:#FFF;--line:#D8E0DC;--edge:#7C8B85;--ink:#14211D;--ink2:#4E5E58;
--brand:#0B5D50;--on:#FFF;--error:#A1261D}}
@media(prefers-color-scheme:dark){{:root{{--ground:#0F1614;--panel:#17211E;--line:#2A3733;--edge:#71837C;--ink:#E6EEEA;
--ink2:#A3B3AC;--brand:#6FD0BB;--on:#04302A;--error:#FFA79E}}}}
body{{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--ground);color:var(--ink);
font:15px/1.5 Roboto,system-ui,sans-serif}}
main{{box-sizing:border-box;width:min(400px,100% - 32px);background:var(--panel);border:1px solid var(--line);
border-radius:12px;padding:32px}}
h1{{font-size:22px;margin:0 0 4px}}p{{margin:0 0 20px;color:var(--ink2)}}label{{display:block;font-weight:500;margin-bottom:4px}}
input{{box-sizing:border-box;width:100%;height:44px;padding:0 14px;font:inherit;color:inherit;background:none;
border:1px solid var(--edge);border-radius:8px}}
button{{margin-top:16px;width:100%;height:44px;border:0;border-radius:8px;background:var(--brand);color:var(--on);
font:inherit;font-weight:500;cursor:pointer}}
input:focus,button:focus-visible{{outline:2px solid var(--brand);outline-offset:2px}}
.error{{color:var(--error);margin:12px 0 0}}code{{font-family:"Roboto Mono",monospace;font-size:13px}}
</style>
<main><h1>MailGate</h1><p>{lead}</p>
<form method="post" action="/login"><label for="said">{label}</label>
<input id="said" name="said" type="password" autocomplete="current-password" autofocus required>
<button>{button}</button></form>{error}</main>
<script>
const code=location.hash.match(/^#code=([A-Za-z0-9-]+)$/);
if(code){{history.replaceState(null,"","/login");document.getElementById("said").value=code[1];document.forms[0].submit()}}
</script></html>"""

_WORDS: Final = {
    "en": {
        "lead": "Enter the one-time code that <code>mailgate app</code> prints, or the password of the app.",
        "label": "Code or password",
        "button": "Open MailGate",
        "wrong": "That is not right. A code works once and for ten minutes.",
        "slow": "Too many tries. Wait a minute, then try again.",
    },
    "de": {
        "lead": "Geben Sie den Einmal-Code ein, den <code>mailgate app</code> anzeigt, oder das Kennwort der App.",
        "label": "Code oder Kennwort",
        "button": "MailGate öffnen",
        "wrong": "Das stimmt nicht. Ein Code gilt einmal und zehn Minuten lang.",
        "slow": "Zu viele Versuche. Warten Sie eine Minute.",
    },
    "fr": {
        "lead": "Saisissez le code à usage unique qu'affiche <code>mailgate app</code>, ou le mot de passe de l'app.",
        "label": "Code ou mot de passe",
        "button": "Ouvrir MailGate",
        "wrong": "Ce n'est pas juste. Un code sert une fois, pendant dix minutes.",
        "slow": "Trop d'essais. Attendez une minute, puis réessayez.",
    },
}

AnyRequest = Request[Any, Any, Any]
UrlOf = Callable[[], str]


def _page(request: AnyRequest, *, error: str = "", status: int = 200) -> Response[str]:
    first = request.headers.get("accept-language", "")[:2].lower()
    lang = first if first in _WORDS else "en"
    words = _WORDS[lang]
    shown = f'<p class="error" role="alert">{html.escape(words[error])}</p>' if error else ""
    body = _PAGE.format(lang=lang, lead=words["lead"], label=words["label"], button=words["button"], error=shown)
    return Response(
        body,
        media_type=MediaType.HTML,
        status_code=status,
        headers={"content-security-policy": _CSP, "cache-control": "no-store"},
    )


@get("/login", include_in_schema=False)
async def login_page(request: AnyRequest) -> Response[str]:
    """Show the page."""
    return _page(request)


@post("/login", include_in_schema=False, status_code=200)
async def log_in(
    request: AnyRequest,
    doorkeeper: NamedDependency[Doorkeeper],
    data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[Any]:
    """Take a code or password and let the browser in."""
    try:
        session = await doorkeeper.log_in(data.get("said", "")[:_MAX_SAID])
    except TooManyTriesError:
        return _page(request, error="slow", status=429)
    if session is None:
        return _page(request, error="wrong", status=401)
    cookie = Cookie(
        key=COOKIE,
        value=session,
        path="/",
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return Redirect(APP_PATH, status_code=303, cookies=[cookie])


@post("/logout", include_in_schema=False, status_code=303)
async def log_out(request: AnyRequest, doorkeeper: NamedDependency[Doorkeeper]) -> Redirect:
    """End the browser's session."""
    doorkeeper.log_out(request.cookies.get(COOKIE))
    return Redirect("/login", status_code=303, cookies=[Cookie(key=COOKIE, value="", path="/", max_age=0)])


@post(
    "/login-code",
    tags=("app",),
    status_code=201,
    operation_id="loginCode",
    summary="A one-time code that opens the app in a browser",
    response_description="good once, for ten minutes",
    responses=may_answer(),
)
async def login_code(doorkeeper: NamedDependency[Doorkeeper], url_of: NamedDependency[UrlOf]) -> v1.LoginCode:
    """Return the code and an address that carries it behind `#`."""
    issued = doorkeeper.issue_code()
    return v1.LoginCode(code=issued.code, url=f"{url_of()}/login#code={issued.code}", expires_at=issued.expires_at)
