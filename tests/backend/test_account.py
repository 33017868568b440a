"""What people do with their own accounts, and what nobody else can."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from backend.main import create_app
from backend.services.devices import recognise
from backend.services.hasura_client import HasuraClient
from backend.services.tokens import Tokens
from tests.backend.conftest import PASSWORD, Person, assert_problem, register, running, settings_for

NEW_PASSWORD = "another horse, another battery"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
async def ada(accounts_api: httpx.AsyncClient) -> Person:
    return await register(accounts_api, "ada")


@pytest.fixture
async def bob(accounts_api: httpx.AsyncClient) -> Person:
    return await register(accounts_api, "bob")


async def signed_in(
    api: httpx.AsyncClient, person: Person, password: str = PASSWORD, user_agent: str = ""
) -> Person:
    """The same person on another device."""
    answer = await api.post(
        "/auth/login",
        json={"username": person.username, "password": password},
        headers={"User-Agent": user_agent},
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return replace(person, access_token=body["access_token"], refresh_token=body["refresh_token"])


async def refreshes(api: httpx.AsyncClient, person: Person) -> bool:
    answer = await api.post("/auth/refresh", json={"refresh_token": person.refresh_token})
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


async def devices_of(api: httpx.AsyncClient, person: Person) -> list[dict[str, Any]]:
    answer = await api.get("/auth/devices", headers=person.headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


class TestProfile:
    async def test_the_shown_name_changes_and_nothing_else(
        self, accounts_api: httpx.AsyncClient, ada: Person
    ) -> None:
        body = {"display_name": "  Ada, Countess ", "username": "root", "role": "admin", "id": str(uuid4())}
        answer = await accounts_api.patch("/auth/me", json=body, headers=ada.headers)
        assert answer.status_code == 200
        expected = {"id": str(ada.id), "username": ada.username, "display_name": "Ada, Countess"}
        assert answer.json() == expected
        assert (await accounts_api.get("/auth/me", headers=ada.headers)).json() == expected

    @pytest.mark.parametrize("name", ["", "   ", "a\x00b", "x" * 101, None, 7, "\ud800"])
    async def test_a_name_that_does_not_fit_is_refused(
        self, accounts_api: httpx.AsyncClient, ada: Person, name: object
    ) -> None:
        body = json.dumps({"display_name": name})
        headers = {**ada.headers, "Content-Type": "application/json"}
        answer = await accounts_api.patch("/auth/me", content=body, headers=headers)
        assert_problem(answer, 422, "invalid")


class TestPassword:
    async def test_a_new_password_ends_every_other_device_and_keeps_this_one(
        self, accounts_api: httpx.AsyncClient, ada: Person, bob: Person
    ) -> None:
        phone = await signed_in(accounts_api, ada)
        body = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
        answer = await accounts_api.post("/auth/password", json=body, headers=phone.headers)
        assert (answer.status_code, answer.json()) == (200, {"signed_out": 1})
        assert not await refreshes(accounts_api, ada)
        assert await refreshes(accounts_api, phone)
        assert await refreshes(accounts_api, bob)
        old = {"username": ada.username, "password": PASSWORD}
        assert_problem(await accounts_api.post("/auth/login", json=old), 401, "wrong-credentials")
        await signed_in(accounts_api, ada, NEW_PASSWORD)

    async def test_a_token_alone_changes_no_password(
        self, accounts_api: httpx.AsyncClient, ada: Person
    ) -> None:
        body = {"old_password": "not the password", "new_password": NEW_PASSWORD}
        answer = await accounts_api.post("/auth/password", json=body, headers=ada.headers)
        assert_problem(answer, 403, "wrong-password")
        assert NEW_PASSWORD not in answer.text
        await signed_in(accounts_api, ada)

    @pytest.mark.parametrize("password", ["short12", "x" * 129, "with a \x00 in it", None])
    async def test_a_new_password_has_the_form_of_any(
        self, accounts_api: httpx.AsyncClient, ada: Person, password: str | None
    ) -> None:
        body = {"old_password": PASSWORD, "new_password": password}
        assert_problem(
            await accounts_api.post("/auth/password", json=body, headers=ada.headers), 422, "invalid"
        )

    async def test_of_two_changes_at_once_one_is_made(
        self, accounts_api: httpx.AsyncClient, ada: Person
    ) -> None:
        changes = [{"old_password": PASSWORD, "new_password": f"{NEW_PASSWORD} {n}"} for n in range(2)]
        answers = await asyncio.gather(
            *(accounts_api.post("/auth/password", json=body, headers=ada.headers) for body in changes)
        )
        assert sorted(answer.status_code for answer in answers) == [200, 403]
        kept = next(b for b, a in zip(changes, answers, strict=True) if a.status_code == 200)
        await signed_in(accounts_api, ada, kept["new_password"])

    async def test_whoever_signs_in_with_the_old_password_meanwhile_stays_out(
        self, accounts_api: httpx.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The old password was right when it was looked at; by then the new one is set."""
        services = accounts_api._transport.app.state.services  # type: ignore[attr-defined]
        verified = asyncio.Event()
        authenticate = services.accounts.authenticate

        async def slow(*given: Any) -> Any:
            account = await authenticate(*given)
            await verified.wait()
            return account

        monkeypatch.setattr(services.accounts, "authenticate", slow)
        thief = asyncio.create_task(
            accounts_api.post("/auth/login", json={"username": ada.username, "password": PASSWORD})
        )
        await asyncio.sleep(0)
        body = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
        changed = await accounts_api.post("/auth/password", json=body, headers=ada.headers)
        assert changed.status_code == 200
        verified.set()
        assert_problem(await thief, 401, "wrong-credentials")
        assert len(await devices_of(accounts_api, ada)) == 1

    async def test_guessing_with_a_stolen_token_is_stopped_from_wherever_it_comes(
        self, backend_database: str
    ) -> None:
        settings = settings_for(backend_database, "http://127.0.0.1:1/", login_attempts=3)
        async with running(create_app(settings)) as api:
            ada = await register(api)
            guess = {"old_password": "a wrong guess", "new_password": NEW_PASSWORD}
            answers = [await api.post("/auth/password", json=guess, headers=ada.headers) for _ in range(2)]
            answers += [
                await api.request(
                    "DELETE", "/auth/me", json={"password": "a wrong guess"}, headers=ada.headers
                )
                for _ in range(2)
            ]
            assert [answer.status_code for answer in answers] == [403, 403, 403, 429]
            assert_problem(answers[-1], 429, "too-many-requests")
            right = {"password": PASSWORD}
            late = await api.request("DELETE", "/auth/me", json=right, headers=ada.headers)
            assert late.status_code == 429


