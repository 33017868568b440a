"""The backend over HTTP: accounts, questions, and answers as they are written."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator


@dataclass(frozen=True, slots=True)
class Tokens:
    """What signing in answers. ``expires_in`` is in seconds and belongs to the access token."""

    access_token: str
    refresh_token: str
    expires_in: int
    username: str
    display_name: str
    user_id: str

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Self:
        user = answer["user"]
        return cls(
            access_token=answer["access_token"],
            refresh_token=answer["refresh_token"],
            expires_in=int(answer["expires_in"]),
            username=user["username"],
            display_name=user["display_name"],
            user_id=user["id"],
        )


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of an answer: ``turn``, ``delta``, ``done`` or ``error``."""

    name: str
    data: dict[str, Any]


class ApiError(Exception):
    """The backend refused. The text is its own ``detail``, written for users.

    ``retry_after`` is in seconds, None where the backend names no time.
    """

    def __init__(self, status: int, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


class ApiUnavailable(ApiError):
    """The backend cannot be reached, or says that something it needs cannot."""


class Api:
    """Pooled; one a process.

    :param url: of the backend, without a path.
    :param transport: carries the requests instead of the network.
    """

    def __init__(self, url: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._http = httpx2.AsyncClient(
            base_url=url, timeout=httpx2.Timeout(15, connect=3), transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def login(self, username: str, password: str, *, client_ip: str) -> Tokens:
        return await self._tokens("/auth/login", {"username": username, "password": password}, client_ip)

    async def register(self, username: str, password: str, *, client_ip: str) -> Tokens:
        return await self._tokens("/auth/register", {"username": username, "password": password}, client_ip)

    async def refresh(self, refresh_token: str) -> Tokens:
        return await self._tokens("/auth/refresh", {"refresh_token": refresh_token})

    async def logout(self, refresh_token: str) -> None:
        await self._post("/auth/logout", {"refresh_token": refresh_token})

    # Turns. The backend owns them: these calls end when it has the turn, and the answer is written without them.

    async def ask(self, token: str, *, session_id: str, content: str, message_id: str) -> None:
        """Returns once the question is stored and its answer begun."""
        body = {"session_id": session_id, "content": content, "message_id": message_id}
        await self._begin(token, "/api/chat", body)

    async def continue_answer(self, token: str, message_id: str) -> None:
        """Goes on after what was written of a stopped, failed or cut answer."""
        await self._begin(token, f"/api/chat/{message_id}/continue")

    async def regenerate_answer(self, token: str, message_id: str, version_id: str) -> None:
        """Begins another version, with an id of the caller's choice: asked twice, it is still one."""
        await self._begin(token, f"/api/chat/{message_id}/regenerate", {"message_id": version_id})

    async def stop_answer(self, token: str, message_id: str) -> None:
        await self._post(f"/api/chat/{message_id}/stop", None, _bearer(token))

    async def follow_answer(
        self, token: str, message_id: str, last_event_id: str = ""
    ) -> AsyncGenerator[StreamEvent, None]:
        """An answer as it is written, from the start or from where `last_event_id` (``<run>:<characters>``) was.

        Raises ApiError before the first event, or ApiUnavailable when the stream breaks.
        """
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        async with self._events("GET", f"/api/chat/{message_id}/stream", token, headers=headers) as events:
            async for event in events:
                yield StreamEvent(event.event, json.loads(event.data))

    async def _begin(self, token: str, path: str, body: dict[str, str] | None = None) -> None:
        async with self._events("POST", path, token, json=body) as events:
            async for event in events:
                if event.event == "turn":
                    return
        raise ApiUnavailable(503, "The chat server hung up.")

    @asynccontextmanager
    async def _events(
        self, method: str, path: str, token: str, **request: Any
    ) -> AsyncIterator[httpx2.EventSource]:
        headers = {**_bearer(token), "Accept": "text/event-stream", **request.pop("headers", {})}
        # The first word of a slow model may take minutes; comments keep the line alive meanwhile.
        timeout = httpx2.Timeout(120, connect=3)
        try:
            async with self._http.stream(method, path, headers=headers, timeout=timeout, **request) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise _refusal(answer)
                yield httpx2.EventSource(answer)
        except httpx2.TransportError as exc:
            raise ApiUnavailable(503, "The chat server cannot be reached.") from exc

    async def _tokens(self, path: str, body: dict[str, str], client_ip: str = "") -> Tokens:
        headers = {"X-Forwarded-For": client_ip} if client_ip else {}
        return Tokens.from_answer((await self._post(path, body, headers)).json())

    async def _post(
        self, path: str, body: dict[str, str] | None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        try:
            answer = await self._http.post(path, json=body, headers=headers)
        except httpx2.TransportError as exc:
            raise ApiUnavailable(503, "The chat server cannot be reached.") from exc
        if answer.is_error:
            raise _refusal(answer)
        return answer


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _refusal(answer: httpx2.Response) -> ApiError:
    try:
        problem = answer.json()
        detail = str(problem.get("detail") or problem.get("title") or "")
    except (ValueError, AttributeError):
        detail = ""
    detail = detail or f"The chat server answered with {answer.status_code}."
    kind = ApiUnavailable if answer.status_code in {502, 503, 504} else ApiError
    wait = answer.headers.get("retry-after", "")
    return kind(answer.status_code, detail, float(wait) if wait.isdigit() else None)
