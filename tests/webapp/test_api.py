"""What the backend's answers become."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from webapp.services.api import Api, ApiError, ApiUnavailable, StreamEvent

QUESTION = {"session_id": "s", "content": "c", "message_id": "m"}
TURN = b'event: turn\ndata: {"user_message_id": "m"}\n\n'


class _Chunks(httpx2.AsyncByteStream):
    def __init__(self, *chunks: bytes | Exception) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


def api(answer: httpx2.Response | Exception) -> Api:
    def respond(_request: httpx2.Request) -> httpx2.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Api("http://backend", transport=httpx2.MockTransport(respond))


def stream(*chunks: bytes | Exception) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_Chunks(*chunks))


async def events(answer: httpx2.Response | Exception) -> list[StreamEvent]:
    return [event async for event in api(answer).follow_answer("token", "m")]


async def test_a_stream_becomes_events_however_it_is_cut() -> None:
    heard = await events(
        stream(
            b'event: turn\ndata: {"user_message_id": "m", "assist',
            b'ant_message_id": "a"}\n\n: ping\n\nevent: delta\ndata: {"text": "gr\xc3',
            b'\xbc\xc3\x9fe"}\n\nevent: done\ndata: {"content": "x"}\n\n',
        )
    )
    assert heard == [
        StreamEvent("turn", {"user_message_id": "m", "assistant_message_id": "a"}),
        StreamEvent("delta", {"text": "grüße"}),
        StreamEvent("done", {"content": "x"}),
    ]


async def test_a_line_that_breaks_is_an_outage() -> None:
    with pytest.raises(ApiUnavailable):
        await events(stream(b'event: turn\ndata: {"x": 1}\n\n', httpx2.ReadError("cut")))


@pytest.mark.parametrize(
    ("answer", "kind", "detail"),
    [
        (httpx2.Response(404, json={"title": "Not found", "detail": "no such session"}), ApiError, "no such"),
        (httpx2.Response(429, json={"title": "Slow down"}), ApiError, "Slow down"),
        (httpx2.Response(500, text="<html>"), ApiError, "answered with 500"),
        (httpx2.Response(500, json=["no", "object"]), ApiError, "answered with 500"),
        (httpx2.Response(503, json={"detail": "database away"}), ApiUnavailable, "database away"),
        (httpx2.ConnectError("refused"), ApiUnavailable, "cannot be reached"),
        (httpx2.ReadTimeout("slow"), ApiUnavailable, "cannot be reached"),
        (httpx2.Response(200, text="no stream"), ApiUnavailable, "cannot be reached"),
    ],
)
async def test_a_refusal_carries_the_backend_own_words(
    answer: httpx2.Response | Exception, kind: type[ApiError], detail: str
) -> None:
    with pytest.raises(ApiError, match=detail) as caught:
        await events(answer)
    assert type(caught.value) is kind


async def test_whoever_asks_hangs_up_as_soon_as_the_backend_has_the_turn() -> None:
    await api(stream(TURN, httpx2.ReadError("cut later"))).ask("token", **QUESTION)


@pytest.mark.parametrize("answer", [stream(), stream(b": ping\n\n"), httpx2.ReadTimeout("slow")])
async def test_a_line_that_ends_before_the_turn_is_an_outage(answer: httpx2.Response | Exception) -> None:
    with pytest.raises(ApiUnavailable):
        await api(answer).ask("token", **QUESTION)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]
)
async def test_a_refusal_says_when_to_come_back(header: str, seconds: float | None) -> None:
    with pytest.raises(ApiError) as caught:
        await api(httpx2.Response(429, headers={"Retry-After": header})).ask("token", **QUESTION)
    assert caught.value.retry_after == seconds
