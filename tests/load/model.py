"""``python -m tests.load.model PORT``: a model that writes as fast as real ones do, in OpenAI's streaming protocol.

A process of its own, so that what it takes is nobody else's.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys

import uvloop
from aiohttp import web

from tests.load.plan import WORD_EVERY, WORDS

_VOCABULARY = (
    "chat session message cursor answer history always keeps every order and the with of **bold** `code`"
)


def _event(choice: dict[str, object]) -> bytes:
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "of-the-load"}
    return f"data: {json.dumps(chunk | {'choices': [{'index': 0} | choice]})}\n\n".encode()


_PIECES = [_event({"delta": {"content": f"{word} "}, "finish_reason": None}) for word in _VOCABULARY.split()]
_END = _event({"delta": {}, "finish_reason": "stop"}) + b"data: [DONE]\n\n"


async def complete(request: web.Request) -> web.StreamResponse:
    """One word after the other, each at its time: a late one does not make the rest late."""
    await request.read()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    due = loop.time()
    for _ in range(random.randint(*WORDS)):  # noqa: S311  (how much a model says)
        due += WORD_EVERY
        await asyncio.sleep(due - loop.time())
        await response.write(random.choice(_PIECES))  # noqa: S311
    await response.write(_END)
    return response


def main() -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
