"""What the operator can look up afterwards: who did what and when, and nothing of what was written."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from tests.sql.conftest import add_messages, new_session, new_user, one

#: What an engine makes at its first start: Hasura's own tables.
CATALOG = Path(__file__).parents[2] / "hasura" / "engine" / "hdb_catalog.sql"


@pytest.fixture
def user(db: psycopg.Connection) -> UUID:
    return new_user(db)


def events(db: psycopg.Connection, user: UUID) -> list[tuple]:
    """(event, subject, address, details) in their order, after the account's beginning."""
    rows = "SELECT event, subject, address, details FROM audit_log WHERE user_id = %s ORDER BY id"
    first, *rest = db.execute(rows, [user]).fetchall()
    assert first == ("account_created", None, "", {})
    return rest


def test_an_account_s_life(db: psycopg.Connection, user: UUID) -> None:
    device = uuid4()
    db.execute(
        "INSERT INTO sign_ins (sign_in_id, user_id, address) VALUES (%s, %s, '192.0.2.7')", [device, user]
    )
    for change in (
        "password_set_at = clock_timestamp(), password_hash = 'secret'",
        "role = 'admin'",
        "retention_days = 30",
        "display_name = 'Ada L.'",
        "deleted_at = now()",
    ):
        db.execute(f"UPDATE users SET {change} WHERE id = %s", [user])
    db.execute("DELETE FROM users WHERE id = %s", [user])
    found = events(db, user)
    assert found[:-2] == [
        ("signed_in", device, "", {}),
        ("password_changed", None, "", {}),
        ("role_changed", None, "", {"from": "user", "to": "admin"}),
        ("retention_changed", None, "", {"from": None, "to": 30}),
        ("account_deleted", None, "", {}),
    ]
    assert {event for event, *_ in found[-2:]} == {"signed_out", "account_erased"}
    assert "secret" not in str(db.execute("SELECT audit_log::text FROM audit_log").fetchall())


def test_a_chat_that_is_deleted_for_good_is_told_without_its_content(
    db: psycopg.Connection, user: UUID
) -> None:
    session = new_session(db, user)
    add_messages(db, user, session, 3)
    db.execute("UPDATE chat_sessions SET is_active = false WHERE session_id = %s", [session])
    assert events(db, user) == [], "the trash is no end"
    db.execute("DELETE FROM chat_sessions WHERE session_id = %s", [session])
    assert events(db, user) == [("chat_deleted", session, "", {"messages": 3})]


def test_what_is_rolled_back_is_not_told(db: psycopg.Connection, user: UUID) -> None:
    session = new_session(db, user)
    with db.transaction(force_rollback=True):
        db.execute("DELETE FROM chat_sessions WHERE session_id = %s", [session])
    assert events(db, user) == []


def test_what_is_kept_of_an_erased_account_is_what_happened_and_no_address(
    db: psycopg.Connection, user: UUID
) -> None:
    bob = new_user(db, "bob")
    for who in (user, bob):
        db.execute(
            "INSERT INTO sign_ins (sign_in_id, user_id, address) VALUES (gen_random_uuid(), %s, '192.0.2.7')",
            [who],
        )
    db.execute("DELETE FROM users WHERE id = %s", [user])
    assert {address for _, _, address, _ in events(db, user)} == {""}
    assert [address for _, _, address, _ in events(db, bob)] == ["192.0.2.7"]


def test_a_line_stays_as_it_is_and_goes_after_its_days(db: psycopg.Connection) -> None:
    db.execute(
        "INSERT INTO audit_log (event, at)"
        " SELECT 'exported', now() - interval '366 days' FROM generate_series(1, 3)"
    )
    db.execute("INSERT INTO audit_log (event) VALUES ('exported')")
    expire = "SELECT expire_audit_log(365, 2)"
    assert [one(db, expire)[0] for _ in range(3)] == [2, 1, 0]
    assert one(db, "SELECT count(*) FROM audit_log") == (1,)
    for change in ("UPDATE audit_log SET user_id = NULL", "DELETE FROM audit_log", "TRUNCATE audit_log"):
        with pytest.raises(errors.CheckViolation, match="stays as it is"):
            db.execute(change)


