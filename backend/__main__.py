"""``python -m backend``: the API on CHAT_HOST:CHAT_API_PORT, until SIGTERM."""

from __future__ import annotations

import errno
import signal
import socket
import sys

import uvicorn

from backend import logs
from backend.main import MAX_BODY, create_app
from backend.settings import SettingsError, load_settings

#: Streams are ended, then the lifespan drains answers: together a few seconds.
SHUTDOWN_AFTER = 2
#: How long what was sent may stay untaken, in seconds (tcp(7)).
UNSENT_FOR = 60


def main() -> int:
    try:
        settings = load_settings()
    except SettingsError as exc:
        print(f"backend: {exc}", file=sys.stderr)  # noqa: T201  before there is a log
        return 2
    logs.configure(settings.log_level)
    try:
        listener = _bind(settings.host, settings.api_port)
    except OSError as exc:
        reason = "is taken" if exc.errno == errno.EADDRINUSE else f"cannot be bound ({exc.strerror})"
        print(  # noqa: T201
            f"backend: port {settings.api_port} on {settings.host} {reason}: free it, or set CHAT_API_PORT"
            " (and CHAT_HOST) to another",
            file=sys.stderr,
        )
        return 1
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=settings.trusted_proxies,
            ws_max_size=MAX_BODY,
            ws_per_message_deflate=False,  # events are small, and a compressor for each connection is not
            timeout_graceful_shutdown=SHUTDOWN_AFTER,
        )
    )
    # uvicorn stops in good order, then raises the signal again for whoever handled it before: that is us, and it
    # was no failure.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _end)
    server.run(sockets=[listener])
    return 0


def _end(*_: object) -> None:
    sys.exit(0)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Who takes nothing for so long is cut off by the kernel: no server closes what it cannot send to.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_FOR * 1000)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


if __name__ == "__main__":
    sys.exit(main())
