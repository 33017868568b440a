"""What a user opens most is one index scan, at any length: no sort, and no row read in vain."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.conftest import new_database
from tests.sql.conftest import new_user, one

USERS, SESSIONS_EACH, MESSAGES = 40, 250, 60_000


@pytest.fixture(scope="module", params=["postgres18", "postgres15"])
def full(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """10,000 sessions of 40 users, 500 with messages, one with ten times as many."""
    with (
        new_database(request.getfixturevalue(request.param), "migrated") as url,
        psycopg.connect(url, autocommit=True) as db,
    ):
        for n in range(USERS):
            new_user(db, f"user{n}")
        db.execute(
            "INSERT INTO chat_sessions (user_id, category, is_active, is_archived, is_pinned, updated_at)"
            " SELECT u.id, 'category ' || n %% 9, n %% 10 <> 0, n %% 3 = 0, n %% 50 = 1,"
            "        now() - n * interval '1 minute'"
            "   FROM users AS u, generate_series(1, %s) AS n",
            [SESSIONS_EACH],
        )
        db.execute(
            "INSERT INTO chat_messages (session_id, user_id, content)"
            " SELECT s.session_id, s.user_id, 'message ' || n"
            "   FROM generate_series(1, %s) AS n JOIN chat_sessions AS s"
            "     ON s.id = (SELECT min(id) FROM chat_sessions)"
            "             + CASE n %% 50 WHEN 0 THEN 0 ELSE n %% 500 END",
            [MESSAGES],
        )
        db.execute("ANALYZE")
        yield db


def scan_of(db: psycopg.Connection, statement: str, *parameters: object) -> dict[str, Any]:
    """The node under LIMIT, the only one: a scan of an index, already in the order asked for."""
    explained = one(db, f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *parameters)[0]
    limit = explained[0]["Plan"]
    assert limit["Node Type"] == "Limit", limit
    (scan,) = limit["Plans"]
    assert scan["Node Type"] in ("Index Scan", "Index Only Scan"), limit
    assert "Plans" not in scan, limit
    return scan


def busiest_session(db: psycopg.Connection) -> tuple[UUID, UUID]:
    return one(db, "SELECT session_id, user_id FROM chat_sessions ORDER BY total_messages DESC LIMIT 1")


OF_A_USER = "SELECT * FROM chat_sessions WHERE user_id = %s"
NEWEST_FIRST = "ORDER BY updated_at DESC, id DESC LIMIT 50"


@pytest.mark.parametrize("shelf", ["active", "archived", "trash"])
@pytest.mark.parametrize(
    ("condition", "index"),
    [("", "chat_sessions_list"), ("AND category = 'category 3'", "chat_sessions_list_by_category")],
)
def test_the_list_of_a_shelf_is_one_index_scan(
    full: psycopg.Connection, shelf: str, condition: str, index: str
) -> None:
    user = busiest_session(full)[1]
    scan = scan_of(full, f"{OF_A_USER} AND shelf = '{shelf}' {condition} {NEWEST_FIRST}", user)
    assert scan["Index Name"] == index
    assert "Filter" not in scan


def test_pinned_sessions_are_found_among_the_pinned_ones(full: psycopg.Connection) -> None:
    user = busiest_session(full)[1]
    scan = scan_of(full, f"{OF_A_USER} AND shelf = 'active' AND is_pinned = true {NEWEST_FIRST}", user)
    assert scan["Index Name"] == "chat_sessions_pinned"
    assert scan.get("Rows Removed by Filter", 0) <= 2


def test_what_changed_last_is_one_index_scan(full: psycopg.Connection) -> None:
    user = busiest_session(full)[1]
    scan = scan_of(full, f"{OF_A_USER} ORDER BY changed_at DESC, id DESC LIMIT 100", user)
    assert scan["Index Name"] == "chat_sessions_changes"
    assert "Filter" not in scan


def test_counting_the_categories_of_a_user_reads_nobody_elses_sessions(full: psycopg.Connection) -> None:
    full.execute("VACUUM chat_sessions")
    statement = "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM chat_session_categories WHERE user_id = %s"
    plan = one(full, statement, busiest_session(full)[1])[0][0]["Plan"]
    while "Plans" in plan:
        (plan,) = plan["Plans"]
    # Of the index alone, or of a bitmap of pages: which is cheaper depends on how wide the rows are.
    assert "user_id" in plan["Index Cond"]
    assert plan["Actual Rows"] == SESSIONS_EACH


# A row comparison, and the form of it that hasura_client says in GraphQL: of the textbook OR alone PostgreSQL
# makes no index condition and would read the list from its top.
AFTER_A_ROW = "AND (updated_at, id) < (%s, %s)"
AFTER_A_ROW_IN_GRAPHQL = "AND updated_at <= %s AND (updated_at < %s OR id < %s)"


@pytest.mark.parametrize("keyset", [AFTER_A_ROW, AFTER_A_ROW_IN_GRAPHQL], ids=["row", "graphql"])
def test_a_later_page_of_the_session_list_starts_in_the_middle_of_the_index(
    full: psycopg.Connection, keyset: str
) -> None:
    user = busiest_session(full)[1]
    shelf = f"{OF_A_USER} AND shelf = 'active'"
    at = one(full, f"{shelf.replace('*', 'updated_at, id')} ORDER BY updated_at LIMIT 1 OFFSET 100", user)
    parameters = [*[at[0]] * (keyset.count("%s") - 1), at[1]]
    scan = scan_of(full, f"{shelf} {keyset} {NEWEST_FIRST}", user, *parameters)
    assert scan["Index Name"] == "chat_sessions_list"
    assert "updated_at" in scan["Index Cond"]
    assert scan.get("Rows Removed by Filter", 0) <= 1


PAGE_OF_HISTORY = "SELECT * FROM chat_messages WHERE session_id = %s AND user_id = %s AND off_path = false"


@pytest.mark.parametrize(
    ("keyset", "order"),
    [("", "DESC"), ("AND place < %s", "DESC"), ("AND place > %s", "ASC")],
    ids=["newest", "older", "newer"],
)
def test_a_page_of_history_is_one_index_scan_whatever_lies_beside_it(
    full: psycopg.Connection, keyset: str, order: str
) -> None:
    """The row permission adds the user. Half of the messages belong to other versions, as if edited early on."""
    session, user = busiest_session(full)
    with full.transaction(force_rollback=True):
        full.execute("UPDATE chat_messages SET off_path = id %% 4 < 2 WHERE session_id = %s", [session])
        on_path = "SELECT place FROM chat_messages WHERE session_id = %s AND NOT off_path ORDER BY place"
        middle = one(full, f"{on_path} LIMIT 1 OFFSET 300", session)
        parameters = [session, user, *(middle if keyset else ())]
        scan = scan_of(full, f"{PAGE_OF_HISTORY} {keyset} ORDER BY place {order} LIMIT 50", *parameters)
    assert scan["Index Name"] == "chat_messages_path"
    assert scan["Actual Rows"] == 50
    assert scan.get("Rows Removed by Filter", 0) == 0


def test_counting_unread_answers_is_one_range_of_the_index(full: psycopg.Connection) -> None:
    (function,) = one(full, "SELECT prosrc FROM pg_proc WHERE proname = 'chat_sessions_unread_messages'")
    inner = function[function.index("(SELECT FROM") + 1 : function.index(") AS unread")]
    session, _ = busiest_session(full)
    newest = one(full, "SELECT max(id) - 500 FROM chat_messages WHERE session_id = %s", session)
    statement = inner.replace("session.session_id", "%s").replace("session.last_read_id", "%s")
    scan = scan_of(full, statement, session, *newest)
    assert scan["Index Name"] == "chat_messages_unread"
    assert "id" in scan["Index Cond"]


def test_the_answers_of_a_user_that_are_under_way_are_one_small_index(full: psycopg.Connection) -> None:
    _, user = busiest_session(full)
    statement = "SELECT FROM chat_messages WHERE user_id = %s AND status = 'streaming' LIMIT 100"
    scan = scan_of(full, statement, user)
    assert scan["Index Name"] == "chat_messages_streaming"
