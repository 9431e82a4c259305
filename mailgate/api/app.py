"""Builds the API: a Litestar application over one engine, with everything that guards it."""

from typing import Any, Final

from litestar import Litestar, Response, Router, get
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.response import Redirect
from litestar.types import ASGIApp

from mailgate import __version__
from mailgate.api.auth import Doorkeeper, token_guard
from mailgate.api.border import Border
from mailgate.api.callers import provide_caller
from mailgate.api.login import APP_PATH, UrlOf, log_in, log_out, login_code, login_page
from mailgate.api.problems import on_anything, on_http_exception, on_mailgate_error, problem
from mailgate.api.routes.fetch import FetchRoutes
from mailgate.api.routes.learning import LearningRoutes
from mailgate.api.routes.messages import MessageRoutes
from mailgate.api.routes.oversize import OversizeRoutes
from mailgate.api.routes.parked import ParkedRoutes
from mailgate.api.routes.queue import QueueRoutes
from mailgate.api.routes.schedule import ScheduleRoutes
from mailgate.api.routes.settings import SettingsRoutes
from mailgate.api.routes.tools import ToolRoutes
from mailgate.api.routes.watch import WatchRoutes
from mailgate.api.ui import mount_ui
from mailgate.engine.engine import Engine
from mailgate.model.errors import MailgateError

MAX_BODY_OCTETS: Final = 2_000_000
"""Larger than the largest header that may be pasted (256 KB), in JSON."""

SCHEMA_PATH: Final = "/api/v1/schema"

_ABOUT: Final = (
    "The engine of MailGate: status, download sessions, messages and events. Every call needs the bearer token that "
    "the engine keeps in `api.token`, readable by its owner alone. Errors are problem details (RFC 9457) with a stable "
    "`code`. Fields are added, never renamed or removed, within a version. The stream of events, a websocket at "
    "`/api/v1/events/stream?after=SEQ`, sends one `EventPage` a message; this document cannot describe it."
)


@get("/", include_in_schema=False, sync_to_thread=False)
def root() -> Redirect:
    """Send a browser that came without a path to the app."""
    return Redirect(APP_PATH, status_code=303)


class _Api(Litestar):
    """Without the plugins for libraries whose types we do not use: Pydantic alone takes 10 MB and 0.3 s."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def build_api(
    engine: Engine,
    doorkeeper: Doorkeeper,
    url_of: UrlOf,
    *,
    ui: ASGIApp | None = None,
) -> Litestar:
    """Return the application. `url_of` gives the address it answers at; `ui` is the app, or None without one."""

    async def provide_engine() -> Engine:
        return engine

    async def provide_doorkeeper() -> Doorkeeper:
        return doorkeeper

    async def provide_url_of() -> UrlOf:
        return url_of

    v1 = Router(
        "/api/v1",
        route_handlers=[
            WatchRoutes,
            FetchRoutes,
            LearningRoutes,
            MessageRoutes,
            OversizeRoutes,
            ParkedRoutes,
            QueueRoutes,
            ScheduleRoutes,
            SettingsRoutes,
            ToolRoutes,
            login_code,
        ],
        guards=[token_guard(doorkeeper)],
        security=[{"token": []}],
        dependencies={"caller": Provide(provide_caller)},
    )
    app_in_browser = [] if ui is None else [mount_ui(ui, doorkeeper)]
    return _Api(
        route_handlers=[v1, root, login_page, log_in, log_out, *app_in_browser],
        dependencies={
            "engine": Provide(provide_engine),
            "doorkeeper": Provide(provide_doorkeeper),
            "url_of": Provide(provide_url_of),
        },
        exception_handlers={
            MailgateError: on_mailgate_error,
            HTTPException: on_http_exception,
            Exception: on_anything,
        },
        openapi_config=_openapi(doorkeeper),
        request_max_body_size=MAX_BODY_OCTETS,
        logging_config=None,
    )


def guarded(app: ASGIApp, engine: Engine) -> ASGIApp:
    """Return `app` inside the border that checks Host and Origin."""
    return Border(app, lambda: engine.config.api.allowed_hosts)


def _openapi(doorkeeper: Doorkeeper) -> OpenAPIConfig:
    # The document alone, for who has the token. Litestar's pages around it would load scripts from elsewhere.
    document = Router(
        SCHEMA_PATH,
        route_handlers=[],
        include_in_schema=False,
        guards=[token_guard(doorkeeper)],
        after_request=_problem_for_page,
    )
    return OpenAPIConfig(
        title="MailGate",
        version=__version__,
        description=_ABOUT,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        openapi_router=document,
        render_plugins=[JsonRenderPlugin()],
        use_handler_docstrings=True,
        components=Components(
            security_schemes={"token": SecurityScheme(type="http", scheme="bearer", description="from api.token")}
        ),
    )


def _problem_for_page(response: Response[Any]) -> Response[Any]:
    """Say in our own shape what Litestar says with a page: that there is no such form of the document."""
    if response.status_code == 404:  # noqa: PLR2004
        return problem(404, "not_found", f"the document is at {SCHEMA_PATH}/openapi.json")
    return response
