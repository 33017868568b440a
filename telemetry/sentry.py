"""Defects to Sentry, where a DSN is set: the trail through our code and the trace id, never a value.

https://docs.sentry.io/platforms/python/configuration/options/
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from telemetry.safe import chain, told

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from sentry_sdk.types import Event, Hint

#: Seconds that the end of a process waits for what has not been sent.
PATIENCE = 2
_reporting = False


def dsn(environment: Mapping[str, str] = os.environ) -> str:
    return environment.get("CHAT_SENTRY_DSN") or environment.get("SENTRY_DSN") or ""


def start(service: str) -> None:
    """From now on `report` sends. Raises ValueError when the DSN is none."""
    global _reporting  # noqa: PLW0603  the process's own, as logging's handlers are
    address = dsn()
    if not address:
        return
    import sentry_sdk  # noqa: PLC0415  only where it is wanted
    from sentry_sdk.integrations.dedupe import DedupeIntegration  # noqa: PLC0415
    from sentry_sdk.utils import BadDsn  # noqa: PLC0415

    try:
        sentry_sdk.init(
            dsn=address,
            environment=os.environ.get("SENTRY_ENVIRONMENT"),
            release=os.environ.get("SENTRY_RELEASE"),
            server_name=service,
            # No integration looks at requests, arguments or logs by itself: what is sent is what `report` is given.
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[DedupeIntegration()],
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            send_client_reports=False,
            auto_session_tracking=False,
            shutdown_timeout=PATIENCE,
            before_send=_scrubbed,
        )
    except BadDsn:
        raise ValueError("CHAT_SENTRY_DSN: not a DSN") from None
    sentry_sdk.set_tag("service", service)
    _reporting = True


def stop() -> None:
    """Sends what has not been sent, within `PATIENCE`."""
    global _reporting  # noqa: PLW0603
    if _reporting:
        import sentry_sdk  # noqa: PLC0415

        _reporting = False
        sentry_sdk.flush(timeout=PATIENCE)
        sentry_sdk.get_client().close(timeout=PATIENCE)


def report(_logger: object, level: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: a line at level error with an exception goes to Sentry too."""
    if not _reporting or level not in {"error", "exception", "critical"}:
        return line
    info = line.get("exc_info")
    exc = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if exc is not None:
        import sentry_sdk  # noqa: PLC0415

        with sentry_sdk.new_scope() as scope:
            if trace_id := line.get("trace_id"):
                scope.set_tag("trace_id", str(trace_id))
            scope.set_tag(
                "event", str(line.get("event"))[:200] if line.get("_from_structlog", True) else "library"
            )
            scope.capture_exception(exc)
    return line


def _scrubbed(event: Event, hint: Hint) -> Event:
    info = hint.get("exc_info")
    texts = {type(each).__name__: told(each) for each in reversed(chain(info[1]))} if info and info[1] else {}
    for value in event.get("exception", {}).get("values", []):
        value["value"] = texts.get(value.get("type", ""), "")
        for frame in (value.get("stacktrace") or {}).get("frames", []):
            frame.pop("vars", None)
    for unwanted in ("request", "user", "breadcrumbs", "extra", "modules"):
        event.pop(unwanted, None)  # type: ignore[misc]
    return event
