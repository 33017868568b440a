"""Answers GraphQL's requests as a test says: also as no GraphQL server would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def graphql_server(handler: Handler) -> AsyncIterator[str]:
    """Its URL."""
    runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/v1/graphql"
    finally:
        await runner.cleanup()


def answers(status: int = 200, *, text: str | None = None, body: Any = None) -> Handler:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, text=json.dumps(body) if text is None else text)

    return handler


async def breaks(request: web.BaseRequest) -> web.StreamResponse:
    """Takes the request and hangs up."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def is_silent(_: web.BaseRequest) -> web.StreamResponse:
    """For longer than anybody waits."""
    await asyncio.sleep(60)
    return web.Response()
