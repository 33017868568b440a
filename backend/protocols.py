"""uvicorn's protocols of one client, but for what they let a client do: wait for ever, and fill the memory.

The web UI uses them too. The engine, which shares no code with the API, has its own (`hasura/engine/serve`).
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

#: Bytes of a request line and headers, or of what else is no body. Browsers send all cookies of a host to each port.
LARGEST_HEAD = 256 * 1024


class HttpProtocol(HttpToolsProtocol):
    """uvicorn keeps a line for as long as it goes on, and copies it with each piece."""

    #: Bytes of which nothing was handed on yet.
    _kept = 0

    def data_received(self, data: bytes) -> None:
        self._kept += len(data)
        super().data_received(data)
        if self._kept > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        self._kept = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._kept = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._kept = 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        # They know each other, and this connection's end is told to the WebSocket's protocol alone.
        self.parser = None  # type: ignore[assignment]


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """What a client gets wrong is its own fault: it is told, and no error of ours."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # uvicorn never sends what websockets answers to a handshake that it does not read to its end.
        if self.conn.handshake_exc is not None and not self.transport.is_closing():
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:  # uvicorn logs it as an error
                self.frames = []
                self.conn.send_close(1007)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()
