"""What happens when a handler, or a page, fails in a way that nobody foresaw."""

# No postponed annotations here: Reflex evaluates these in a module of its own.
import re

import structlog
from reflex.event import EventSpec

from telemetry import traces
from webapp import page_calls
from webapp.services import services

#: What a browser calls an error; what it says besides may be what somebody wrote.
_NAME = re.compile(r"\b[A-Z][A-Za-z]*(?:Error|Exception)\b")
#: Browsers say it of every page whose parts measure themselves; nothing has failed.
_HARMLESS = "ResizeObserver loop"

log = structlog.get_logger("webapp")


def report_failure(exception: Exception) -> EventSpec:
    """The log gets the cause, the user gets no stack trace."""
    log.error("a handler failed", exc_info=exception)
    services().metrics.failures.inc()
    # The page words it (everywhere.jsx).
    return page_calls.tell("chat-failure", traces.current_trace_id() or "")


def report_page_failure(exception: Exception) -> None:
    """What a page says of itself, which anybody may write: the log gets the name of the error."""
    told = str(exception)
    if _HARMLESS not in told:
        name = _NAME.search(told[:1000])
        log.error("a page failed", error=name[0] if name else "unknown")
