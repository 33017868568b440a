"""The backend over HTTP: accounts, questions, and answers as they are written."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import httpx2

from telemetry import traces

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What signing in answers. ``expires_in`` is in seconds and belongs to the access token."""

    access_token: str
    refresh_token: str
    expires_in: int
    username: str
    display_name: str
    user_id: str
    #: Of this sign-in, among the devices of its account.
    device_id: str

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
            device_id=answer["device_id"],
        )


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser that somebody signs in with: its address, which is limited, and what it calls itself."""

    address: str
    user_agent: str = ""

    @property
    def headers(self) -> dict[str, str]:
        # What a browser sends; anything else in it is left out, since it is sent on.
        named = "".join(sign for sign in self.user_agent if " " <= sign <= "~")[:512]
        given = {"X-Forwarded-For": self.address, "User-Agent": named}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Device:
    """Something that is signed in; the moments are as JSON has them. `current` is the one that asks."""

    id: str
    browser: str
    system: str
    address: str
    signed_in_at: str
    last_used_at: str
    current: bool


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of an answer: ``turn``, ``delta``, ``done`` or ``error``."""

    name: str
    data: dict[str, Any]


class ApiError(Exception):
    """The backend refused. The text is its own ``detail``, written for users.

    ``retry_after`` is in seconds, None where the backend names no time; ``kind`` is the last part of its ``type``,
    ``code`` says why a file was refused.
    """

    def __init__(
        self, status: int, detail: str, retry_after: float | None = None, *, kind: str = "", code: str = ""
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.code = code
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


class ApiUnavailable(ApiError):
    """The backend cannot be reached, or says that something it needs cannot."""


#: Answers that are followed at the same time.
MOST_STREAMS = 5_000


class Api:
    """Pooled; one a process.

    :param url: of the backend, without a path.
    :param transport: carries the requests instead of the network.
    """

    def __init__(self, url: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        def client(limits: httpx2.Limits) -> httpx2.AsyncClient:
            return httpx2.AsyncClient(
                base_url=url,
                timeout=httpx2.Timeout(15, connect=3),
                limits=limits,
                transport=transport,
                event_hooks={"request": [_carry_trace]},
            )

        self._http = client(httpx2.Limits(max_connections=100, max_keepalive_connections=20))
        # As many as there are answers under way in all tabs: no short call waits for one of these to end.
        self._streams = client(httpx2.Limits(max_connections=MOST_STREAMS, max_keepalive_connections=20))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        await self._streams.aclose()

    async def login(self, username: str, password: str, visitor: Visitor) -> Tokens:
        return await self._tokens("/auth/login", {"username": username, "password": password}, visitor)

    async def register(self, username: str, password: str, visitor: Visitor) -> Tokens:
        return await self._tokens("/auth/register", {"username": username, "password": password}, visitor)

    async def refresh(self, refresh_token: str) -> Tokens:
        return await self._tokens("/auth/refresh", {"refresh_token": refresh_token})

    async def logout(self, refresh_token: str) -> None:
        await self._post("/auth/logout", {"refresh_token": refresh_token})

    # The account of whoever the token is of. Where a password is needed the visitor's address is counted.

    async def rename(self, token: str, display_name: str) -> str:
        """The name as it is now."""
        answer = await self._send("PATCH", "/auth/me", {"display_name": display_name}, _bearer(token))
        return str(answer.json()["display_name"])

    async def change_password(self, token: str, old: str, new: str, visitor: Visitor) -> int:
        """How many other devices that has signed out."""
        body = {"old_password": old, "new_password": new}
        answer = await self._send("POST", "/auth/password", body, _bearer(token) | visitor.headers)
        return int(answer.json()["signed_out"])

    async def devices(self, token: str) -> list[Device]:
        """Those that are signed in, latest use first."""
        answer = await self._send("GET", "/auth/devices", None, _bearer(token))
        return [Device(**item) for item in answer.json()["items"]]

    async def sign_device_out(self, token: str, device_id: str) -> None:
        await self._send("DELETE", f"/auth/devices/{UUID(device_id)}", None, _bearer(token))

    async def sign_other_devices_out(self, token: str) -> int:
        answer = await self._send("POST", "/auth/devices/revoke-others", None, _bearer(token))
        return int(answer.json()["signed_out"])

    async def retention(self, token: str) -> int | None:
        """After how many days without a change chats are deleted; None keeps them."""
        days: int | None = (await self._send("GET", "/auth/settings", None, _bearer(token))).json()[
            "retention_days"
        ]
        return days

    async def set_retention(self, token: str, days: int | None) -> None:
        await self._send("PUT", "/auth/settings", {"retention_days": days}, _bearer(token))

    async def delete_account(self, token: str, password: str, visitor: Visitor) -> None:
        headers = _bearer(token) | visitor.headers
        await self._send("DELETE", "/auth/me", {"password": password}, headers, timeout=60)

    # Turns. The backend owns them: these calls end when it has the turn, and the answer is written without them.

    async def ask(
        self, token: str, *, session_id: str, content: str, message_id: str, edit_of: str | None = None
    ) -> None:
        """Returns once the question is stored and its answer begun. `edit_of` is the question that it replaces."""
        body = {"session_id": session_id, "content": content, "message_id": message_id}
        if edit_of is not None:
            body["edit_of"] = edit_of
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

    # Files: neither this client nor its caller ever holds one.

    @asynccontextmanager
    async def exchange(
        self, method: str, path: str, token: str, content: AsyncIterator[bytes] | None
    ) -> AsyncIterator[httpx2.Response]:
        """The answer to a file that is sent, or asked for, to be read in pieces. Raises ApiError."""
        # Between two pieces: a large PDF is a while in the making.
        timeout = httpx2.Timeout(120, connect=3)
        try:
            async with self._streams.stream(
                method, path, headers=_bearer(token), content=content, timeout=timeout
            ) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise _refusal(answer)
                yield answer
        except httpx2.TransportError as exc:
            raise ApiUnavailable(503, "The chat server cannot be reached.") from exc

    async def _begin(self, token: str, path: str, body: dict[str, str] | None = None) -> None:
        with traces.span(f"POST {_ID.sub('{id}', path)}", "client"):
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
            async with self._streams.stream(
                method, path, headers=headers, timeout=timeout, **request
            ) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise _refusal(answer)
                yield httpx2.EventSource(answer)
        except httpx2.TransportError as exc:
            raise ApiUnavailable(503, "The chat server cannot be reached.") from exc

    async def _tokens(self, path: str, body: dict[str, str], visitor: Visitor | None = None) -> Tokens:
        return Tokens.from_answer((await self._post(path, body, visitor.headers if visitor else None)).json())

    async def _post(
        self, path: str, body: dict[str, str] | None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        return await self._send("POST", path, body, headers)

    async def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        headers: dict[str, str] | None = None,
        timeout: float = 15,  # noqa: ASYNC109  the HTTP client's own
    ) -> httpx2.Response:
        try:
            with traces.span(f"{method} {_ID.sub('{id}', path)}", "client"):
                answer = await self._http.request(
                    method, path, json=body, headers=headers, timeout=httpx2.Timeout(timeout, connect=3)
                )
        except httpx2.TransportError as exc:
            raise ApiUnavailable(503, "The chat server cannot be reached.") from exc
        if answer.is_error:
            raise _refusal(answer)
        return answer


async def _carry_trace(request: httpx2.Request) -> None:
    request.headers.update(traces.outgoing())


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _refusal(answer: httpx2.Response) -> ApiError:
    try:
        problem = answer.json()
        detail = str(problem.get("detail") or problem.get("title") or "")
        kind = str(problem.get("type") or "").rpartition(":")[2]
        code = str(problem.get("code") or "")
    except (ValueError, AttributeError):
        detail = kind = code = ""
    detail = detail or f"The chat server answered with {answer.status_code}."
    error = ApiUnavailable if answer.status_code in {502, 503, 504} else ApiError
    wait = answer.headers.get("retry-after", "")
    return error(answer.status_code, detail, float(wait) if wait.isdigit() else None, kind=kind, code=code)
