"""A client's HTTP connection: uvicorn's, but for a head that does not end, which would fill the memory.

`backend/protocols.py` does the same for the API, which shares no code with the engine.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of a request line and headers, or of what else is no body. Browsers send all cookies of a host to each port.
LARGEST_HEAD = 256 * 1024


class HttpWire(HttpToolsProtocol):
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
