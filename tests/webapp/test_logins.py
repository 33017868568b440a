"""One sign-in a browser, whatever its tabs do and whichever process of the web UI they meet."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis as blocking_redis

from backend.services.refresh_tokens import GRACE
from tests.webapp.conftest import Backend, sign_in
from webapp.services import login_file, login_redis
from webapp.services.api import Api, ApiUnavailable, Tokens, Visitor
from webapp.services.login_file import LoginFile
from webapp.services.login_redis import LoginRedis, connect
from webapp.services.login_store import LEASE, LoginStore, StoreAway, row_id, seal
from webapp.services.logins import LIFETIME, RENEW_WITHIN, Kept, Logins, SignedOut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import RedisServer

Process = Callable[[], Logins]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "webapp" / "logins.sqlite3"


@pytest.fixture(params=["file", "Redis"])
async def store(request: pytest.FixtureRequest, file: Path) -> AsyncIterator[LoginStore]:
    if request.param == "file":
        yield LoginFile(file)
    else:
        async with connect(request.getfixturevalue("shared_redis_server").url) as redis:
            await redis.flushdb()
            yield LoginRedis(redis)


@pytest.fixture
def process(store: LoginStore, api: Api) -> Process:
    """Another one each time, which knows only what the store has."""

    def start() -> Logins:
        own = LoginFile(store._file) if isinstance(store, LoginFile) else store
        return Logins(own, api)

    return start


async def end_token(store: LoginStore, login_id: str, *processes: Logins) -> None:
    """As if its time were over, wherever it is known."""
    text = await store.get(login_id)
    assert text
    ended = replace(Kept.from_text(text), renew_at=0.0)
    await store.put(login_id, ended.to_text(), lifetime=60)
    for process in processes:
        if known := process._logins.get(login_id):
            known.kept = replace(known.kept, renew_at=0.0)


class TestOneProcess:
    async def test_a_token_is_used_until_shortly_before_it_ends(
        self, api: Api, store: LoginStore, process: Process
    ) -> None:
        logins = process()
        login_id = await sign_in(logins, api)
        assert await logins.access_token(login_id) == "access-0"
        assert 860 < (await logins.get(login_id)).kept.renew_at - time.time() <= 870
        await end_token(store, login_id, logins)
        assert await logins.access_token(login_id) == "access-1"

    async def test_twenty_tabs_that_find_the_token_ended_renew_it_once(
        self, backend: Backend, api: Api, store: LoginStore, process: Process
    ) -> None:
        logins = process()
        login_id = await sign_in(logins, api)
        await end_token(store, login_id, logins)
        tokens = await asyncio.gather(*(logins.access_token(login_id) for _ in range(20)))
        assert set(tokens) == {"access-1"}
        tokens = await asyncio.gather(*(logins.access_token(login_id, refused="access-1") for _ in range(20)))
        assert set(tokens) == {"access-2"}
        assert backend.refreshes == 2

    async def test_a_tab_that_closes_while_the_token_is_renewed_loses_nothing(
        self, api: Api, store: LoginStore, process: Process
    ) -> None:
        logins = process()
        login_id = await sign_in(logins, api)
        await end_token(store, login_id, logins)
        closing_tab = asyncio.create_task(logins.access_token(login_id))
        await asyncio.sleep(0.005)
        closing_tab.cancel()
        await asyncio.sleep(0.05)
        assert await logins.access_token(login_id) == "access-1"

    async def test_a_revoked_sign_in_ends_for_all_tabs(
        self, backend: Backend, api: Api, process: Process
    ) -> None:
        logins = process()
        login_id = await sign_in(logins, api)
        login = await logins.get(login_id)
        backend.valid = "another"
        with pytest.raises(SignedOut):
            await logins.access_token(login_id, refused="access-0")
        assert login.ended.is_set()
        for one in (logins, process()):
            with pytest.raises(SignedOut):
                await one.get(login_id)

    async def test_a_backend_that_is_away_signs_nobody_out(
        self, backend: Backend, api: Api, store: LoginStore, process: Process
    ) -> None:
        logins = process()
        login_id = await sign_in(logins, api)
        backend.answers = False
        with pytest.raises(ApiUnavailable):
            await logins.access_token(login_id, refused="access-0")
        await end_token(store, login_id)
        with pytest.raises(ApiUnavailable):
            await process().get(login_id)
        backend.answers = True
        assert await logins.access_token(login_id, refused="access-0") == "access-1"

    async def test_signing_out_revokes_and_forgets(
        self, backend: Backend, api: Api, process: Process
    ) -> None:
        logins = process()
        login_id = await sign_in(logins, api)
        login = await logins.get(login_id)
        await logins.end(login_id)
        assert login.ended.is_set()
        assert backend.revoked == ["refresh-0"]
        with pytest.raises(SignedOut):
            await logins.get(login_id)
        await logins.end(login_id)
        await logins.end("never there")
        assert backend.revoked == ["refresh-0"]

    @pytest.mark.parametrize("cookie", ["", "x", "unknown-but-long-" * 10, "a" * 43])
    async def test_an_invented_cookie_is_nobody(self, process: Process, cookie: str) -> None:
        with pytest.raises(SignedOut):
            await process().get(cookie)
        with pytest.raises(SignedOut):
            await process().look(cookie)

    async def test_a_ticket_is_no_cookie_and_a_cookie_no_ticket(self, api: Api, process: Process) -> None:
        logins = process()
        ticket = await logins.begin(await api.login("ada", "password", Visitor("")))
        for cookie in (ticket, f"ticket {ticket}"):
            with pytest.raises(SignedOut):
                await logins.get(cookie)
        login_id = await logins.collect(ticket)
        assert login_id
        assert await logins.collect(login_id) is None


class TestSeveralProcesses:
    async def test_a_sign_in_that_began_at_one_is_collected_at_another_once(
        self, backend: Backend, api: Api, process: Process
    ) -> None:
        ticket = await process().begin(await api.login("ada", "password", Visitor("")))
        collected = await asyncio.gather(*(process().collect(ticket) for _ in range(5)))
        (login_id,) = filter(None, collected)
        found = await asyncio.gather(*(process().get(login_id) for _ in range(5)))
        assert {login.tokens.username for login in found} == {"ada"}
        assert await process().access_token(login_id) == "access-0"
        assert backend.refreshes == 0, "what is stored is good: after a restart nobody need ask the backend"

    async def test_one_renews_and_the_others_take_what_is_stored(
        self, backend: Backend, api: Api, store: LoginStore, process: Process
    ) -> None:
        processes = [process() for _ in range(5)]
        login_id = await sign_in(processes[0], api)
        await asyncio.gather(*(one.get(login_id) for one in processes))
        await end_token(store, login_id, *processes)
        tokens = await asyncio.gather(*(one.access_token(login_id) for one in processes * 4))
        assert set(tokens) == {"access-1"}
        tokens = await asyncio.gather(*(one.access_token(login_id, refused="access-1") for one in processes))
        assert set(tokens) == {"access-2"}
        assert backend.refreshes == 2

    async def test_an_old_token_in_memory_is_never_used_again(
        self, backend: Backend, api: Api, store: LoginStore, process: Process
    ) -> None:
        first, second = process(), process()
        login_id = await sign_in(first, api)
        await second.get(login_id)
        for number in (1, 2):
            await end_token(store, login_id, first)
            assert await first.access_token(login_id) == f"access-{number}"
        assert await second.access_token(login_id) == "access-0", "which is good as long as it lasts"
        await end_token(store, login_id, first, second)
        assert await second.access_token(login_id) == "access-3"
        assert backend.valid == "refresh-3"

    async def test_one_that_dies_with_a_used_token_holds_the_others_up_for_a_lease(
        self,
        backend: Backend,
        api: Api,
        store: LoginStore,
        process: Process,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for module in (login_file, login_redis):
            monkeypatch.setattr(module, "LEASE", 0.5)
        backend.lenient = True
        logins = process()
        login_id = await sign_in(logins, api)
        await end_token(store, login_id, logins)
        died = store.alone(login_id)
        await died.__aenter__()
        await api.refresh("refresh-0")  # and it never came to store the answer
        began = time.monotonic()
        assert await logins.access_token(login_id) == "access-2"
        assert 0.3 < time.monotonic() - began < 5

    def test_a_lease_ends_while_the_backend_still_takes_the_token(self) -> None:
        assert RENEW_WITHIN < LEASE < GRACE.total_seconds()

    async def test_who_cannot_have_its_turn_signs_nobody_out(
        self, api: Api, store: LoginStore, process: Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (login_file, login_redis):
            monkeypatch.setattr(module, "PATIENCE", 0.1)
        logins = process()
        login_id = await sign_in(logins, api)
        async with store.alone(login_id), store.alone("of another"):
            with pytest.raises(ApiUnavailable):
                await logins.access_token(login_id, refused="access-0")
        assert await logins.access_token(login_id, refused="access-0") == "access-1"

    async def test_signed_out_at_one_the_others_refuse_when_a_page_opens_or_the_token_has_ended(
        self, backend: Backend, api: Api, process: Process
    ) -> None:
        first, opens, renews = processes = [process() for _ in range(3)]
        login_id = await sign_in(first, api)
        known = await asyncio.gather(*(one.get(login_id) for one in processes))
        backend.answers = False  # it does not even hear of it
        await first.end(login_id)
        with pytest.raises(SignedOut):
            await opens.look(login_id)
        assert await renews.access_token(login_id) == "access-0"
        with pytest.raises(SignedOut):
            await renews.access_token(login_id, refused="access-0")
        with pytest.raises(SignedOut):
            await process().get(login_id)
        assert all(login.ended.is_set() for login in known)

    async def test_no_token_that_is_just_being_renewed_comes_back_after_the_end(
        self, api: Api, process: Process
    ) -> None:
        first, second = process(), process()
        login_id = await sign_in(first, api)
        renewing = asyncio.create_task(second.access_token(login_id, refused="access-0"))
        await asyncio.sleep(0.005)
        await first.end(login_id)
        await asyncio.wait([renewing])
        for one in (first, second, process()):
            with pytest.raises(SignedOut):
                await one.look(login_id)

    async def test_a_new_name_shows_everywhere_when_a_page_opens(self, api: Api, process: Process) -> None:
        first, second = process(), process()
        login_id = await sign_in(first, api)
        await second.get(login_id)
        await first.rename(login_id, "Countess")
        for one in (first, second, process()):
            assert (await one.look(login_id)).tokens.display_name == "Countess"
        assert (await first.get(login_id)).tokens.access_token == "access-0"


class TestRedis:
    @pytest.fixture
    async def store(self, redis_server: RedisServer) -> AsyncIterator[LoginStore]:
        async with connect(redis_server.url) as redis:
            yield LoginRedis(redis)

    async def test_while_it_is_away_tokens_are_good_and_nobody_is_signed_out(
        self, redis_server: RedisServer, backend: Backend, api: Api, process: Process
    ) -> None:
        logins = process()
        login_id = await sign_in(logins, api)
        redis_server.kill()
        assert await logins.access_token(login_id) == "access-0"
        assert (await logins.look(login_id)).tokens.username == "ada"
        await logins.rename(login_id, "Countess")
        for refused in (logins.access_token(login_id, refused="access-0"), process().get(login_id)):
            with pytest.raises(StoreAway):
                await refused
        with pytest.raises(StoreAway):
            await logins.begin(await api.login("ada", "password", Visitor("")))
        assert backend.refreshes == 0, "no token is used whose replacement could not be stored"
        redis_server.start()
        assert await logins.access_token(login_id, refused="access-0") == "access-1"
        assert await process().access_token(login_id) == "access-1", "what it had forgotten it knows again"

    async def test_signing_out_meanwhile_is_told_to_the_backend(
        self, redis_server: RedisServer, backend: Backend, api: Api, process: Process
    ) -> None:
        logins = process()
        login_id = await sign_in(logins, api)
        redis_server.kill()
        await logins.end(login_id)
        assert backend.revoked == ["refresh-0"]
        with pytest.raises(StoreAway):
            await logins.get(login_id)

    async def test_it_gives_no_token_away_and_forgets_what_nobody_uses(
        self, redis_server: RedisServer, api: Api, process: Process
    ) -> None:
        login_id = await sign_in(process(), api)
        await process().begin(await api.login("ada", "password", Visitor("")))
        client = blocking_redis.Redis.from_url(redis_server.url)
        with closing(client):
            rows = {key: client.get(key) for key in client.scan_iter()}
            lives = sorted(client.ttl(key) for key in rows)
        assert len(rows) == 3
        assert [0 < life <= most for life, most in zip(lives, [60, LIFETIME, LIFETIME], strict=True)] == [
            True
        ] * 3
        assert lives[1] > LIFETIME - 60
        for given in (b"refresh-0", b"access-0", b"ada", login_id.encode()):
            assert not any(given in key + value for key, value in rows.items())


class TestFile:
    @pytest.fixture
    def store(self, file: Path) -> LoginStore:
        return LoginFile(file)

    async def test_when_all_browsers_come_back_at_once_each_one_s_token_is_kept(self, file: Path) -> None:
        stores = [LoginFile(file) for _ in range(4)]
        browsers = range(1000)
        await asyncio.gather(
            *(stores[n % 4].put(f"browser {n}", f"token {n}", lifetime=60) for n in browsers)
        )
        kept = await asyncio.gather(*(stores[(n + 1) % 4].get(f"browser {n}") for n in browsers))
        assert kept == [f"token {n}" for n in browsers]

    async def test_it_gives_no_token_away(self, api: Api, process: Process, file: Path) -> None:
        login_id = await sign_in(process(), api)
        content, mode = await asyncio.to_thread(lambda: (file.read_bytes(), file.stat().st_mode))
        for given in (b"refresh-0", b"access-0", b"ada", login_id.encode()):
            assert given not in content
        assert mode & 0o777 == 0o600

    async def test_what_nobody_uses_is_forgotten(self, store: LoginStore, file: Path) -> None:
        await store.put("old", "token", lifetime=-1.0)
        assert await store.get("old") is None
        assert await store.take("old") is None
        await store.put("new", "token", lifetime=60)
        with closing(sqlite3.connect(file)) as database:
            assert database.execute("SELECT count(*) FROM kept").fetchone() == (1,)

    async def test_who_signed_in_with_an_earlier_release_stays_signed_in(
        self, store: LoginStore, process: Process, file: Path
    ) -> None:
        file.parent.mkdir()
        login_id = "a" * 43
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("CREATE TABLE logins (id BLOB PRIMARY KEY, sealed BLOB, used_at REAL)")
            old = (row_id(login_id), seal(login_id, "refresh-0"), time.time() - LIFETIME / 2)
            database.execute("INSERT INTO logins VALUES (?, ?, ?)", old)
        logins = process()
        renewing = asyncio.create_task(logins.get(login_id))
        while login_id not in logins._logins:  # noqa: ASYNC110
            await asyncio.sleep(0)
        # Whose it is, is not known yet: who asks meanwhile waits, too.
        assert (await logins.get(login_id)).tokens.user_id == "u"
        assert (await renewing).tokens.access_token == "access-1"
        text = await store.get(login_id)
        assert text is not None
        assert Kept.from_text(text).tokens == Tokens(
            "access-1", "refresh-1", 900, "ada", "Ada", "u", "00000000-0000-0000-0000-000000000007"
        )
