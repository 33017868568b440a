"""What happens when a handler fails in a way that nobody foresaw."""

# No postponed annotations here: Reflex evaluates these in a module of its own.
import json

import reflex as rx
import structlog
from reflex.event import EventSpec

from telemetry import traces
from webapp.services import services

log = structlog.get_logger("webapp")


def report_failure(exception: Exception) -> EventSpec:
    """The log gets the cause, the user gets no stack trace."""
    log.error("a handler failed", exc_info=exception)
    services().metrics.failures.inc()
    # The page words it (everywhere.jsx).
    told = json.dumps({"detail": traces.current_trace_id() or ""})
    return rx.call_script(f"window.dispatchEvent(new CustomEvent('chat-failure', {told}))")