@pytest.mark.parametrize(
    ("said", "actor"),
    [
        ({}, {}),
        ({"chat.process": "purge"}, {"process": "purge"}),
        ({"hasura.user": '{"x-hasura-role": "admin"}'}, {"role": "admin"}),
        (
            {"hasura.user": '{"x-hasura-role": "admin", "x-hasura-user-id": "7", "x-hasura-x": "y"}'},
            {"role": "admin", "user_id": "7"},
        ),
    ],
)
def test_a_line_names_who_acts_as_far_as_the_transaction_knows(
    db: psycopg.Connection, user: UUID, said: dict[str, str], actor: dict[str, str]
) -> None:
    with db.transaction():
        for name, value in said.items():
            db.execute("SELECT set_config(%s, %s, true)", [name, value])
        db.execute("UPDATE users SET role = 'admin' WHERE id = %s", [user])
    found = one(db, "SELECT actor FROM audit_log WHERE event = 'role_changed'")
    assert found == (actor,)
    db.execute("UPDATE users SET role = 'user' WHERE id = %s", [user])
    assert one(db, "SELECT actor FROM audit_log ORDER BY id DESC LIMIT 1") == ({},), "the next transaction"


def metadata(**tables: dict[str, Any]) -> str:
    listed = [{"table": {"schema": "public", "name": name}, **keys} for name, keys in tables.items()]
    return json.dumps({"version": 3, "sources": [{"name": "default", "kind": "postgres", "tables": listed}]})


def store(db: psycopg.Connection, document: str) -> list[tuple]:
    """As both engines do it; what the log says of it."""
    db.execute(
        "INSERT INTO hdb_catalog.hdb_metadata AS m (id, metadata) VALUES (1, %s::json) ON CONFLICT (id)"
        " DO UPDATE SET metadata = excluded.metadata, resource_version = m.resource_version + 1",
        [document],
    )
    lines = "SELECT event, details FROM audit_log WHERE event LIKE 'permissions%' ORDER BY id"
    found = db.execute(lines).fetchall()
    with db.transaction():
        db.execute("SELECT set_config('chat.audit_log', 'DELETE', true)")
        db.execute("DELETE FROM audit_log")
    return found


def test_each_change_of_a_permission_is_told_by_name_and_without_its_content(db: psycopg.Connection) -> None:
    assert one(db, "SELECT watch_permissions()") == (None,), "no engine has been here"
    db.execute(CATALOG.read_text().encode())
    own = {"role": "user", "permission": {"columns": ["id"], "filter": {"user_id": {"_eq": "x"}}}}
    all_rows = {"role": "user", "permission": {"columns": ["id"], "filter": {}}}
    assert store(db, metadata(notes={"select_permissions": [own]})) == []
    for _ in range(2):
        assert one(db, "SELECT watch_permissions()") == (True,)
    unchanged = store(db, metadata(notes={"select_permissions": [{**own, "comment": "new"}]}))
    assert unchanged == [("permissions_watched", {"version": 1, "count": 1})]
    of_notes = {"target": "notes", "role": "user"}
    for document, expected in (
        (
            metadata(notes={"select_permissions": [all_rows]}),
            [of_notes | {"operation": "select", "change": "changed"}],
        ),
        (
            metadata(notes={"select_permissions": [all_rows], "delete_permissions": [own]}),
            [of_notes | {"operation": "delete", "change": "granted"}],
        ),
        (
            metadata(notes={"configuration": {"custom_name": "n"}}),
            [of_notes | {"operation": name, "change": "revoked"} for name in ("delete", "select")],
        ),
        (metadata(other={}), None),
        ('{"sources": 5}', None),
    ):
        found = store(db, document)
        version = one(db, "SELECT resource_version FROM hdb_catalog.hdb_metadata")[0]
        details = {"version": version, "count": len(expected or []), "changes": expected}
        assert found == ([("permissions_changed", details)] if expected else [])


def test_functions_and_inherited_roles_are_permissions_too_and_a_long_list_is_cut(
    db: psycopg.Connection,
) -> None:
    after = {
        "sources": [
            {
                "tables": [{"table": f"t{n}", "select_permissions": [{"role": "user"}]} for n in range(200)],
                "functions": [{"function": {"name": "f", "schema": "s"}, "permissions": [{"role": "user"}]}],
            }
        ],
        "inherited_roles": [{"role_name": "both", "role_set": ["a", "b"]}],
    }
    found = one(db, "SELECT metadata_permission_changes(NULL, %s::jsonb)", json.dumps(after))[0]
    assert (found["count"], len(found["changes"])) == (202, 100)
    assert found["changes"][:2] == [
        {"target": "f", "role": "user", "operation": "call", "change": "granted"},
        {"target": "inherited_roles", "role": "both", "operation": "inherit", "change": "granted"},
    ]
