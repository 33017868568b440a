"""Who changes a permission over one of the admins' APIs is told to the database, whose triggers keep it."""

import time
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.conftest import make_user
from tests.engine.conftest import ADMIN, RunningEngine, bearer, user_token

GRANT = {
    "type": "pg_create_select_permission",
    "args": {"table": "users", "role": "guest", "permission": {"columns": ["id"], "filter": {}}},
}
GRANTED = [{"target": "users", "role": "guest", "operation": "select", "change": "granted"}]


def lines(database_url: str, event: str) -> list[tuple[Any, ...]]:
    """(actor, changes) of each."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(
            "SELECT actor, details -> 'changes' FROM audit_log WHERE event = %s ORDER BY id", [event]
        ).fetchall()


@pytest.fixture
def watched(engine: RunningEngine, database_url: str) -> RunningEngine:
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert connection.execute("SELECT watch_permissions()").fetchone() == (True,)
    return engine


def as_admin(user_id: UUID) -> dict[str, str]:
    """The headers of a person who is an admin."""
    claims = {
        "x-hasura-default-role": "admin",
        "x-hasura-allowed-roles": ["admin"],
        "x-hasura-user-id": str(user_id),
    }
    return bearer(user_token(user_id, **{"https://hasura.io/jwt/claims": claims, "iat": int(time.time())}))


async def test_a_permission_that_an_admin_grants_is_in_the_log_with_the_admin(
    watched: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    assert (await watched.metadata(as_admin(ada), **GRANT)).status_code == 200
    assert lines(database_url, "permissions_changed") == [({"role": "admin", "user_id": str(ada)}, GRANTED)]
    dropped = {"type": "pg_drop_select_permission", "args": {"table": "users", "role": "guest"}}
    assert (await watched.metadata(ADMIN, **dropped)).status_code == 200
    assert lines(database_url, "permissions_changed")[1][0] == {"role": "admin"}, "by the secret: nobody's id"


async def test_what_is_refused_or_changes_no_permission_is_not_in_it(
    watched: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    assert (await watched.metadata(bearer(user_token(ada)), **GRANT)).status_code == 400
    assert (await watched.metadata(ADMIN, type="reload_metadata", args={})).status_code == 200
    assert lines(database_url, "permissions_changed") == []


async def test_sql_that_takes_a_table_and_its_permissions_away_is_in_it(
    watched: RunningEngine, database_url: str
) -> None:
    ada = make_user(database_url, "ada")
    answer = await watched.client.post(
        "/v2/query",
        json={"type": "run_sql", "args": {"sql": "DROP TABLE chat_read_marks CASCADE", "cascade": True}},
        headers=as_admin(ada),
    )
    assert answer.status_code == 200, answer.text
    ((actor, changes),) = lines(database_url, "permissions_changed")
    assert actor == {"role": "admin", "user_id": str(ada)}
    assert {(each["target"], each["change"]) for each in changes} == {("chat_read_marks", "revoked")}


@pytest.mark.parametrize("way", ["mutation", "sql"])
async def test_a_role_that_an_admin_gives_somebody_is_in_it_with_the_admin(
    engine: RunningEngine, database_url: str, way: str
) -> None:
    ada, bob = make_user(database_url, "ada"), make_user(database_url, "bob")
    if way == "mutation":
        text = f'mutation {{ update_users_by_pk(pk_columns: {{id: "{bob}"}}, _set: {{role: "admin"}}) {{ id }} }}'
        assert "errors" not in await engine.graphql(text, headers=as_admin(ada))
    else:
        sql = {"type": "run_sql", "args": {"sql": f"UPDATE users SET role = 'admin' WHERE id = '{bob}'"}}
        assert (await engine.client.post("/v2/query", json=sql, headers=as_admin(ada))).status_code == 200
    assert lines(database_url, "role_changed") == [({"role": "admin", "user_id": str(ada)}, None)]


async def test_not_even_an_admin_s_graphql_changes_or_deletes_a_line(
    engine: RunningEngine, database_url: str
) -> None:
    make_user(database_url, "ada")
    for field in (
        "delete_audit_log(where: {}) { affected_rows }",
        'update_audit_log(where: {}, _set: {address: "x"}) { affected_rows }',
    ):
        answer = await engine.graphql(f"mutation {{ {field} }}")
        assert "stays as it is" in answer["errors"][0]["message"]
    assert len(lines(database_url, "account_created")) == 1
