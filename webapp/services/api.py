"""The backend over HTTP: accounts, and questions that are answered as a stream."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


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
    """The backend refused. The text is its own ``detail``, written for users."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


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

    async def ask(
        self, token: str, *, session_id: str, content: str, message_id: str
    ) -> AsyncGenerator[StreamEvent, None]:
        """The answer to a question as it is written. Raises ApiError before the first event, or
        ApiUnavailable when the stream breaks: the backend then goes on, and saves the answer.
        """
        body = {"session_id": session_id, "content": content, "message_id": message_id}
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        # The first word of a slow model may take minutes; comments keep the line alive meanwhile.
        timeout = httpx2.Timeout(120, connect=3)
        try:
            async with self._http.stream(
                "POST", "/api/chat", json=body, headers=headers, timeout=timeout
            ) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise _refusal(answer)
                async for event in httpx2.EventSource(answer):
                    yield StreamEvent(event.event, json.loads(event.data))
        except httpx2.TransportError as exc:
            raise ApiUnavailable(503, "The chat server cannot be reached.") from exc

    async def _tokens(self, path: str, body: dict[str, str], client_ip: str = "") -> Tokens:
        headers = {"X-Forwarded-For": client_ip} if client_ip else {}
        return Tokens.from_answer((await self._post(path, body, headers)).json())

    async def _post(
        self, path: str, body: dict[str, str], headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        try:
            answer = await self._http.post(path, json=body, headers=headers)
        except httpx2.TransportError as exc:
            raise ApiUnavailable(503, "The chat server cannot be reached.") from exc
        if answer.is_error:
            raise _refusal(answer)
        return answer


def _refusal(answer: httpx2.Response) -> ApiError:
    try:
        problem = answer.json()
        detail = str(problem.get("detail") or problem.get("title") or "")
    except (ValueError, AttributeError):
        detail = ""
    detail = detail or f"The chat server answered with {answer.status_code}."
    kind = ApiUnavailable if answer.status_code in {502, 503, 504} else ApiError
    return kind(answer.status_code, detail)
