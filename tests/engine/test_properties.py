"""Whatever a person asks for and writes, the engine answers what a model in plain Python answers over the same rows.

Two people share a database; each sees the world through own eyes only, so a leak is a difference.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Literal

from backend.embedded_postgres import EmbeddedPostgres
from tests.conftest import new_database
from tests.engine.served import Chat, serving_chat, user

#: Of each of the four tests here and in test_properties_of_roles; `pytest --hypothesis-profile=thorough` tries more.
EXAMPLES = 550 if settings.get_current_profile_name() == "default" else settings().max_examples

WORDS = ["a", "b", "A b", "50%", "_", "it's", 'say "hi"', "\\", "Zoë", "%s"]
CATEGORIES = ["general", "work", "x"]


@dataclass
class Row:
    """A session, with its messages' texts; ``owner`` is 0 for ada, 1 for bob."""

    owner: int
    title: str
    category: str
    is_active: bool
    messages: list[str] = field(default_factory=list)


# -- conditions: a GraphQL literal and what it means ----------------------------------------------------------

#: of a row, among all rows of its owner
Meaning = Callable[[Row, list[Row]], bool]


@dataclass(frozen=True)
class Where:
    literal: str
    holds: Meaning

    def __repr__(self) -> str:
        return self.literal


def _text(column: str) -> st.SearchStrategy[Where]:
    values = st.sampled_from(WORDS if column == "title" else CATEGORIES)

    def equal(value: str) -> Where:
        return Where(
            f"{{{column}: {{_eq: {json.dumps(value)}}}}}", lambda row, _own: getattr(row, column) == value
        )

    def unequal(value: str) -> Where:
        return Where(
            f"{{{column}: {{_neq: {json.dumps(value)}}}}}", lambda row, _own: getattr(row, column) != value
        )

    def among(chosen: list[str], operator: str) -> Where:
        return Where(
            f"{{{column}: {{{operator}: {json.dumps(chosen)}}}}}",
            lambda row, _own: (getattr(row, column) in chosen) == (operator == "_in"),
        )

    def between(low: str, high: str) -> Where:
        return Where(
            f"{{{column}: {{_gte: {json.dumps(low)}, _lte: {json.dumps(high)}}}}}",
            lambda row, _own: low <= getattr(row, column) <= high,
        )

    lists = st.lists(values, max_size=3)
    return st.one_of(
        values.map(equal),
        values.map(unequal),
        st.builds(among, lists, st.sampled_from(["_in", "_nin"])),
        st.builds(between, values, values),
    )


def _flag(value: bool) -> Where:
    return Where(f"{{is_active: {{_eq: {json.dumps(value)}}}}}", lambda row, _own: row.is_active is value)


def _count(operator: str, number: int) -> Where:
    compare: dict[str, Callable[[int], bool]] = {
        "_eq": number.__eq__,
        "_gt": number.__lt__,
        "_lte": number.__ge__,
    }
    return Where(
        f"{{total_messages: {{{operator}: {number}}}}}",
        lambda row, _own: compare[operator](len(row.messages)),
    )


def _has_message(text: str) -> Where:
    return Where(
        f"{{messages: {{content: {{_eq: {json.dumps(text)}}}}}}}", lambda row, _own: text in row.messages
    )


def _and(items: list[Where]) -> Where:
    literal = ", ".join(item.literal for item in items)
    return Where(f"{{_and: [{literal}]}}", lambda row, own: all(item.holds(row, own) for item in items))


def _or(items: list[Where]) -> Where:
    literal = ", ".join(item.literal for item in items)
    return Where(f"{{_or: [{literal}]}}", lambda row, own: any(item.holds(row, own) for item in items))


def _not(item: Where) -> Where:
    return Where(f"{{_not: {item.literal}}}", lambda row, own: not item.holds(row, own))


def _through_user(item: Where) -> Where:
    """Sessions whose owner has a session like that: the path that would find other people's rows."""
    return Where(
        f"{{user: {{sessions: {item.literal}}}}}",
        lambda _row, own: any(item.holds(other, own) for other in own),
    )


_leaf = st.one_of(
    st.just(Where("{}", lambda _row, _own: True)),
    _text("title"),
    _text("category"),
    st.booleans().map(_flag),
    st.builds(_count, st.sampled_from(["_eq", "_gt", "_lte"]), st.integers(0, 3)),
    st.sampled_from(WORDS).map(_has_message),
)
wheres = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(_and), st.lists(inner, max_size=3).map(_or), inner.map(_not)
    ),
    max_leaves=6,
)

