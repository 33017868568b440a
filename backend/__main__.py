"""``python -m backend``: the API on CHAT_HOST:CHAT_API_PORT, until SIGTERM.

``--fd`` names a listening socket that was inherited instead, which several processes may share; ``--ready-fd`` what to
write a line to once this one serves, which it then does only when it is ready: somebody else can go then.
"""

from __future__ import annotations

import argparse
import errno
import gc
import resource
import signal
import socket
import sys

import uvicorn

from backend import logs
from backend.graceful import Server
from backend.listening import listening
from backend.main import MAX_BODY, create_app
from backend.protocols import HttpProtocol, WebSocketProtocol
from backend.settings import SettingsError, load_settings
from telemetry import reporting

#: Streams are ended, then the lifespan drains answers: together a few seconds.
SHUTDOWN_AFTER = 2
#: Seconds in which one that takes over must be ready.
READY_WITHIN = 30.0
#: File descriptors that are asked for.
MOST_FILES = 65_536


def main() -> int:
    given = _arguments()
    try:
        settings = load_settings()
    except SettingsError as exc:
        print(f"backend: {exc}", file=sys.stderr)  # noqa: T201  before there is a log
        return 2
    logs.configure(settings.log_level)
    try:
        reporting.start("chat-sessions-backend")
    except ValueError as exc:
        print(f"backend: {exc}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        listener = (
            listening(settings.host, settings.api_port)
            if given.fd is None
            else socket.socket(fileno=given.fd)
        )
    except OSError as exc:
        reason = "is taken" if exc.errno == errno.EADDRINUSE else f"cannot be bound ({exc.strerror})"
        print(  # noqa: T201
            f"backend: port {settings.api_port} on {settings.host} {reason}: free it, or set CHAT_API_PORT"
            " (and CHAT_HOST) to another",
            file=sys.stderr,
        )
        return 1
    app = create_app(settings, ready_within=None if given.ready_fd is None else READY_WITHIN)

    def begin() -> None:
        app.state.services.draining.begin()

    async def finish(seconds: float) -> None:
        await app.state.services.replies.drain(seconds)

    server = Server(
        uvicorn.Config(
            app,
            http=HttpProtocol,
            ws=WebSocketProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=settings.trusted_proxies,
            ws_max_size=MAX_BODY,
            ws_per_message_deflate=False,  # events are small, and a compressor for each connection is not
            timeout_graceful_shutdown=SHUTDOWN_AFTER,
        ),
        begin=begin,
        finish=finish,
        drain_seconds=settings.drain_seconds,
        accept_for=settings.accept_after_sigterm,
        ready_fd=given.ready_fd,
    )
    _prepare_for_many_connections()
    # uvicorn stops in good order, then raises the signal again for whoever handled it before: that is us, and it
    # was no failure.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _end)
    try:
        server.run(sockets=[listener])
    finally:
        reporting.stop()
    return 0


def _prepare_for_many_connections() -> None:
    # The collector comes when so many objects more are there than before, and looks at all that are young: with a
    # thousand connections a hundred thousand of them, for a tenth of a second, while everybody waits. It finds next to
    # nothing, since what ends leaves hardly a circle, and so comes rarely; to the old ones every tenth time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 10, 100)
    # Each takes two file descriptors, its own and one to GraphQL; many systems give 1,024 to who does not ask for more.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _end(*_: object) -> None:
    sys.exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m backend", description="The API of chat-sessions.")
    parser.add_argument("--fd", type=int, help="a listening socket that was inherited")
    parser.add_argument("--ready-fd", type=int, help="gets a line once this process serves")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
