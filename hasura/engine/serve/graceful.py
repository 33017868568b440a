"""uvicorn's server, which leaves without anybody noticing: on SIGTERM it hands its work on before it ends.

    SIGTERM → not ready any more → no new connections → connections end one by one, each between two requests
            → the application ends

SIGINT is somebody at a keyboard: only what takes a moment is finished. `backend/graceful.py` does the same for the API,
which shares no code with the engine.
"""

from __future__ import annotations

import asyncio
import math
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

#: For so many seconds an idle connection is left open: who uses it is told, with the answer, that it ends. Who has not
#: used it by then finds it closed before a request is on its way.
TURN_OVER = 1.0
_LOOK_EVERY = 0.05


class Server(uvicorn.Server):
    """
    :param begin: called at SIGTERM: from then on the process says that it is not ready, and ends its WebSockets.
    :param drain_seconds: how long requests and WebSockets may take to end.
    :param ready_fd: a file descriptor that gets a line, and is closed, once connections are taken.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        begin: Callable[[], None],
        drain_seconds: float,
        ready_fd: int | None = None,
    ) -> None:
        super().__init__(config)
        self._begin = begin
        self._drain_seconds = drain_seconds
        self._ready_fd = ready_fd

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Returns when the application serves."""
        await super().startup(sockets)
        if self._ready_fd is not None:
            os.write(self._ready_fd, b"\n")
            os.close(self._ready_fd)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Returns when the application has ended."""
        if signal.SIGINT not in self._captured_signals:
            retiring = asyncio.ensure_future(self._retire(sockets or []))
            while not (retiring.done() or self.force_exit):
                await asyncio.wait([retiring], timeout=_LOOK_EVERY)
            if not retiring.done():
                retiring.cancel()
            await asyncio.gather(retiring, return_exceptions=self.force_exit)
        await super().shutdown(sockets)

    async def _retire(self, sockets: list[socket.socket]) -> None:
        deadline = time.monotonic() + self._drain_seconds
        self._begin()
        self._end_connections_with_their_answers()
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        await self._wait(TURN_OVER, while_there_is=self._idle_connections)
        while idle := list(self._idle_connections()):
            for connection in idle:
                if not _has_something_to_read(connection.transport):
                    connection.transport.close()
            await asyncio.sleep(0)
        await self._wait(deadline - time.monotonic(), while_there_is=self._web_sockets)
        # What is still being answered has the rest of the time.
        least = self.config.timeout_graceful_shutdown or 0
        self.config.timeout_graceful_shutdown = max(least, math.ceil(deadline - time.monotonic()))

    async def _wait(self, seconds: float, *, while_there_is: Callable[[], Iterator[Any]]) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and any(True for _ in while_there_is()):  # noqa: ASYNC110
            await asyncio.sleep(min(left, _LOOK_EVERY))

    def _web_sockets(self) -> Iterator[Any]:
        return (each for each in self.server_state.connections if not hasattr(each, "cycle"))

    def _idle_connections(self) -> Iterator[Any]:
        for each in self.server_state.connections:
            cycle = getattr(each, "cycle", None)
            if (
                hasattr(each, "cycle")
                and (cycle is None or cycle.response_complete)
                and not each.transport.is_closing()
            ):
                yield each

    def _end_connections_with_their_answers(self) -> None:
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete:
                cycle.keep_alive = False


def _has_something_to_read(transport: asyncio.Transport) -> bool:
    """A request has arrived that the loop has not come to yet."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))
