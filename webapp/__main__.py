"""``python -m webapp``: serves the built web UI, its WebSocket and its health on one port."""

from __future__ import annotations

import gc
import os
import resource
import socket
import sys

import uvicorn

from telemetry import reporting
from webapp.build import FOLDER, reflex_environment
from webapp.logs import configure_logs
from webapp.settings import Settings
from webapp.tracing import follow_events

#: Bytes of a header of a WebSocket's handshake.
LONGEST_LINE = 65_536
#: File descriptors that are asked for.
MOST_FILES = 65_536


def main() -> int:
    settings = Settings()
    if not (FOLDER / ".web" / "build" / "client").is_dir():
        return _fail("the web UI is not built: run `python -m webapp.build` first")
    try:
        listener = _bind(settings.host, settings.web_port)
    except OSError as exc:
        return _fail(
            f"port {settings.web_port} on {settings.host} cannot be used ({exc.strerror}): "
            "stop what holds it, or set CHAT_WEB_PORT to another"
        )
    # Reflex looks for its configuration and its build in the current folder.
    os.chdir(FOLDER)
    sys.path.insert(0, str(FOLDER))
    os.environ.update(reflex_environment())
    os.environ.update(
        REFLEX_ENV_MODE="prod", __REFLEX_SKIP_COMPILE="true", __REFLEX_MOUNT_FRONTEND_COMPILED_APP="true"
    )
    configure_logs()
    follow_events()
    try:
        reporting.start("chat-sessions-webapp", edge=True)
    except ValueError as exc:
        return _fail(str(exc))

    # Browsers send all cookies of a host to all its ports: on localhost they can be more than the 8 KB that websockets
    # takes of a line, and a page is nothing without its WebSocket. websockets reads this while it is imported, by what
    # follows; the app and its guard read the configuration then.
    os.environ.setdefault("WEBSOCKETS_MAX_LINE_LENGTH", str(LONGEST_LINE))
    from backend.protocols import HttpProtocol, WebSocketProtocol  # noqa: PLC0415
    from webapp.app import app  # noqa: PLC0415
    from webapp.guard import LARGEST_BODY  # noqa: PLC0415

    _prepare_for_many_tabs()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            factory=True,
            http=HttpProtocol,
            ws=WebSocketProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_graceful_shutdown=2,
            ws_max_size=LARGEST_BODY,
        )
    )
    try:
        server.run(sockets=[listener])
    finally:
        reporting.stop()
    return 0


def _prepare_for_many_tabs() -> None:
    # The default of 700 new objects makes a full collection of all states' objects far too often, while all tabs wait.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
    # A tab takes a file descriptor, its browser one to GraphQL, an answer that is followed two; many systems give 1,024
    # to who does not ask for more.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _bind(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        # Listening, not only bound: two servers may bind one port with SO_REUSEADDR, only one may listen.
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _fail(reason: str) -> int:
    sys.stderr.write(f"webapp: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
