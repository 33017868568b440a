"""One sign-in a browser, whatever its tabs do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.webapp.conftest import Backend, sign_in
from webapp.services.api import Api, ApiUnavailable
from webapp.services.login_store import LoginStore
from webapp.services.logins import Logins, SignedOut


async def test_a_token_is_used_until_shortly_before_it_ends(
    backend: Backend, api: Api, store: LoginStore
) -> None:
    logins = Logins(store, api)
    login_id = await sign_in(logins, api)
    assert await logins.access_token(login_id) == "access-0"
    assert await logins.access_token(login_id) == "access-0"
    (await logins.get(login_id)).renew_at = 0
    assert await logins.access_token(login_id) == "access-1"


async def test_twenty_tabs_that_find_the_token_ended_renew_it_once(
    backend: Backend, api: Api, store: LoginStore
) -> None:
    logins = Logins(store, api)
    login_id = await sign_in(logins, api)
    (await logins.get(login_id)).renew_at = 0
    tokens = await asyncio.gather(*(logins.access_token(login_id) for _ in range(20)))
    assert set(tokens) == {"access-1"}
    tokens = await asyncio.gather(*(logins.access_token(login_id, refused="access-1") for _ in range(20)))
    assert set(tokens) == {"access-2"}
    assert backend.refreshes == 2


async def test_when_all_browsers_come_back_at_once_each_one_s_token_is_kept(store: LoginStore) -> None:
    browsers = range(1000)
    await asyncio.gather(*(store.put(f"browser {n}", f"token {n}", now=n) for n in browsers))
    kept = await asyncio.gather(*(store.get(f"browser {n}") for n in browsers))
    assert kept == [f"token {n}" for n in browsers]


async def test_a_restart_keeps_everybody_signed_in(backend: Backend, api: Api, store: LoginStore) -> None:
    login_id = await sign_in(Logins(store, api), api)
    after = Logins(store, api)
    found = await asyncio.gather(*(after.get(login_id) for _ in range(5)))
    assert {login.tokens.username for login in found} == {"ada"}
    assert backend.refreshes == 1
    assert await Logins(store, api).access_token(login_id) == "access-2"


async def test_a_tab_that_closes_while_the_token_is_renewed_loses_nothing(
    backend: Backend, api: Api, store: LoginStore
) -> None:
    logins = Logins(store, api)
    login_id = await sign_in(logins, api)
    (await logins.get(login_id)).renew_at = 0
    closing = asyncio.create_task(logins.access_token(login_id))
    await asyncio.sleep(0.005)
    closing.cancel()
    await asyncio.sleep(0.05)
    assert await logins.access_token(login_id) == "access-1"


async def test_a_revoked_sign_in_ends_for_all_tabs(backend: Backend, api: Api, store: LoginStore) -> None:
    logins = Logins(store, api)
    login_id = await sign_in(logins, api)
    login = await logins.get(login_id)
    backend.valid = "another"
    with pytest.raises(SignedOut):
        await logins.access_token(login_id, refused="access-0")
    assert login.ended.is_set()
    with pytest.raises(SignedOut):
        await logins.get(login_id)
    assert await store.get(login_id) is None


async def test_a_backend_that_is_away_signs_nobody_out(backend: Backend, api: Api, store: LoginStore) -> None:
    logins = Logins(store, api)
    login_id = await sign_in(logins, api)
    backend.answers = False
    with pytest.raises(ApiUnavailable):
        await logins.access_token(login_id, refused="access-0")
    with pytest.raises(ApiUnavailable):
        await Logins(store, api).get(login_id)
    backend.answers = True
    assert await logins.access_token(login_id, refused="access-0") == "access-1"


async def test_signing_out_revokes_and_forgets(backend: Backend, api: Api, store: LoginStore) -> None:
    logins = Logins(store, api)
    login_id = await sign_in(logins, api)
    login = await logins.get(login_id)
    await logins.end(login_id)
    assert login.ended.is_set()
    assert backend.revoked == ["refresh-0"]
    with pytest.raises(SignedOut):
        await logins.get(login_id)
    await logins.end(login_id)
    await logins.end("never there")


@pytest.mark.parametrize("cookie", ["", "x", "unknown-but-long-" * 10])
async def test_an_invented_cookie_is_nobody(api: Api, store: LoginStore, cookie: str) -> None:
    with pytest.raises(SignedOut):
        await Logins(store, api).get(cookie)


async def test_the_file_gives_no_token_away(api: Api, store: LoginStore, tmp_path: Path) -> None:
    login_id = await sign_in(Logins(store, api), api)
    file = tmp_path / "webapp" / "logins.sqlite3"
    content = file.read_bytes()
    assert b"refresh-0" not in content
    assert login_id.encode() not in content
    assert file.stat().st_mode & 0o777 == 0o600


async def test_sign_ins_that_nobody_uses_are_forgotten(api: Api, store: LoginStore) -> None:
    await store.put("old", "token", now=1.0)
    await sign_in(Logins(store, api), api)
    assert await store.get("old") is None
