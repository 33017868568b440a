"""What handlers and buttons tell the page to do: by name and with data (assets/js/told.js), never by a script of the
server's making, so that the page's policy need not allow any (webapp.guard).
"""

# No postponed annotations here: Reflex evaluates these in a module of its own.
import json
from typing import Any

import reflex as rx
from reflex.event import EventSpec


def tell(event: str, detail: Any = None) -> EventSpec:
    """Whoever listens for `event` on the page's window."""
    return _told("tell", event, detail)


def say(text: str) -> EventSpec:
    """In a toast."""
    return _told("say", text)


def reload_page() -> EventSpec:
    return _told("reload")


def close_sidebar() -> EventSpec:
    """Where it is a drawer."""
    return _told("closeSidebar")


def fetch_cookie(address: str, ticket: str, then: str) -> EventSpec:
    """Trades the ticket for a cookie and leaves for `then`; the page itself sees neither token nor cookie."""
    return _told("fetchCookie", address, ticket, then)


def _told(*call: Any) -> EventSpec:
    return rx.call_script(json.dumps(call))
