"""A small server that speaks OpenAI's chat completions over real HTTP, and fails on request.

What it does is named by the question's first word (``#hang``, ``#429``…); any other question is answered.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from backend.services.llm import NAME_IT

ANSWER = ["Keyset ", "cursors ", "are ", "stable", "."]


@dataclass(frozen=True)
class Usage:
    """Told after the end of the text, as with `stream_options`."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Finish:
    """Why the text ends; ``stop`` unless told."""

    reason: str


#: Pieces of content, raw lines (bytes), pauses (seconds), or an exception that cuts the connection.
Script = list[str | bytes | float | Usage | Finish | Exception]

STREAMS: dict[str, Script] = {
    "#slow": [word for text in ANSWER for word in (text, 0.15)],
    "#hang": [3600.0],
    "#stall": ["Half ", "an ", 3600.0],
    "#cut": ["Half ", "an ", ConnectionError("cut")],
    "#malformed": ["Half ", b'data: {"choices": [{"delta": {"content"\n\n'],
    "#shapeless": ["Half ", b'data: {"choices": [{"delta": null}]}\n\n'],
    "#error-event": ["Half ", b'data: {"error": {"message": "secret detail"}}\n\n'],
    "#ends-early": ["Half ", b"data: [DONE]\n\n"],
    "#empty": [],
    "#blank": [" ", "\n"],
    "#characters": ["a\x00b", "\ud83d", "é🧑"],
    "#endless": ["word "] * 5000,
    # One byte of a chunk at a time, never a whole one.
    "#drip": ["Half ", *(step for byte in b'data: {"choices": [{"index"' for step in (bytes([byte]), 0.1))],
    "#usage": [*ANSWER, Usage(11, 7)],
    "#length": ["Half an answer", Finish("length")],
}
STATUSES = {"#401": 401, "#404": 404, "#400": 400, "#429": 429, "#500": 500, "#503": 503}


class ModelServer:
    """`requests` are the bodies that came, in order; `base_url` is what CHAT_LLM_BASE_URL would be.

    `always` names what it does whatever it is asked; `strict` refuses what is not in the oldest form of the protocol;
    so many `failures` come first. Who wants a session's title gets `title`, or 404 without one; these requests are
    in `titles`.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.titles: list[dict[str, Any]] = []
        self.title: Script | None = None
        self.title_wanted = asyncio.Event()
        self.base_url = ""
        self.always: str | None = None
        self.strict = False
        self.failures = 0
        self.retry_after = "7"

    def questions(self) -> list[str]:
        return [request["messages"][-1]["content"] for request in self.requests]

    async def _completions(self, request: Request) -> Response:
        body = await request.json()
        if body["messages"][0]["content"] == NAME_IT:
            self.titles.append(body)
            self.title_wanted.set()
            if self.title is None:
                return JSONResponse({"error": {"message": "no title"}}, 404)
            return StreamingResponse(_stream(self.title), media_type="text/event-stream")
        self.requests.append(body)
        what = self.always or body["messages"][-1]["content"].split()[0]
        if self.strict and "stream_options" in body:
            return JSONResponse({"error": {"message": "Unrecognized argument: stream_options"}}, 400)
        if self.failures:
            self.failures -= 1
            return JSONResponse({"error": {"message": "secret detail"}}, 503)
        if status := STATUSES.get(what):
            headers = {"Retry-After": self.retry_after}
            return JSONResponse({"error": {"message": "secret detail"}}, status, headers)
        return StreamingResponse(_stream(STREAMS.get(what, list(ANSWER))), media_type="text/event-stream")

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/chat/completions", self._completions, methods=["POST"])])


async def _stream(script: Script) -> AsyncIterator[bytes]:
    finish, usage = "stop", None
    for step in script:
        match step:
            case str():
                yield _chunk({"content": step}, None)
            case bytes():
                yield step
                if b"DONE" in step:
                    return
            case float():
                await asyncio.sleep(step)
            case Finish():
                finish = step.reason
            case Usage():
                usage = step
            case _:
                raise step
    yield _chunk({}, finish)
    if usage is not None:
        yield _line({"choices": [], "usage": {**asdict(usage), "total_tokens": 0}})
    yield b"data: [DONE]\n\n"


def _chunk(delta: dict[str, str], finish: str | None) -> bytes:
    return _line({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _line(content: dict[str, Any]) -> bytes:
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", **content}
    return f"data: {json.dumps(chunk)}\n\n".encode()


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    server = ModelServer()
    listener = socket.create_server(("127.0.0.1", 0))
    server.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    process = uvicorn.Server(
        uvicorn.Config(server.app(), log_config=None, log_level="critical", timeout_graceful_shutdown=0)
    )
    task = asyncio.create_task(process.serve(sockets=[listener]))
    try:
        while not process.started:  # noqa: ASYNC110  uvicorn offers no event
            await asyncio.sleep(0.01)
        yield server
    finally:
        process.should_exit = True
        await task
