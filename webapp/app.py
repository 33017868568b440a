"""The Reflex app: its pages, what surrounds them, and what the server opens and closes with itself."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import reflex as rx
import structlog
from reflex_base.registry import RegistrationContext
from reflex_components_core.base.error_boundary import ErrorBoundary
from starlette.applications import Starlette

from webapp import first_paint
from webapp.components import Everywhere, Mishap
from webapp.ended_events import EmptyEndedEvents
from webapp.event_line import EventLine
from webapp.failures import report_failure, report_page_failure
from webapp.front_door import FrontDoor
from webapp.guard import Guard, content_security_policy
from webapp.measuring import Measure, MeasureEvents, connected_tabs
from webapp.pages import (
    chat_page,
    new_chat_page,
    not_found_page,
    register_page,
    settings_page,
    sign_in_page,
)
from webapp.routes import ROUTES
from webapp.services import open_services
from webapp.settings import Settings
from webapp.state import AccountPage, Auth, ChatHistory
from webapp.tracing import Traced

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp

log = structlog.get_logger("webapp")
#: From what all share to what one part adds.
STYLES = (
    "base",
    "page",
    "sidebar",
    "messages",
    "markdown",
    "composer",
    "pages",
    "settings",
    "transfer",
    "help",
    "palette",
)
BUILT = Path(__file__).parent / ".web" / "build" / "client"


def guarded(app: ASGIApp) -> ASGIApp:
    line = EventLine(app, lambda: RegistrationContext.get().event_handlers)
    return Traced(Measure(Guard(FrontDoor(line), content_security_policy(BUILT.rglob("*.html")))))


@asynccontextmanager
async def shared_services() -> AsyncIterator[None]:
    settings = Settings()
    async with open_services(settings) as opened:
        opened.metrics.tabs.set_function(lambda: connected_tabs(app))
        log.info("ready", url=f"http://{settings.host}:{settings.web_port}")
        yield


app = rx.App(
    stylesheets=[f"/css/{subject}.css" for subject in STYLES],
    html_lang="en",
    head_components=[
        rx.el.script(f"{{{first_paint.SCRIPT}}}"),
        rx.el.link(rel="icon", type="image/svg+xml", href="/favicon.svg"),
        rx.el.link(rel="apple-touch-icon", href="/icons/apple-touch-icon.png"),
        rx.el.link(rel="manifest", href="/manifest.webmanifest"),
        rx.el.meta(name="color-scheme", content="light dark"),
        rx.el.meta(name="theme-color", content="#1f6f5c"),
        rx.el.meta(
            name="description", content="Named chats with an assistant, kept for you, searchable and yours."
        ),
        rx.el.meta(
            name="viewport", content="width=device-width, initial-scale=1, interactive-widget=resizes-content"
        ),
    ],
    toaster=rx.toast.provider(position="top-center", rich_colors=False, visible_toasts=3),
    backend_exception_handler=report_failure,
    frontend_exception_handler=report_page_failure,
    api_transformer=[Starlette(routes=ROUTES), guarded],
)
# Instead of Reflex's own, which shows a stack trace.
app.app_wraps[55, "ErrorBoundary"] = lambda _stateful: ErrorBoundary.create(
    fallback_render=rx.Var.create(Mishap.create())
)
# Instead of Reflex's own notice, which is about addresses and sockets: each page has ours in its place.
app.app_wraps[5, "Overlay"] = lambda _stateful: rx.fragment(Everywhere.create())
app.register_lifespan_task(shared_services)
app.add_middleware(EmptyEndedEvents())
app.add_middleware(MeasureEvents())
# The name of the open chat comes into the title in the browser (reader.jsx).
app.add_page(new_chat_page, route="/chat", title="Chat sessions", on_load=ChatHistory.open_page)
app.add_page(chat_page, route="/chat/[session_id]", title="Chat sessions", on_load=ChatHistory.open_page)
app.add_page(sign_in_page, route="/sign-in", title="Sign in · Chat sessions", on_load=Auth.open_sign_in)
app.add_page(
    register_page, route="/register", title="Create an account · Chat sessions", on_load=Auth.open_sign_in
)
app.add_page(
    settings_page, route="/settings", title="Settings · Chat sessions", on_load=AccountPage.open_page
)
app.add_page(not_found_page, route="/404", title="Not found · Chat sessions")
