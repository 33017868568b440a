"""Accounts, sign-ins, and what keeps them safe."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

import httpx
import psycopg
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from backend.main import create_app
from backend.services import refresh_tokens
from tests.backend.conftest import PASSWORD, Person, assert_problem, register, running, serving, settings_for


@pytest.fixture
async def ada(accounts_api: httpx.AsyncClient) -> Person:
    return await register(accounts_api, "ada")


async def test_registering_signs_in_and_login_answers_the_same_shape(accounts_api: httpx.AsyncClient) -> None:
    name = f"Ada-{secrets.token_hex(4)}"
    made = await accounts_api.post("/auth/register", json={"username": name, "password": PASSWORD})
    assert made.status_code == 201
    signed_in = await accounts_api.post("/auth/login", json={"username": name.lower(), "password": PASSWORD})
    assert signed_in.status_code == 200
    assert made.headers["cache-control"] == signed_in.headers["cache-control"] == "no-store"
    for body in (made.json(), signed_in.json()):
        fields = {"access_token", "refresh_token", "token_type", "expires_in", "device_id", "user"}
        assert set(body) == fields
        assert body["token_type"] == "bearer"
        assert body["expires_in"] == 900
        assert body["user"]["username"] == name
        assert body["user"]["display_name"] == name
    token = signed_in.json()["access_token"]
    me = await accounts_api.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json() == made.json()["user"]


async def test_a_name_is_taken_in_every_spelling(accounts_api: httpx.AsyncClient, ada: Person) -> None:
    answer = await accounts_api.post(
        "/auth/register", json={"username": ada.username.upper(), "password": PASSWORD}
    )
    assert_problem(answer, 409, "conflict")


@pytest.mark.parametrize(
    "body",
    [
        {"username": "ab", "password": PASSWORD},
        {"username": "-ada", "password": PASSWORD},
        {"username": "a b c", "password": PASSWORD},
        {"username": "ada\n", "password": PASSWORD},
        {"username": "a" * 33, "password": PASSWORD},
        {"username": "valid-name", "password": "short12"},
        {"username": "valid-name", "password": "x" * 129},
        {"username": "valid-name", "password": "with a \x00 in it"},
        {"username": "valid-name", "password": PASSWORD, "display_name": "  "},
        {"username": "valid-name", "password": PASSWORD, "display_name": "a\x00b"},
        {"username": "valid-name"},
        {"username": 7, "password": PASSWORD},
        [],
    ],
)
async def test_a_registration_that_does_not_fit_is_422_and_repeats_no_value(
    accounts_api: httpx.AsyncClient, body: object
) -> None:
    answer = await accounts_api.post("/auth/register", json=body)
    problem = assert_problem(answer, 422, "invalid")
    assert problem["errors"]
    assert PASSWORD not in answer.text
    assert "short12" not in answer.text


async def test_a_wrong_password_and_an_unknown_name_answer_alike(
    accounts_api: httpx.AsyncClient, ada: Person
) -> None:
    wrong = await accounts_api.post(
        "/auth/login", json={"username": ada.username, "password": "not the password"}
    )
    unknown = await accounts_api.post("/auth/login", json={"username": "nobody-here", "password": PASSWORD})
    first, second = (assert_problem(answer, 401, "wrong-credentials") for answer in (wrong, unknown))
    assert {**first, "trace_id": ""} == {**second, "trace_id": ""}
    assert wrong.headers["www-authenticate"].startswith("Bearer")


async def test_an_unknown_name_costs_a_hash_too(
    accounts_api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[bool] = []
    passwords = accounts_api._transport.app.state.services.accounts._passwords  # type: ignore[attr-defined]
    verify = passwords._hasher.verify_and_update
    monkeypatch.setattr(
        passwords._hasher, "verify_and_update", lambda *given: (hashed.append(True), verify(*given))[1]
    )
    await accounts_api.post("/auth/login", json={"username": "nobody-here", "password": PASSWORD})
    assert hashed == [True]


async def test_the_hash_is_argon2id_and_a_weaker_one_is_renewed_at_sign_in(
    accounts_api: httpx.AsyncClient, backend_database: str, ada: Person
) -> None:
    weak = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8192, parallelism=1),)).hash(PASSWORD)
    async with await psycopg.AsyncConnection.connect(backend_database, autocommit=True) as connection:
        await connection.execute("UPDATE users SET password_hash = %s WHERE id = %s", [weak, ada.id])
        answer = await accounts_api.post("/auth/login", json={"username": ada.username, "password": PASSWORD})
        assert answer.status_code == 200
        row = await (
            await connection.execute("SELECT password_hash FROM users WHERE id = %s", [ada.id])
        ).fetchone()
    assert row is not None
    assert row[0].startswith("$argon2id$")
    assert row[0] != weak


class TestRefresh:
    async def test_a_refresh_token_is_replaced_and_the_new_access_token_works(
        self, accounts_api: httpx.AsyncClient, ada: Person
    ) -> None:
        answer = await accounts_api.post("/auth/refresh", json={"refresh_token": ada.refresh_token})
        assert answer.status_code == 200
        assert answer.json()["refresh_token"] != ada.refresh_token
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await accounts_api.get("/auth/me", headers=headers)).json()["id"] == str(ada.id)

    async def test_a_token_used_twice_after_its_replacement_was_used_ends_the_family(
        self, accounts_api: httpx.AsyncClient, ada: Person
    ) -> None:
        second = await _refreshed(accounts_api, ada.refresh_token)
        third = await _refreshed(accounts_api, second)
        stolen = await accounts_api.post("/auth/refresh", json={"refresh_token": ada.refresh_token})
        assert_problem(stolen, 401, "unauthenticated")
        honest = await accounts_api.post("/auth/refresh", json={"refresh_token": third})
        assert_problem(honest, 401, "unauthenticated")

    async def test_a_lost_answer_may_be_asked_for_again(
        self, accounts_api: httpx.AsyncClient, ada: Person
    ) -> None:
        await _refreshed(accounts_api, ada.refresh_token)  # its answer never arrives
        again = await _refreshed(accounts_api, ada.refresh_token)
        await _refreshed(accounts_api, again)

    async def test_the_grace_ends(
        self, accounts_api: httpx.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(refresh_tokens, "GRACE", timedelta(0))
        second = await _refreshed(accounts_api, ada.refresh_token)
        again = await accounts_api.post("/auth/refresh", json={"refresh_token": ada.refresh_token})
        assert_problem(again, 401, "unauthenticated")
        assert (await accounts_api.post("/auth/refresh", json={"refresh_token": second})).status_code == 401

    async def test_two_tabs_at_once_both_stay_signed_in(
        self, accounts_api: httpx.AsyncClient, ada: Person
    ) -> None:
        tabs = await asyncio.gather(*(_refreshed(accounts_api, ada.refresh_token) for _ in range(2)))
        for token in tabs:
            await _refreshed(accounts_api, token)

    async def test_one_family_ends_and_another_device_stays(
        self, accounts_api: httpx.AsyncClient, ada: Person
    ) -> None:
        device = await accounts_api.post("/auth/login", json={"username": ada.username, "password": PASSWORD})
        assert (
            await accounts_api.post("/auth/logout", json={"refresh_token": ada.refresh_token})
        ).status_code == 204
        gone = await accounts_api.post("/auth/refresh", json={"refresh_token": ada.refresh_token})
        assert_problem(gone, 401, "unauthenticated")
        await _refreshed(accounts_api, device.json()["refresh_token"])

    async def test_the_database_holds_no_token_and_an_expired_one_is_refused(
        self, accounts_api: httpx.AsyncClient, backend_database: str, ada: Person
    ) -> None:
        async with await psycopg.AsyncConnection.connect(backend_database, autocommit=True) as connection:
            rows = await (await connection.execute("SELECT token_hash FROM refresh_tokens")).fetchall()
            assert ada.refresh_token.encode() not in {bytes(row[0]) for row in rows}
            await connection.execute(
                "UPDATE refresh_tokens SET expires_at = now() - interval '1 s' WHERE user_id = %s", [ada.id]
            )
        answer = await accounts_api.post("/auth/refresh", json={"refresh_token": ada.refresh_token})
        assert_problem(answer, 401, "unauthenticated")

    @pytest.mark.parametrize("token", ["x", "a" * 43, "né"])
    async def test_any_other_text_is_no_token(self, accounts_api: httpx.AsyncClient, token: str) -> None:
        answer = await accounts_api.post("/auth/refresh", json={"refresh_token": token})
        assert_problem(answer, 401, "unauthenticated")
        assert (await accounts_api.post("/auth/logout", json={"refresh_token": token})).status_code == 204


class TestLimits:
    async def test_guessing_one_password_is_stopped_and_says_for_how_long(
        self, backend_database: str
    ) -> None:
        settings = settings_for(backend_database, "http://127.0.0.1:1/", login_attempts=3)
        async with running(create_app(settings)) as api:
            ada = await register(api)
            guess = {"username": ada.username, "password": "a wrong guess"}
            answers = [await api.post("/auth/login", json=guess) for _ in range(4)]
            assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
            assert_problem(answers[-1], 429, "too-many-requests")
            assert 0 < int(answers[-1].headers["retry-after"]) <= 300
            right = {"username": ada.username.upper(), "password": PASSWORD}
            assert (await api.post("/auth/login", json=right)).status_code == 429
            other = await register(api)
            assert (
                await api.post("/auth/login", json={"username": other.username, "password": PASSWORD})
            ).status_code == 200

    async def test_knowing_the_password_starts_the_count_afresh(self, backend_database: str) -> None:
        settings = settings_for(backend_database, "http://127.0.0.1:1/", login_attempts=2)
        async with running(create_app(settings)) as api:
            ada = await register(api)
            for _ in range(5):
                answer = await api.post("/auth/login", json={"username": ada.username, "password": PASSWORD})
                assert answer.status_code == 200

    async def test_behind_the_web_ui_each_browsers_address_counts_for_itself(
        self, backend_database: str
    ) -> None:
        settings = settings_for(backend_database, "http://127.0.0.1:1/").model_copy(
            update={"login_attempts_per_address": 1}
        )
        guess = {"username": "nobody-here", "password": PASSWORD}
        async with serving(create_app(settings)) as api:
            answers = [
                await api.post("/auth/login", json=guess, headers={"X-Forwarded-For": address})
                for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")
            ]
        assert [answer.status_code for answer in answers] == [401, 401, 429]

    async def test_one_address_trying_many_names_is_stopped(self, backend_database: str) -> None:
        settings = settings_for(backend_database, "http://127.0.0.1:1/").model_copy(
            update={"login_attempts_per_address": 3}
        )
        async with running(create_app(settings)) as api:
            answers = [
                await api.post("/auth/login", json={"username": f"name-{i}", "password": PASSWORD})
                for i in range(4)
            ]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


async def _refreshed(api: httpx.AsyncClient, token: str) -> str:
    answer = await api.post("/auth/refresh", json={"refresh_token": token})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])