class TestDevices:
    async def test_each_sign_in_is_one_and_says_what_it_was(
        self, accounts_api: httpx.AsyncClient, ada: Person
    ) -> None:
        await signed_in(accounts_api, ada, user_agent=IPHONE)
        laptop = await signed_in(accounts_api, ada, user_agent=FIREFOX)
        found = await devices_of(accounts_api, laptop)
        assert [(each["browser"], each["system"], each["current"]) for each in found] == [
            ("Firefox", "Windows", True),
            ("Safari", "iOS", False),
            ("python-httpx", "", False),
        ]
        assert {each["address"] for each in found} == {"127.0.0.1"}
        assert await refreshes(accounts_api, laptop)
        assert len(await devices_of(accounts_api, laptop)) == 3, "a refreshed device is still the same one"

    @pytest.mark.parametrize(
        "user_agent",
        ["", "x" * 5000, "(" * 512, "Mozilla/5.0 " + "(;" * 250, "<script>alert(1)</script>", "é"],
    )
    async def test_a_hostile_user_agent_is_a_device_like_any(
        self, accounts_api: httpx.AsyncClient, ada: Person, user_agent: str
    ) -> None:
        named = await recognise(user_agent)
        assert len(named.browser) <= 60
        header = user_agent.encode("latin-1").decode("latin-1")
        answer = await accounts_api.post(
            "/auth/login",
            json={"username": ada.username, "password": PASSWORD},
            headers=httpx.Headers({"User-Agent": header}, encoding="latin-1"),
        )
        assert answer.status_code == 200
        assert len(await devices_of(accounts_api, ada)) == 2

    async def test_a_device_that_is_signed_out_can_refresh_nothing_and_manage_nothing(
        self, accounts_api: httpx.AsyncClient, ada: Person
    ) -> None:
        lost = await signed_in(accounts_api, ada)
        (device,) = [each["id"] for each in await devices_of(accounts_api, ada) if not each["current"]]
        answer = await accounts_api.delete(f"/auth/devices/{device}", headers=ada.headers)
        assert answer.status_code == 204
        assert not await refreshes(accounts_api, lost)
        for method, path, body in [
            ("PATCH", "/auth/me", {"display_name": "mine now"}),
            ("POST", "/auth/password", {"old_password": PASSWORD, "new_password": NEW_PASSWORD}),
            ("GET", "/auth/devices", None),
            ("POST", "/auth/devices/revoke-others", None),
            ("PUT", "/auth/settings", {"retention_days": 30}),
            ("DELETE", "/auth/me", {"password": PASSWORD}),
        ]:
            refused = await accounts_api.request(method, path, json=body, headers=lost.headers)
            assert_problem(refused, 401, "unauthenticated")
        again = await accounts_api.delete(f"/auth/devices/{device}", headers=ada.headers)
        assert_problem(again, 404, "not-found")
        assert [each["current"] for each in await devices_of(accounts_api, ada)] == [True]

    async def test_all_others_go_at_once(
        self, accounts_api: httpx.AsyncClient, ada: Person, bob: Person
    ) -> None:
        others = [await signed_in(accounts_api, ada) for _ in range(3)]
        answer = await accounts_api.post("/auth/devices/revoke-others", headers=ada.headers)
        assert (answer.status_code, answer.json()) == (200, {"signed_out": 3})
        assert [await refreshes(accounts_api, each) for each in (*others, ada, bob)] == [
            *[False] * 3,
            True,
            True,
        ]

    async def test_a_foreign_device_looks_like_none(
        self, accounts_api: httpx.AsyncClient, ada: Person, bob: Person
    ) -> None:
        (foreign,) = await devices_of(accounts_api, ada)
        unknown = [
            await accounts_api.delete(f"/auth/devices/{device}", headers=bob.headers)
            for device in (foreign["id"], uuid4())
        ]
        first, second = (assert_problem(answer, 404, "not-found") for answer in unknown)
        assert {**first, "trace_id": ""} == {**second, "trace_id": ""}
        assert await refreshes(accounts_api, ada)

    async def test_a_token_that_nobody_signed_in_for_is_no_device(
        self, accounts_api: httpx.AsyncClient, ada: Person, tokens: Tokens
    ) -> None:
        minted = replace(ada, access_token=tokens.access(ada.id, "user"))
        assert [each["current"] for each in await devices_of(accounts_api, minted)] == [False]

    async def test_a_token_of_one_user_naming_another_s_sign_in_is_refused(
        self, accounts_api: httpx.AsyncClient, ada: Person, bob: Person, tokens: Tokens
    ) -> None:
        (foreign,) = await devices_of(accounts_api, ada)
        forged = replace(bob, access_token=tokens.access(bob.id, "user", sign_in_id=UUID(foreign["id"])))
        answer = await accounts_api.get("/auth/devices", headers=forged.headers)
        assert_problem(answer, 401, "unauthenticated")

    async def test_a_live_query_tells_a_device_that_it_is_signed_out_and_nobody_else_s(
        self, api: httpx.AsyncClient, hasura: HasuraClient
    ) -> None:
        ada, bob = await register(api, "ada"), await register(api, "bob")
        lost = await signed_in(api, ada)
        (device,) = [UUID(each["id"]) for each in await devices_of(api, lost) if each["current"]]
        async with (
            asyncio.timeout(20),
            aclosing(hasura.watch_sign_in(lost.access_token, device)) as mine,
            aclosing(hasura.watch_sign_in(bob.access_token, device)) as foreign,
        ):
            assert (await anext(mine), await anext(foreign)) == (True, False)
            await refreshes(api, lost)
            await api.post("/auth/devices/revoke-others", headers=ada.headers)
            assert await anext(mine) is False


