"""Running statements: PostgreSQL's refusals become Hasura's errors, and no SQL of ours gets out."""

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import errors as pg
from psycopg_pool import PoolTimeout, TooManyRequests

from hasura.engine.document.values import Constant, FromVariable
from hasura.engine.errors import DatabaseUnavailable, EngineError
from hasura.engine.execute.failures import translate
from hasura.engine.execute.operands import Inputs
from hasura.engine.execute.pool import Pool
from hasura.engine.pipeline import GraphQLRequest, answer
from hasura.engine.plan import nodes as n
from hasura.engine.session import Session
from tests.conftest import free_port
from tests.engine.served import ADMIN, Served


@pytest.mark.parametrize(
    ("problem", "code", "status"),
    [
        (pg.UniqueViolation("x"), "constraint-violation", 400),
        (pg.ForeignKeyViolation("x"), "constraint-violation", 400),
        (pg.NotNullViolation("x"), "constraint-violation", 400),
        (pg.CheckViolation("x"), "constraint-violation", 400),
        (pg.ExclusionViolation("x"), "constraint-violation", 400),
        (pg.InvalidTextRepresentation("x"), "data-exception", 400),
        (pg.NumericValueOutOfRange("x"), "data-exception", 400),
        (pg.InvalidRegularExpression("x"), "bad-request", 400),
        (pg.RaiseException("x"), "bad-request", 400),
        (pg.WithCheckOptionViolation("x"), "permission-error", 400),
        (pg.FeatureNotSupported("x"), "not-supported", 400),
        (pg.StatementTooComplex("x"), "bad-request", 400),
        (pg.TooManyColumns("x"), "bad-request", 400),
        (pg.UndefinedColumn("x"), "unexpected", 500),
        (pg.SyntaxError("x"), "unexpected", 500),
        (pg.QueryCanceled("x"), "unexpected", 500),
        (pg.DeadlockDetected("x"), "unexpected", 500),
        (pg.SerializationFailure("x"), "unexpected", 500),
        (pg.AdminShutdown("x"), "postgres-error", 503),
        (pg.TooManyConnections("x"), "postgres-error", 503),
        (psycopg.OperationalError("x"), "postgres-error", 503),
        (psycopg.InterfaceError("x"), "postgres-error", 503),
        (PoolTimeout("x"), "postgres-error", 503),
        (TooManyRequests("x"), "postgres-error", 503),
    ],
)
def test_each_failure_has_a_code_and_a_status(problem: Exception, code: str, status: int) -> None:
    error = translate(problem, "$.here")
    assert (error.code, error.status, error.path) == (code, status, "$.here")


async def test_the_words_of_a_defect_stay_inside(shelf: Served) -> None:
    """A statement that PostgreSQL finds wrong is a defect of ours: its text is nobody's business."""
    await shelf.run("ALTER TABLE status RENAME comment TO remark")
    try:
        assert await shelf.refusal(ADMIN, "{ status { comment } }") == (
            "unexpected",
            "$",
            "database query error",
        )
    finally:
        await shelf.run("ALTER TABLE status RENAME remark TO comment")


async def test_a_database_that_is_away_is_said_to_be_away(shelf: Served) -> None:
    async with Pool(
        f"postgresql://nobody@127.0.0.1:{free_port()}/x",
        min_size=0,
        max_size=1,
        open=False,
        timeout=0.3,
        reconnect_timeout=0,
    ) as pool:
        for text in ("{ author { id } }", "mutation { delete_author(where: {}) { affected_rows } }"):
            with pytest.raises(DatabaseUnavailable, match="the database cannot be reached"):
                await answer(shelf.snapshot, {"default": pool}, ADMIN, GraphQLRequest(text))


async def test_killed_connections_are_replaced(desk: Served) -> None:
    text = "{ author_by_pk(id: 1) { id } }"
    await asyncio.gather(*(desk.ask(ADMIN, text) for _ in range(8)))
    await desk.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    failures = []
    for _ in range(20):
        try:
            await desk.ask(ADMIN, text)
        except EngineError as problem:
            failures.append(problem.status)
    assert set(failures) <= {503}
    assert await desk.ask(ADMIN, text) == {"author_by_pk": {"id": 1}}


async def test_a_mutation_that_fails_in_the_middle_is_undone(desk: Served) -> None:
    await desk.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not on a Sunday'; END $$;"
        " CREATE TRIGGER refuse BEFORE DELETE ON membership FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    text = (
        'mutation { insert_status(objects: {value: "new"}) { affected_rows }'
        " delete_membership(where: {}) { affected_rows } }"
    )
    assert await desk.refusal(ADMIN, text) == (
        "bad-request",
        "$",
        "not on a Sunday",
    )
    assert await desk.fetch("SELECT count(*) FROM status") == [(2,)]


# -- operands -------------------------------------------------------------------------------------------------

INPUTS = Inputs(Session("user", {"x-hasura-user-id": "7"}), {"a": {"b": [None, "x"]}, "list": ["y"]})


@pytest.mark.parametrize(
    ("operand", "text"),
    [
        (n.SessionValue("x-hasura-user-id", "integer"), "7"),
        (n.SessionValue("x-hasura-role", "text"), "user"),
        (n.SessionDocument("json"), '{"x-hasura-user-id":"7","x-hasura-role":"user"}'),
        (n.Slot(Constant(3), "Int", "integer", "$"), "3"),
        (n.Slot(Constant(None), "Int", "integer", "$"), None),
        (n.Slot(Constant(["a", None]), "String", "text[]", "$", is_list=True), '{"a",NULL}'),
        (n.Slot(FromVariable(("a", "b", 1)), "String", "text", "$"), "x"),
        (n.Slot(FromVariable(("list",)), "String", "text[]", "$", is_list=True), '{"y"}'),
        (n.Slot(FromVariable(("a", "b", 1)), "String", "text[]", "$", is_list=True), '{"x"}'),
    ],
)
def test_an_operand_s_text_comes_from_where_it_says(operand: Any, text: str | None) -> None:
    assert INPUTS.text(operand) == text


def test_a_session_variable_is_not_taken_from_a_graphql_variable_of_its_name() -> None:
    inputs = Inputs(Session("user"), {"x-hasura-user-id": "7"})
    with pytest.raises(EngineError) as caught:
        inputs.text(n.SessionValue("x-hasura-user-id", "integer"))
    assert caught.value.message == 'missing session variable: "x-hasura-user-id"'
    assert inputs.text(n.SessionDocument("json")) == '{"x-hasura-role":"user"}'


def test_the_role_in_a_function_s_session_is_the_role_and_not_a_variable() -> None:
    inputs = Inputs(Session("user", {"x-hasura-role": "admin"}), {})
    assert inputs.text(n.SessionDocument("json")) == '{"x-hasura-role":"user"}'
    assert inputs.text(n.SessionValue("x-hasura-role", "text")) == "user"
