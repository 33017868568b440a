"""``python -m hasura.engine``: one engine process, configured by Hasura's environment variables.

``--fd`` names a listening socket that was inherited, which several processes may share; ``--ready-fd`` what to write a
line to once this one serves, which it then does only when it has its database and metadata: somebody else can go then.
"""

from __future__ import annotations

import argparse
import errno
import gc
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

import uvicorn
from pydantic import ValidationError

from hasura.engine.errors import EngineError
from hasura.engine.serve import logs
from hasura.engine.serve.app import create_app
from hasura.engine.serve.bodies import LARGEST_BODY
from hasura.engine.serve.graceful import Server
from hasura.engine.serve.http_wire import HttpWire
from hasura.engine.serve.ws_wire import Wire
from hasura.engine.settings import Settings
from telemetry import reporting

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from hasura.engine.serve.engine import Engine

#: Objects between two looks for garbage. Python's 700 is less than what a few dozen requests hold at once: it would
#: look again and again, at everything that the process holds, and each of those looks is a pause for everybody.
GARBAGE_EVERY = 50_000
#: File descriptors that the engine asks for.
MOST_FILES = 65_536
#: Seconds that running requests get where nobody waits for HASURA_GRAPHQL_GRACEFUL_SHUTDOWN_TIMEOUT (Ctrl-C).
SHUTDOWN_AFTER = 3


class EngineServer(Server):
    """A server, except that the collector does not look again at what start-up made: it stays."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Returns when the application serves."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_EVERY)


def main() -> None:
    """Serves until SIGTERM."""
    given = _arguments()
    try:
        settings = Settings()
        reporting.start("chat-sessions-engine")
        app = create_app(settings, only_when_ready=given.ready_fd is not None)
    except ValidationError as error:
        _give_up("; ".join(map(_told, error.errors(include_input=False))))
    except (ValueError, EngineError) as error:
        _give_up(str(error))
    logs.configure(settings.log_level)
    allow_many_connections()
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=HttpWire,
        ws=Wire,
        ws_max_size=LARGEST_BODY,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=min(SHUTDOWN_AFTER, int(settings.graceful_shutdown_timeout)),
        log_config=None,
        access_log=False,
        server_header=False,
    )
    listener = _listen(settings) if given.fd is None else socket.socket(fileno=given.fd)
    # uvicorn ends in good order and then raises the signal again for whoever was there before it: to have been
    # stopped is no failure.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: sys.exit(0))
    engine: Engine = app.state.engine
    server = EngineServer(
        config,
        begin=engine.begin_draining,
        drain_seconds=settings.graceful_shutdown_timeout,
        ready_fd=given.ready_fd,
    )
    try:
        server.run(sockets=[listener])
    finally:
        reporting.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m hasura.engine", description="A Hasura-compatible engine."
    )
    parser.add_argument("--fd", type=int, help="a listening socket that was inherited")
    parser.add_argument("--ready-fd", type=int, help="gets a line once this process serves")
    return parser.parse_args()


def allow_many_connections() -> None:
    """Every client takes a file descriptor, and many systems let a process have 1,024 unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listen(settings: Settings) -> socket.socket:
    """Binds before anything starts, so that a taken port is said in one line."""
    host, port = settings.server_host, settings.server_port
    everywhere = host in ("*", "0.0.0.0", "::")  # noqa: S104 - the operator asked for it; Hasura's default
    try:
        if everywhere and socket.has_dualstack_ipv6() and host != "0.0.0.0":  # noqa: S104
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=2048)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server(("" if everywhere else host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            _give_up(
                f"port {port} is taken: free it, or set HASURA_GRAPHQL_SERVER_PORT "
                "(CHAT_GRAPHQL_PORT under `make up`)"
            )
        _give_up(f"cannot listen on {host}:{port} (HASURA_GRAPHQL_SERVER_HOST): {error.strerror}")


def _told(problem: ErrorDetails) -> str:
    setting, *inside = map(str, problem["loc"] or ("settings",))
    name = f"HASURA_GRAPHQL_{setting.upper().removeprefix('HASURA_GRAPHQL_')}" if problem["loc"] else setting
    return f"{'.'.join([name, *inside])}: {problem['msg'].removeprefix('Value error, ')}"


def _give_up(reason: str) -> NoReturn:
    sys.stderr.write(f"hasura.engine: {reason}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