class TestRetention:
    async def test_a_choice_is_kept_and_only_known_ones_are_taken(
        self, accounts_api: httpx.AsyncClient, ada: Person, bob: Person
    ) -> None:
        async def chosen(person: Person) -> Any:
            return (await accounts_api.get("/auth/settings", headers=person.headers)).json()

        assert await chosen(ada) == {"retention_days": None}
        for days in (30, 365, 90, None, 90):
            answer = await accounts_api.put(
                "/auth/settings", json={"retention_days": days}, headers=ada.headers
            )
            assert (answer.status_code, answer.json()) == (200, {"retention_days": days})
            assert await chosen(ada) == {"retention_days": days}
        for wrong in ({"retention_days": 1}, {"retention_days": 0}, {"retention_days": "x"}, {}, []):
            answer = await accounts_api.put("/auth/settings", json=wrong, headers=ada.headers)
            assert_problem(answer, 422, "invalid")
        assert await chosen(ada) == {"retention_days": 90}
        assert await chosen(bob) == {"retention_days": None}

    async def test_what_is_too_old_for_its_owner_goes_with_the_next_sweep(
        self, accounts_api: httpx.AsyncClient, backend_database: str, ada: Person, bob: Person
    ) -> None:
        services = accounts_api._transport.app.state.services  # type: ignore[attr-defined]
        await accounts_api.put("/auth/settings", json={"retention_days": 30}, headers=ada.headers)
        with psycopg.connect(backend_database) as database:
            for person in (ada, bob):
                database.execute(
                    "INSERT INTO chat_sessions (user_id, title) VALUES (%(id)s, 'old'), (%(id)s, 'new')",
                    {"id": person.id},
                )
            database.execute("ALTER TABLE chat_sessions DISABLE TRIGGER USER")
            database.execute(
                "UPDATE chat_sessions SET changed_at = now() - interval '31 days'"
                " WHERE title = 'old' AND user_id = ANY (%s)",
                [[ada.id, bob.id]],
            )
            database.execute("ALTER TABLE chat_sessions ENABLE TRIGGER USER")
            database.commit()
            assert await services.deletion.sweep() == 1
            left = "SELECT array_agg(title ORDER BY title) FROM chat_sessions WHERE user_id = %s"
            assert [database.execute(left, [person.id]).fetchone() for person in (ada, bob)] == [
                (["new"],),
                (["new", "old"],),
            ]


