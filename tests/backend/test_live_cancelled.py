"""A live query that is cancelled ends, also where Python 3.11 loses the cancellation: just as it connects."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from gql.transport.common.adapters.websockets import WebSocketsAdapter
from gql.transport.websockets_protocol import WebsocketsProtocolTransportBase

from backend.services.hasura_client import HasuraClient
from backend.services.tokens import Tokens
from tests.conftest import make_user


@pytest.mark.parametrize(
    ("owner", "step"), [(WebSocketsAdapter, "connect"), (WebsocketsProtocolTransportBase, "_wait_ack")]
)
async def test_a_live_query_that_is_cancelled_just_as_it_connects_ends_and_leaves_no_connection(
    hasura: HasuraClient,
    backend_database: str,
    tokens: Tokens,
    monkeypatch: pytest.MonkeyPatch,
    owner: type[Any],
    step: str,
) -> None:
    token = tokens.access(make_user(backend_database, f"c-{uuid4().hex[:12]}"), "user")
    adapters: list[WebSocketsAdapter] = []
    real, connect = getattr(owner, step), WebSocketsAdapter.connect

    async def connecting(adapter: WebSocketsAdapter) -> None:
        adapters.append(adapter)
        await connect(adapter)

    async def then_cancelled(self: object) -> None:
        await (connecting(self) if isinstance(self, WebSocketsAdapter) else real(self))
        asyncio.get_running_loop().call_soon(reading.cancel)  # once this has ended, and before anybody knows

    monkeypatch.setattr(WebSocketsAdapter, "connect", connecting)
    monkeypatch.setattr(owner, step, then_cancelled)
    reading = asyncio.ensure_future(anext(hasura.watch_sessions(token)))
    async with asyncio.timeout(30):
        await asyncio.wait({reading})
    assert reading.cancelled()
    assert [adapter.websocket for adapter in adapters] == [None]