_COLUMNS = ("title", "category", "is_active", "total_messages")
orders = st.lists(
    st.tuples(st.sampled_from(_COLUMNS), st.sampled_from(["asc", "desc"])),
    max_size=3,
    unique_by=lambda item: item[0],
)
rows = st.builds(
    Row,
    owner=st.integers(0, 1),
    title=st.sampled_from(WORDS),
    category=st.sampled_from(CATEGORIES),
    is_active=st.booleans(),
    messages=st.lists(st.sampled_from(WORDS), max_size=3),
)
worlds = st.lists(rows, max_size=8)


def _value(row: Row, column: str) -> Any:
    return len(row.messages) if column == "total_messages" else getattr(row, column)


def _sorted(found: list[Row], order: list[tuple[str, str]]) -> list[Row]:
    for column, direction in reversed(order):
        found = sorted(found, key=lambda row: _value(row, column), reverse=direction == "desc")
    return found


# -- the real thing -------------------------------------------------------------------------------------------


_FILL = SQL("""
DELETE FROM chat_sessions;
INSERT INTO chat_sessions (session_id, user_id, title, category, is_active)
    SELECT session_id, user_id, title, category, is_active FROM json_populate_recordset(NULL::chat_sessions, {});
INSERT INTO chat_messages (session_id, user_id, content)
    SELECT session_id, user_id, content FROM json_populate_recordset(NULL::chat_messages, {});
""")


class World(Chat):
    """A database that is filled anew for each example."""

    async def fill(self, world: list[Row]) -> None:
        """These sessions and no others, in one round trip."""
        people, ids = (self.ada, self.bob), [uuid4() for _ in world]
        sessions = [
            {"session_id": str(id_), "user_id": str(people[row.owner]), "title": row.title}
            | {"category": row.category, "is_active": row.is_active}
            for id_, row in zip(ids, world, strict=True)
        ]
        messages = [
            {"session_id": str(id_), "user_id": str(people[row.owner]), "content": text}
            for id_, row in zip(ids, world, strict=True)
            for text in row.messages
        ]
        async with self.pool.connection() as connection:
            await connection.execute(
                _FILL.format(Literal(json.dumps(sessions)), Literal(json.dumps(messages)))
            )

    async def held(self) -> list[Row]:
        """Every session of the database, past all permissions, in order of creation."""
        found = await self.fetch(
            "SELECT s.user_id, s.title, s.category, s.is_active, s.total_messages,"
            " ARRAY(SELECT m.content FROM chat_messages m WHERE m.session_id = s.session_id ORDER BY m.id)"
            " FROM chat_sessions s ORDER BY s.id"
        )
        assert all(total == len(messages) for *_, total, messages in found)
        return [
            Row(0 if owner == self.ada else 1, title, category, active, list(messages))
            for owner, title, category, active, _, messages in found
        ]


@pytest.fixture(scope="module")
async def world(postgres18: EmbeddedPostgres, migrated_template: str) -> AsyncIterator[World]:
    with new_database(postgres18, migrated_template) as url:
        async with serving_chat(url) as chat:
            # The model compares by code points, and so does the database.
            assert await chat.fetch("SELECT 'a' > 'B' COLLATE \"default\"") == [(True,)]
            found = World(chat.snapshot, chat.pool)
            found.ada, found.bob, found.sessions = chat.ada, chat.bob, chat.sessions
            yield found


def _seen(rows_: Iterable[Row], person: int, where: Where) -> list[Row]:
    own = [row for row in rows_ if row.owner == person]
    return [row for row in own if where.holds(row, own)]


def _shown(row: Row) -> dict[str, Any]:
    return {
        "title": row.title,
        "category": row.category,
        "is_active": row.is_active,
        "total_messages": len(row.messages),
        "messages": [{"content": text} for text in row.messages],
        "messages_aggregate": {"aggregate": {"count": len(row.messages)}},
    }


