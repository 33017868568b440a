"""Calls and live queries go on when an access token ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from backend.services.hasura_client import NotFound, Unauthorized
from tests.webapp.conftest import Backend, sign_in
from webapp.services.api import Api, ApiError
from webapp.services.logins import Logins, SignedOut
from webapp.state import calls


class Engine:
    """Accepts one token, and says so when another comes."""

    def __init__(self, *, refusal: Exception | None = None) -> None:
        self.valid = "access-0"
        self.seen: list[str] = []
        self._refusal = refusal or Unauthorized("expired")

    async def call(self, token: str) -> str:
        self.seen.append(token)
        if token != self.valid:
            raise self._refusal
        return "answer"

    async def watch(self, token: str) -> AsyncGenerator[str, None]:
        yield await self.call(token)
        self.valid = "access-1"
        raise Unauthorized("expired")


async def test_a_call_uses_the_token_that_there_is(api: Api, logins: Logins) -> None:
    engine = Engine()
    assert await calls.with_token(await sign_in(logins, api), engine.call) == "answer"
    assert engine.seen == ["access-0"]


@pytest.mark.parametrize("refusal", [Unauthorized("expired"), ApiError(401, "expired")])
async def test_a_refused_token_is_renewed_once(api: Api, logins: Logins, refusal: Exception) -> None:
    engine = Engine(refusal=refusal)
    engine.valid = "access-1"
    assert await calls.with_token(await sign_in(logins, api), engine.call) == "answer"
    assert engine.seen == ["access-0", "access-1"]


async def test_who_is_refused_with_a_fresh_token_is_signed_out(api: Api, logins: Logins) -> None:
    engine = Engine()
    engine.valid = "of somebody else"
    login_id = await sign_in(logins, api)
    with pytest.raises(SignedOut):
        await calls.with_token(login_id, engine.call)
    assert engine.seen == ["access-0", "access-1"]


async def test_other_failures_are_the_callers(api: Api, logins: Logins) -> None:
    engine = Engine(refusal=NotFound("no such session"))
    engine.valid = "another"
    login_id = await sign_in(logins, api)
    with pytest.raises(NotFound):
        await calls.with_token(login_id, engine.call)
    assert engine.seen == ["access-0"]


async def test_a_live_query_goes_on_with_the_next_token(backend: Backend, api: Api, logins: Logins) -> None:
    engine = Engine()
    states = calls.follow(await sign_in(logins, api), engine.watch)
    assert [await anext(states), await anext(states)] == ["answer", "answer"]
    assert engine.seen == ["access-0", "access-1"]
    assert backend.refreshes == 1


async def test_a_live_query_ends_with_the_sign_in(backend: Backend, api: Api, logins: Logins) -> None:
    engine = Engine()
    login_id = await sign_in(logins, api)
    backend.valid = "revoked"
    states = calls.follow(login_id, engine.watch)
    assert await anext(states) == "answer"
    with pytest.raises(SignedOut):
        await anext(states)