class TestTheEnd:
    async def test_deleting_the_account_takes_everything_and_frees_the_name(
        self, accounts_api: httpx.AsyncClient, backend_database: str, ada: Person, bob: Person
    ) -> None:
        phone = await signed_in(accounts_api, ada)
        with psycopg.connect(backend_database, autocommit=True) as database:
            for person in (ada, bob):
                database.execute(
                    "INSERT INTO chat_sessions (user_id) SELECT %s FROM generate_series(1, 700)", [person.id]
                )
                database.execute(
                    "INSERT INTO chat_messages (session_id, user_id, content)"
                    " SELECT session_id, user_id, 'hi' FROM chat_sessions, generate_series(1, 15)"
                    " WHERE user_id = %s",
                    [person.id],
                )
            answer = await accounts_api.request(
                "DELETE", "/auth/me", json={"password": PASSWORD}, headers=phone.headers
            )
            assert answer.status_code == 204
            assert rows_of(database, ada.id) == {}
            assert rows_of(database, bob.id)["chat_messages"] == 700 * 15
        for device in (ada, phone):
            assert not await refreshes(accounts_api, device)
            assert_problem(await accounts_api.get("/auth/me", headers=device.headers), 401, "unauthenticated")
        credentials = {"username": ada.username, "password": PASSWORD}
        assert_problem(await accounts_api.post("/auth/login", json=credentials), 401, "wrong-credentials")
        assert (await accounts_api.post("/auth/register", json=credentials)).status_code == 201

    async def test_it_takes_the_password_again(self, accounts_api: httpx.AsyncClient, ada: Person) -> None:
        wrong = {"password": "not the password"}
        answer = await accounts_api.request("DELETE", "/auth/me", json=wrong, headers=ada.headers)
        assert_problem(answer, 403, "wrong-password")
        without = await accounts_api.request("DELETE", "/auth/me", headers=ada.headers)
        assert_problem(without, 422, "invalid")
        assert await refreshes(accounts_api, ada)

    async def test_what_a_dead_process_left_is_gone_for_its_owner_and_goes_with_the_next_sweep(
        self, accounts_api: httpx.AsyncClient, backend_database: str, ada: Person
    ) -> None:
        services = accounts_api._transport.app.state.services  # type: ignore[attr-defined]
        with psycopg.connect(backend_database, autocommit=True) as database:
            database.execute("UPDATE users SET deleted_at = now() WHERE id = %s", [ada.id])
            assert_problem(await accounts_api.get("/auth/me", headers=ada.headers), 401, "unauthenticated")
            credentials = {"username": ada.username, "password": PASSWORD}
            assert_problem(await accounts_api.post("/auth/login", json=credentials), 401, "wrong-credentials")
            await services.deletion.sweep()
            assert rows_of(database, ada.id) == {}


def rows_of(database: psycopg.Connection[Any], user_id: UUID) -> dict[str, int]:
    """How many rows of which tables name a user, in whatever column; but for the audit log, which tells of its end."""
    columns = database.execute(
        "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        " AND table_name <> 'audit_log' AND (column_name = 'user_id' OR (table_name, column_name) = ('users', 'id'))"
    ).fetchall()
    assert len(columns) >= 6
    counts = {
        table: database.execute(
            f"SELECT count(*) FROM {table} WHERE {column} = %s",
            [user_id],  # type: ignore[arg-type]
        ).fetchone()
        for table, column in columns
    }
    return {table: row[0] for table, row in counts.items() if row and row[0]}
