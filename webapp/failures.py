"""What happens when a handler fails in a way that nobody foresaw."""

# No postponed annotations here: Reflex evaluates these in a module of its own.
import reflex as rx
import structlog
from reflex.event import EventSpec

from webapp.services import services

log = structlog.get_logger("webapp")


def report_failure(exception: Exception) -> EventSpec:
    """The log gets the cause, the user gets no stack trace."""
    log.error("a handler failed", exc_info=exception)
    services().metrics.failures.inc()
    # The page words it (everywhere.jsx).
    return rx.call_script("window.dispatchEvent(new Event('chat-failure'))")
