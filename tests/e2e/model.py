"""A small server that speaks OpenAI's streaming protocol and does what a test tells it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Self

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from backend.services.llm import NAME_IT
from tests.conftest import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Signals are pytest's."""


class Model:
    """Answers with `words`, one by one, each when `go` allows it; or refuses with `status`.

    Who wants a session's title gets `title`, or 404 without one.
    """

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.obey()
        self._port = free_port()
        routes = [Route("/v1/chat/completions", self._complete, methods=["POST"])]
        self._server = _Server(uvicorn.Config(Starlette(routes=routes), port=self._port, log_config=None))

    def obey(self) -> None:
        """As at the beginning."""
        self.words = ["Hello", " there", "."]
        self.title: str | None = None
        self.status = 200
        #: How many words are sent before `go` is waited for.
        self.at_once = 0
        #: Seconds between two words.
        self.pause = 0.0
        self.asked = 0
        self.go.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._server._serve())
        while not self._server.started:  # noqa: ASYNC110  (uvicorn tells nobody)
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.go.set()
        self._server.should_exit = True
        await self._serving

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        if body["messages"][0]["content"] == NAME_IT:
            if self.title is None:
                return JSONResponse({"error": {"message": "no title"}}, status_code=404)
            return StreamingResponse(_said(self.title), media_type="text/event-stream")
        self.asked += 1
        if self.status != 200:
            # As some do: it repeats the key, and what it was asked.
            told = (
                f"out of order for {request.headers.get('authorization')}: {body['messages'][-1]['content']}"
            )
            return JSONResponse({"error": {"message": told}}, status_code=self.status)
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[str]:
        for number, word in enumerate(self.words):
            if number >= self.at_once:
                await self.go.wait()
            if self.pause:
                await asyncio.sleep(self.pause)
            yield _word(word)
        yield _END


async def _said(text: str) -> AsyncIterator[str]:
    yield _word(text)
    yield _END


def _word(text: str) -> str:
    return _event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


def _event(body: dict[str, object]) -> str:
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "of-the-tests"}
    return f"data: {json.dumps(chunk | body)}\n\n"


_END = _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + "data: [DONE]\n\n"
