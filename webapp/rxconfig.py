"""Reflex's configuration. Reflex runs with this folder as the current one (see build.py and __main__.py)."""

from __future__ import annotations

import os

import reflex as rx

#: Where it is named, what a tab shows outlives the process that serves it, and any process may serve it.
REDIS = os.environ.get("CHAT_REDIS_URL") or None

#: Seconds after which the state of a tab in which nothing happens is dropped. Most such tabs are gone: a page that is
#: loaded anew is a new one for Reflex, which keeps the old one for an hour by default. Where somebody is there all the
#: same, whatever happens next opens the page anew (state/page.py).
FORGOTTEN_AFTER = 600


class OwnPage(rx.plugins.Plugin):
    """What Reflex's own part of the page does otherwise here."""

    def pre_compile(self, **context: object) -> None:
        context["add_modify_task"]("utils/state.js", use_page_port)  # type: ignore[operator]
        context["add_modify_task"]("utils/state.js", ignore_late_resizes)  # type: ignore[operator]
        context["add_modify_task"]("utils/state.js", run_no_scripts)  # type: ignore[operator]


def use_page_port(state_js: str) -> str:
    """One build serves any port: the page talks to where it came from, not to where it was built for."""
    return _after(
        state_js, "endpoint.hostname = frontend_hostname;", "endpoint.port = window.location.port;"
    ).replace('endpoint.port = ""; // Assume websocket is on https port via load balancer.', "")


def ignore_late_resizes(state_js: str) -> str:
    """Each frame in which a growing answer is measured anew is such an "error": none, and not the server's to hear of.

    https://www.w3.org/TR/resize-observer/#deliver-resize-error
    """
    return _after(
        state_js,
        "window.onerror = function (msg, url, lineNo, columnNo, error) {",
        'if (String(msg).startsWith("ResizeObserver loop")) return false;',
    )


def run_no_scripts(state_js: str) -> str:
    """What the server sends as a script is a call by name (page_calls.py): the page's policy allows no `eval`."""
    for place in ("eval(event.payload.javascript_code)", "eval(event.payload.function)()"):
        state_js = _instead(state_js, place, place.replace("eval(", "told(").removesuffix("()"))
    return _after(
        state_js, 'import { mergician } from "mergician";', 'import { told } from "$/public/js/told.js";'
    )


def _after(source: str, place: str, added: str) -> str:
    return _instead(source, place, f"{place}\n    {added}")


def _instead(source: str, place: str, other: str) -> str:
    """Once: a build begins with the file of the one before. Raises ValueError when a new version of Reflex has changed
    the place.
    """
    if other in source:
        return source
    if source.count(place) != 1:
        raise ValueError("Reflex's utils/state.js has changed: webapp/rxconfig.py must be adapted to it")
    return source.replace(place, other)


config = rx.Config(
    app_name="webapp",
    app_module_import="webapp.app",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    redis_url=REDIS,
    state_manager_mode="redis" if REDIS else "memory",
    redis_token_expiration=FORGOTTEN_AFTER,  # in memory as well
    cors_allowed_origins=(),  # guard.py decides
    plugins=[
        OwnPage(),
        rx.plugins.RadixThemesPlugin(theme=rx.theme(accent_color="gray", gray_color="slate")),
    ],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
