"""What a process starts before it serves, and stops after."""

from __future__ import annotations

from telemetry import sentry, traces


def start(service: str, *, edge: bool = False) -> None:
    """As the environment asks; nothing, if it asks for nothing. `edge` as in `traces.start`.

    Raises ValueError when it cannot be done.
    """
    traces.start(service, edge=edge)
    sentry.start(service)


def stop() -> None:
    """Sends what has not been sent, within a few seconds."""
    traces.stop()
    sentry.stop()