_FIELDS = (
    "title category is_active total_messages messages(order_by: {id: asc}) { content }"
    " messages_aggregate { aggregate { count } }"
)
_any_where = st.one_of(wheres, wheres.map(_through_user))
_examples = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_examples
@given(
    rows_=worlds,
    person=st.integers(0, 1),
    where=_any_where,
    order=orders,
    limit=st.none() | st.integers(0, 5),
    offset=st.none() | st.integers(0, 4),
)
async def test_reads_answer_what_the_model_answers(
    world: World,
    rows_: list[Row],
    person: int,
    where: Where,
    order: list[tuple[str, str]],
    limit: int | None,
    offset: int | None,
) -> None:
    await world.fill(rows_)
    keys = "".join(f"{{{column}: {direction}}}, " for column, direction in order)
    query = (
        f"query($limit: Int, $offset: Int) {{ chat_sessions(where: {where}, order_by: [{keys}{{id: asc}}],"
        f" limit: $limit, offset: $offset) {{ {_FIELDS} }}"
        f" chat_sessions_aggregate(where: {where}) {{ aggregate {{ count sum {{ total_messages }} }} }} }}"
    )
    answer = await world.ask(user((world.ada, world.bob)[person]), query, limit=limit, offset=offset)
    seen = _seen(rows_, person, where)
    start = offset or 0
    expected = _sorted(seen, order)[start : None if limit is None else start + limit]
    assert answer["chat_sessions"] == [_shown(row) for row in expected]
    assert answer["chat_sessions_aggregate"]["aggregate"] == {
        "count": len(seen),
        "sum": {"total_messages": sum(len(row.messages) for row in seen) if seen else None},
    }


@dataclass(frozen=True)
class Change:
    """A mutation of one person, and what it does to the model; ``apply`` answers the affected rows."""

    literal: str
    apply: Callable[[list[Row], int], int]

    def __repr__(self) -> str:
        return self.literal


def _update(where: Where, title: str, category: str | None) -> Change:
    given_ = {"title": title} | ({"category": category} if category else {})

    def apply(rows_: list[Row], person: int) -> int:
        touched = _seen(rows_, person, where)
        for row in touched:
            row.title = title
            row.category = category or row.category
        return len(touched)

    values = ", ".join(f"{name}: {json.dumps(value)}" for name, value in given_.items())
    return Change(f"update_chat_sessions(where: {where}, _set: {{{values}}}) {{ affected_rows }}", apply)


def _clear(where: Where, text: str | None) -> Change:
    def apply(rows_: list[Row], person: int) -> int:
        removed = 0
        for row in _seen(rows_, person, where):
            kept = [message for message in row.messages if text is not None and message != text]
            removed += len(row.messages) - len(kept)
            row.messages = kept
        return removed

    content = "" if text is None else f"content: {{_eq: {json.dumps(text)}}}, "
    return Change(f"delete_chat_messages(where: {{{content}session: {where}}}) {{ affected_rows }}", apply)


def _insert(titles: list[str], category: str) -> Change:
    def apply(rows_: list[Row], person: int) -> int:
        rows_ += [Row(person, title, category, is_active=True) for title in titles]
        return len(titles)

    objects = ", ".join(
        f"{{title: {json.dumps(title)}, category: {json.dumps(category)}}}" for title in titles
    )
    return Change(f"insert_chat_sessions(objects: [{objects}]) {{ affected_rows }}", apply)


def _reword(where: Where, text: str) -> Change:
    def apply(rows_: list[Row], person: int) -> int:
        touched = _seen(rows_, person, where)
        for row in touched:
            row.messages = [text] * len(row.messages)
        return sum(len(row.messages) for row in touched)

    literal = f"update_chat_messages(where: {{session: {where}}}, _set: {{content: {json.dumps(text)}}})"
    return Change(f"{literal} {{ affected_rows }}", apply)


_words = st.sampled_from(WORDS)
changes = st.one_of(
    st.builds(_update, _any_where, _words, st.none() | st.sampled_from(CATEGORIES)),
    st.builds(_clear, _any_where, st.none() | _words),
    st.builds(_insert, st.lists(_words, max_size=3), st.sampled_from(CATEGORIES)),
    st.builds(_reword, _any_where, _words),
)


@_examples
@given(
    rows_=worlds,
    steps=st.lists(st.tuples(st.integers(0, 1), st.lists(changes, min_size=1, max_size=2)), max_size=4),
)
async def test_writes_of_two_people_leave_what_the_model_leaves(
    world: World, rows_: list[Row], steps: list[tuple[int, list[Change]]]
) -> None:
    await world.fill(rows_)
    for person, together in steps:
        literal = " ".join(f"m{place}: {change}" for place, change in enumerate(together))
        answer = await world.ask(user((world.ada, world.bob)[person]), f"mutation {{ {literal} }}")
        assert [part["affected_rows"] for part in answer.values()] == [
            change.apply(rows_, person) for change in together
        ]
    assert await world.held() == rows_
