"""A client's socket: uvicorn does the handshake, then a ``Receiver`` is called without a task or a queue between.

An idle subscriber has no task of its own, and news for a thousand clients are a thousand calls of ``write`` with the
same bytes. What waits for a client is in the transport's buffer and nowhere else, so that one number bounds it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import structlog
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode

if TYPE_CHECKING:
    import asyncio

    from websockets.http11 import Request

#: The ASGI extension by which the application gets at the socket.
EXTENSION = "hasura.wire"
#: Bytes that may wait for a client before it is given up; one message more always may.
LARGEST = 16 * 1024 * 1024
#: Seconds in which a client that lags must take something of what waits for it.
STALLED = 30.0
#: Seconds that the bytes of a connection that is over may take to leave.
LINGER = 5.0

log = structlog.get_logger("websocket-log")


class Receiver(Protocol):
    """Who is called about a socket."""

    def heard(self, message: str | bytes) -> None:
        """A whole message."""

    def resumed(self) -> None:
        """The client has caught up."""

    def ended(self) -> None:
        """Called once, and last."""


def text_frame(text: bytes) -> bytes:
    """A server's message as it stands on the wire, the same for every client."""
    return Frame(Opcode.TEXT, text).serialize(mask=False)


class Wire(WebSocketsSansIOProtocol):
    """uvicorn's protocol of one client. It hands the client over when the application asks for it."""

    _receiver: Receiver | None = None
    _stall_timer: asyncio.TimerHandle | None = None
    #: It has not taken what it was sent.
    congested = False

    def hand_over(self, receiver: Receiver) -> None:
        """The handshake is done: the application returns, and hears of everything through the receiver.

        :raises ClientDisconnected: the client is gone already.
        """
        if self.disconnected:
            raise ClientDisconnected
        self._receiver = receiver

    def write(self, frame: bytes) -> None:
        """Sends it as soon as the client takes it; one for whom too much waits already is given up."""
        if self.close_sent or self.transport.is_closing():
            return
        if self.congested:
            self._bound()
        self.transport.write(frame)

    def close(self, code: int, reason: str) -> None:
        """Says why, and gives the client a moment to read it."""
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(LINGER, self.transport.abort)

    # What asyncio and uvicorn call

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # uvicorn never sends what websockets answers to a handshake that it does not read to its end.
        if self.conn.handshake_exc is not None and not self.transport.is_closing():
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
            self._linger()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = {"wire": self}

    async def run_asgi(self) -> None:
        """Runs the application until it has handed the client over, or refused it."""
        try:
            with contextlib.suppress(ClientDisconnected):
                await self.app(self.scope, self.receive, self.send)
        finally:
            if self._receiver is None:
                self.send_500_response()
                self.transport.close()
                self._linger()
            else:
                # What the handshake needed is not kept for the hours that follow.
                del self.request, self.response, self.scope

    def send_receive_event_to_app(self) -> None:
        if self._receiver is None:
            # It did not wait for the end of the handshake.
            self.transport.abort()
            return
        message = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self._receiver.heard(message)
            return
        try:
            text = message.decode()
        except UnicodeDecodeError:
            self.conn.send_close(1007)
            self.handle_parser_exception()
        else:
            self._receiver.heard(text)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.congested = True
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.congested = False
        self._forget_stall()
        if self._receiver is not None:
            self._receiver.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_stall()
        super().connection_lost(exc)
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.ended()

    def handle_ping(self) -> None:
        super().handle_ping()
        self._bound()

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._linger()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._linger()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._linger()

    def shutdown(self) -> None:
        super().shutdown()
        self._linger()

    def _linger(self) -> None:
        """A client that reads nothing cannot keep a finished connection open."""
        self.loop.call_later(LINGER, self.transport.abort)

    def _bound(self) -> None:
        if self.transport.get_write_buffer_size() > LARGEST:
            log.warning("too much waits for a client that does not read: closed")
            self.transport.abort()

    def _watch(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._stall_timer = self.loop.call_later(STALLED, self._check_stall, waiting)

    def _check_stall(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._watch()
        else:
            log.warning("the client reads no more: closed")
            self.transport.abort()

    def _forget_stall(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
