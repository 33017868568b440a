"""Two people, ada and bob: whatever bob asks for, nothing of ada's comes back, changes, or shows that it exists.

The cases are held against the schema itself: a root field without a case fails ``test_every_root_field_has_its_case``.
"""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from graphql import GraphQLObjectType

from hasura.engine.session import Session
from tests.engine.served import ADMIN, Chat, assistant, user

#: What bob may learn when he asks for anything of ada's: exactly what he learns of things that never existed.
#: root field -> (query, answer); ``$session`` is ada's session, ``$key`` and ``$message`` the keys of her rows,
#: ``$answer`` the id of her answer, ``$device`` her device, ``$ada`` her id. Each answer must be the same when the
#: variables name nothing at all.
READS = {
    "chat_sessions": (
        "query($session: uuid!) { chat_sessions(where: {session_id: {_eq: $session}}) { id } }",
        {"chat_sessions": []},
    ),
    "chat_sessions_by_pk": (
        "query($key: bigint!) { chat_sessions_by_pk(id: $key) { id title } }",
        {"chat_sessions_by_pk": None},
    ),
    "chat_sessions_aggregate": (
        "query($session: uuid!) { chat_sessions_aggregate(where: {session_id: {_eq: $session}})"
        " { aggregate { count max { title total_messages } } nodes { id } } }",
        {
            "chat_sessions_aggregate": {
                "aggregate": {"count": 0, "max": {"title": None, "total_messages": None}},
                "nodes": [],
            }
        },
    ),
    "chat_messages": (
        "query($session: uuid!) { chat_messages(where: {session_id: {_eq: $session}}) { content } }",
        {"chat_messages": []},
    ),
    "chat_messages_by_pk": (
        "query($message: bigint!) { chat_messages_by_pk(id: $message) { content } }",
        {"chat_messages_by_pk": None},
    ),
    "chat_messages_aggregate": (
        "query($session: uuid!) { chat_messages_aggregate(where: {session_id: {_eq: $session}})"
        " { aggregate { count min { id content } sum { id } } } }",
        {
            "chat_messages_aggregate": {
                "aggregate": {"count": 0, "min": {"id": None, "content": None}, "sum": {"id": None}}
            }
        },
    ),
    "chat_read_marks": (
        "query($session: uuid!) { chat_read_marks(where: {session_id: {_eq: $session}})"
        " { last_read_id session { unread_messages } } }",
        {"chat_read_marks": []},
    ),
    "chat_read_marks_by_pk": (
        "query($session: uuid!, $device: uuid!) { chat_read_marks_by_pk(session_id: $session,"
        " device_id: $device) { read_at } }",
        {"chat_read_marks_by_pk": None},
    ),
    "chat_session_categories": (
        "query($ada: uuid!) { chat_session_categories(where: {user_id: {_eq: $ada}}) { shelf category sessions } }",
        {"chat_session_categories": []},
    ),
    "sign_ins": (
        "query($ada: uuid!) { sign_ins(where: {user_id: {_eq: $ada}}) { browser last_used_at } }",
        {"sign_ins": []},
    ),
    "sign_ins_by_pk": (
        "query($device: uuid!) { sign_ins_by_pk(sign_in_id: $device) { system } }",
        {"sign_ins_by_pk": None},
    ),
    "token_usage": (
        "query($ada: uuid!) { token_usage(where: {user_id: {_eq: $ada}}) { day prompt_tokens } }",
        {"token_usage": []},
    ),
    "token_usage_by_pk": (
        'query($ada: uuid!) { token_usage_by_pk(user_id: $ada, day: "2026-01-02") { completion_tokens } }',
        {"token_usage_by_pk": None},
    ),
    "search_chat": (
        'query($session: uuid!) { search_chat(args: {query: "question or secret", target_session_id: $session})'
        " { user_id message_id title snippet } }",
        {"search_chat": []},
    ),
    "users": (
        "query($ada: uuid!) { users(where: {id: {_eq: $ada}}) { username sessions { id } } }",
        {"users": []},
    ),
    "users_by_pk": ("query($ada: uuid!) { users_by_pk(id: $ada) { username } }", {"users_by_pk": None}),
}
WRITES = {
    "insert_chat_sessions": None,  # see the tests below
    "insert_chat_sessions_one": None,
    "insert_chat_messages": None,
    "insert_chat_messages_one": None,
    "update_chat_sessions": (
        "mutation($session: uuid!) { update_chat_sessions(where: {session_id: {_eq: $session}},"
        ' _set: {title: "stolen"}) { affected_rows returning { id } } }',
        {"update_chat_sessions": {"affected_rows": 0, "returning": []}},
    ),
    "update_chat_sessions_by_pk": (
        "mutation($key: bigint!) { update_chat_sessions_by_pk(pk_columns: {id: $key},"
        " _set: {is_active: false}) { id } }",
        {"update_chat_sessions_by_pk": None},
    ),
    "update_chat_sessions_many": (
        "mutation($key: bigint!) { update_chat_sessions_many(updates: [{where: {id: {_eq: $key}},"
        ' _set: {title: "stolen"}}]) { affected_rows } }',
        {"update_chat_sessions_many": [{"affected_rows": 0}]},
    ),
    "delete_chat_sessions": (
        "mutation($session: uuid!) { delete_chat_sessions(where: {session_id: {_eq: $session}}) { affected_rows } }",
        {"delete_chat_sessions": {"affected_rows": 0}},
    ),
    "delete_chat_sessions_by_pk": (
        "mutation($key: bigint!) { delete_chat_sessions_by_pk(id: $key) { title } }",
        {"delete_chat_sessions_by_pk": None},
    ),
    "update_chat_messages": (
        "mutation($session: uuid!) { update_chat_messages(where: {session_id: {_eq: $session}},"
        ' _set: {content: "stolen"}, _append: {metadata: {by: "bob"}}) { affected_rows } }',
        {"update_chat_messages": {"affected_rows": 0}},
    ),
    "update_chat_messages_by_pk": (
        "mutation($message: bigint!) { update_chat_messages_by_pk(pk_columns: {id: $message},"
        ' _set: {content: "stolen"}) { id } }',
        {"update_chat_messages_by_pk": None},
    ),
    "update_chat_messages_many": (
        "mutation($message: bigint!) { update_chat_messages_many(updates: {where: {id: {_eq: $message}},"
        ' _set: {content: "stolen"}}) { affected_rows } }',
        {"update_chat_messages_many": [{"affected_rows": 0}]},
    ),
    "delete_chat_messages": (
        "mutation($session: uuid!) { delete_chat_messages(where: {session_id: {_eq: $session}})"
        " { affected_rows } }",
        {"delete_chat_messages": {"affected_rows": 0}},
    ),
    "delete_chat_messages_by_pk": (
        "mutation($message: bigint!) { delete_chat_messages_by_pk(id: $message) { id } }",
        {"delete_chat_messages_by_pk": None},
    ),
    "insert_chat_read_marks": None,
    "insert_chat_read_marks_one": None,
    "update_chat_read_marks": (
        "mutation($session: uuid!) { update_chat_read_marks(where: {session_id: {_eq: $session}},"
        " _set: {last_read_id: 1000000}) { affected_rows } }",
        {"update_chat_read_marks": {"affected_rows": 0}},
    ),
    "update_chat_read_marks_by_pk": (
        "mutation($session: uuid!, $device: uuid!) { update_chat_read_marks_by_pk(pk_columns:"
        " {session_id: $session, device_id: $device}, _inc: {last_read_id: 1}) { last_read_id } }",
        {"update_chat_read_marks_by_pk": None},
    ),
    "update_chat_read_marks_many": (
        "mutation($device: uuid!) { update_chat_read_marks_many(updates: {where: {device_id: {_eq: $device}},"
        " _set: {last_read_id: 1000000}}) { affected_rows } }",
        {"update_chat_read_marks_many": [{"affected_rows": 0}]},
    ),
    "choose_chat_message_version": (
        "mutation($answer: uuid!) { choose_chat_message_version(args: {target_message_id: $answer})"
        " { content } }",
        {"choose_chat_message_version": []},
    ),
    "choose_chat_message_version_aggregate": (
        "mutation($answer: uuid!) { choose_chat_message_version_aggregate("
        "args: {target_message_id: $answer}) { aggregate { count } } }",
        {"choose_chat_message_version_aggregate": {"aggregate": {"count": 0}}},
    ),
    "import_chat_session": None,
    "import_chat_session_aggregate": None,
    "rate_chat_message": (
        'mutation($answer: uuid!) { rate_chat_message(args: {target_message_id: $answer, rating: "down"})'
        " { content } }",
        {"rate_chat_message": []},
    ),
    "rate_chat_message_aggregate": (
        'mutation($answer: uuid!) { rate_chat_message_aggregate(args: {target_message_id: $answer, rating: "up"})'
        " { aggregate { count } } }",
        {"rate_chat_message_aggregate": {"aggregate": {"count": 0}}},
    ),
    "update_session_message_count": (
        "mutation($session: uuid!) { update_session_message_count(args: {target_session_id: $session})"
        " { session_id } }",
        {"update_session_message_count": []},
    ),
    "update_session_message_count_aggregate": (
        "mutation($session: uuid!) { update_session_message_count_aggregate("
        "args: {target_session_id: $session}) { aggregate { count } } }",
        {"update_session_message_count_aggregate": {"aggregate": {"count": 0}}},
    ),
}
STREAMS = {
    "chat_sessions_stream",
    "chat_session_categories_stream",
    "chat_messages_stream",
    "chat_read_marks_stream",
    "sign_ins_stream",
    "token_usage_stream",
    "users_stream",
}
#: The assistant's cases: a foreign one, and what is not its own in the session of its own user.
ASSISTANT = {
    "chat_messages",
    "chat_messages_by_pk",
    "chat_messages_stream",
    "insert_chat_messages",
    "insert_chat_messages_one",
    "update_chat_messages",
    "update_chat_messages_by_pk",
    "update_chat_messages_many",
}


def root_fields(chat: Chat, session: Session) -> dict[str, set[str]]:
    schema = chat.snapshot.role(session).schema
    roots: dict[str, GraphQLObjectType | None] = {
        "query": schema.query_type,
        "mutation": schema.mutation_type,
        "subscription": schema.subscription_type,
    }
    return {kind: set(root.fields) if root else set() for kind, root in roots.items()}


async def ada_s(chat: Chat) -> dict[str, Any]:
    """Keys of ada's rows."""
    session_id = chat.sessions[chat.ada]
    key = (await chat.fetch("SELECT id FROM chat_sessions WHERE session_id = %s", session_id))[0][0]
    message = (await chat.fetch("SELECT min(id) FROM chat_messages WHERE session_id = %s", session_id))[0][0]
    answer, device = (
        await chat.fetch(
            "SELECT m.message_id::text, r.device_id::text FROM chat_messages AS m"
            " JOIN chat_read_marks AS r USING (session_id) WHERE session_id = %s AND role = 'assistant'",
            session_id,
        )
    )[0]
    return {
        "session": str(session_id),
        "key": key,
        "message": message,
        "answer": answer,
        "device": device,
        "ada": str(chat.ada),
    }


def nobody_s() -> dict[str, Any]:
    """Keys of rows that never existed."""
    unknown = {name: str(uuid4()) for name in ("session", "answer", "device", "ada")}
    return unknown | {"key": 10**12, "message": 10**12}


def named_in(query: str, variables: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if f"${name}:" in query}


async def everything(chat: Chat) -> list[Any]:
    """Every row of ada's, to the last column."""
    return await chat.fetch(
        "SELECT to_jsonb(s)::text, (SELECT jsonb_agg(m ORDER BY m.id)::text FROM chat_messages m"
        " WHERE m.session_id = s.session_id), (SELECT jsonb_agg(r)::text FROM chat_read_marks r"
        " WHERE r.session_id = s.session_id) FROM chat_sessions s WHERE user_id = %s ORDER BY s.id",
        chat.ada,
    )


async def test_every_root_field_has_its_case(chat: Chat) -> None:
    fields = root_fields(chat, user(chat.bob))
    assert fields == {
        "query": set(READS),
        "mutation": set(WRITES),
        "subscription": set(READS) | STREAMS,
    }
    seen = root_fields(chat, assistant(chat.bob))
    assert seen["query"] | seen["mutation"] | seen["subscription"] == ASSISTANT


@pytest.mark.parametrize("field", READS)
async def test_a_foreign_row_reads_like_one_that_never_existed(chat: Chat, field: str) -> None:
    query, answer = READS[field]
    for variables in (await ada_s(chat), nobody_s()):
        assert await chat.ask(user(chat.bob), query, **named_in(query, variables)) == answer
    subscription = query.replace("query(", "subscription(", 1)
    plan = chat.live(user(chat.bob), subscription, **named_in(query, await ada_s(chat)))
    assert await chat.refresh(plan) == [answer]
    # The same question of ada's is answered: the cases do ask for something that is there.
    mine = await chat.ask(user(chat.ada), query, **named_in(query, await ada_s(chat)))
    assert mine != answer


@pytest.mark.parametrize("field", [name for name, case in WRITES.items() if case])
async def test_a_foreign_row_is_changed_like_one_that_never_existed(chat: Chat, field: str) -> None:
    case = WRITES[field]
    assert case is not None
    query, answer = case
    if field.startswith("delete_chat_sessions"):
        await chat.run("UPDATE chat_sessions SET is_active = false")  # only the trash is emptied
    before = await everything(chat)
    for variables in (await ada_s(chat), nobody_s()):
        assert await chat.ask(user(chat.bob), query, **named_in(query, variables)) == answer
    assert await everything(chat) == before
    mine = await chat.ask(user(chat.ada), query, **named_in(query, await ada_s(chat)))
    assert mine != answer


@pytest.mark.parametrize("session", ["ada's", "nobody's"])
@pytest.mark.parametrize("field", ["insert_chat_messages", "insert_chat_messages_one"])
async def test_a_message_into_a_foreign_session_fails_like_one_into_no_session(
    chat: Chat, field: str, session: str
) -> None:
    before = await everything(chat)
    target = str(chat.sessions[chat.ada]) if session == "ada's" else str(uuid4())
    argument, answer = ("objects", "affected_rows") if field == "insert_chat_messages" else ("object", "id")
    query = (
        f'mutation($s: uuid!) {{ {field}({argument}: {{session_id: $s, content: "hello"}}) {{ {answer} }} }}'
    )
    code, _, message = await chat.refusal(user(chat.bob), query, s=target)
    assert (code, message) == (
        "constraint-violation",
        'Foreign key violation. insert or update on table "chat_messages" violates foreign key constraint'
        ' "chat_messages_session_fkey"',
    )
    assert await everything(chat) == before


@pytest.mark.parametrize(
    ("field", "answer"),
    [("import_chat_session", "title"), ("import_chat_session_aggregate", "aggregate { count }")],
)
async def test_an_import_never_reaches_a_foreign_session(chat: Chat, field: str, answer: str) -> None:
    keys = await ada_s(chat)
    hello = {"message_id": str(uuid4()), "role": "assistant", "content": "hello"}
    payload = {
        "session": {
            "session_id": keys["session"],
            "origin_id": keys["session"],
            "title": "stolen",
            "category": "x",
        },
        "position": 0,
        "messages": [hello, hello | {"message_id": keys["answer"]}],
        "last": True,
    }
    query = f"mutation($payload: jsonb!) {{ {field}(args: {{payload: $payload}}) {{ {answer} }} }}"
    before = await everything(chat)
    nothing = [] if answer == "title" else {"aggregate": {"count": 0}}
    for who in (
        chat.bob,
        chat.ada,
    ):  # not even of hers: only a session that an import made is one that it goes on with
        assert await chat.ask(user(who), query, payload=payload) == {field: nothing}
    assert await everything(chat) == before
    # In a session of his own, her answer is not his, and an answer to her question is refused.
    payload["session"] = {"session_id": str(uuid4()), "title": "Mine", "category": "x"}
    payload["messages"] = [hello | {"reply_to": keys["answer"]}]
    assert (await chat.refusal(user(chat.bob), query, payload=payload))[0] == "constraint-violation"
    payload["messages"] = [hello | {"message_id": keys["answer"]}]
    await chat.ask(user(chat.bob), query, payload=payload)
    assert await chat.ask(user(chat.bob), '{ chat_messages(where: {content: {_eq: "hello"}}) { id } }') == {
        "chat_messages": []
    }


@pytest.mark.parametrize("session", ["ada's", "nobody's"])
@pytest.mark.parametrize("field", ["insert_chat_read_marks", "insert_chat_read_marks_one"])
async def test_a_mark_in_a_foreign_session_fails_like_one_in_no_session(
    chat: Chat, field: str, session: str
) -> None:
    before = await everything(chat)
    keys = await ada_s(chat) if session == "ada's" else nobody_s()
    argument, answer = (
        ("objects", "affected_rows") if field == "insert_chat_read_marks" else ("object", "read_at")
    )
    query = (
        f"mutation($session: uuid!, $device: uuid!) {{ {field}({argument}: {{session_id: $session,"
        " device_id: $device, last_read_id: 1000000}, on_conflict: {constraint: chat_read_marks_pkey,"
        f" update_columns: [last_read_id]}}) {{ {answer} }} }}"
    )
    code, _, message = await chat.refusal(user(chat.bob), query, **named_in(query, keys))
    assert (code, message) == (
        "constraint-violation",
        'Foreign key violation. insert or update on table "chat_read_marks" violates foreign key constraint'
        ' "chat_read_marks_session_fkey"',
    )
    assert await everything(chat) == before


async def test_a_user_chooses_among_answers_and_changes_nothing_else_of_them(chat: Chat) -> None:
    keys = await ada_s(chat)
    choose = WRITES["choose_chat_message_version"]
    assert choose is not None
    old = (await chat.fetch("SELECT chosen_at FROM chat_messages WHERE message_id = %s", keys["answer"]))[0]
    assert (await chat.ask(user(chat.ada), choose[0], answer=keys["answer"])) == {
        "choose_chat_message_version": [{"content": "an answer"}]
    }
    new = (await chat.fetch("SELECT chosen_at FROM chat_messages WHERE message_id = %s", keys["answer"]))[0]
    assert new > old
    (question,) = (
        await chat.fetch("SELECT message_id::text FROM chat_messages WHERE id = %s", keys["message"])
    )[0]
    assert await chat.ask(user(chat.ada), choose[0], answer=question) == {
        "choose_chat_message_version": [{"content": "a question"}]
    }
    rate = 'mutation($answer: uuid!) { rate_chat_message(args: {target_message_id: $answer, rating: "up"}) { rating } }'
    for rated, answer in ((keys["answer"], [{"rating": "up"}]), (question, [])):
        assert await chat.ask(user(chat.ada), rate, answer=rated) == {"rate_chat_message": answer}
    kept = (
        "chosen_at",
        "lease_until",
        "status",
        "reply_to",
        "edit_of",
        "branch",
        "place",
        "off_path",
        "versions",
    )
    for column in (*kept, "rating"):
        code, path, _ = await chat.refusal(
            user(chat.ada),
            f"mutation {{ update_chat_messages(where: {{}}, _set: {{{column}: null}}) {{ affected_rows }} }}",
        )
        assert (code, path.rpartition(".")[2]) == ("validation-failed", column)
    await chat.run("UPDATE chat_sessions SET is_active = false WHERE user_id = %s", chat.ada)
    assert await chat.ask(user(chat.ada), choose[0], answer=keys["answer"]) == {
        "choose_chat_message_version": []
    }


async def test_a_session_is_always_its_creator_s(chat: Chat) -> None:
    made = await chat.ask(
        user(chat.bob), 'mutation { insert_chat_sessions_one(object: {title: "mine"}) { user_id } }'
    )
    assert made == {"insert_chat_sessions_one": {"user_id": str(chat.bob)}}
    kept = (
        *("user_id", "total_messages", "is_active", "created_at", "id"),
        *("shelf", "auto_title", "deleted_at", "changed_at"),
    )
    for field in kept:
        code, path, _ = await chat.refusal(
            user(chat.bob),
            f"mutation {{ insert_chat_sessions(objects: {{{field}: null}}) {{ affected_rows }} }}",
        )
        assert (code, path.rpartition(".")[2]) == ("validation-failed", field)


async def test_a_session_is_deleted_from_the_trash_only_and_its_messages_with_it(chat: Chat) -> None:
    keys = await ada_s(chat)
    query = WRITES["delete_chat_sessions"]
    assert query is not None
    before = await everything(chat)
    assert await chat.ask(user(chat.ada), query[0], session=keys["session"]) == query[1]
    assert await everything(chat) == before
    await chat.run("UPDATE chat_sessions SET is_active = false WHERE user_id = %s", chat.ada)
    assert await chat.ask(user(chat.ada), query[0], session=keys["session"]) == {
        "delete_chat_sessions": {"affected_rows": 1}
    }
    assert await chat.fetch("SELECT FROM chat_messages WHERE user_id = %s", chat.ada) == []


async def test_an_upsert_over_a_foreign_row_changes_and_returns_nothing(chat: Chat) -> None:
    before = await everything(chat)
    (message_id,) = (
        await chat.fetch("SELECT message_id FROM chat_messages WHERE user_id = %s ORDER BY id", chat.ada)
    )[0]
    assert await chat.ask(
        user(chat.bob),
        'mutation($s: uuid!) { insert_chat_sessions(objects: {session_id: $s, title: "stolen"}, on_conflict:'
        ' {constraint: chat_sessions_session_id_key, update_columns: [title], where: {title: {_neq: ""}}})'
        " { affected_rows returning { title user_id } } }",
        s=str(chat.sessions[chat.ada]),
    ) == {"insert_chat_sessions": {"affected_rows": 0, "returning": []}}
    assert await chat.ask(
        user(chat.bob),
        "mutation($m: uuid!, $s: uuid!) { insert_chat_messages_one(object: {message_id: $m, session_id: $s,"
        ' content: "stolen"}, on_conflict: {constraint: chat_messages_message_id_key, update_columns: [content]})'
        " { content } }",
        m=str(message_id),
        s=str(chat.sessions[chat.bob]),
    ) == {"insert_chat_messages_one": None}
    assert await everything(chat) == before


@pytest.mark.parametrize("field", sorted(STREAMS))
async def test_a_stream_brings_own_rows_only(chat: Chat, field: str) -> None:
    table = field.removesuffix("_stream")
    owner = "id" if table == "users" else "user_id"
    cursor, start = {
        "users": ("created_at", "1970-01-01"),
        "chat_read_marks": ("last_read_id", 0),
        "chat_session_categories": ("sessions", 0),
        "sign_ins": ("signed_in_at", "1970-01-01"),
        "token_usage": ("day", "1970-01-01"),
    }.get(table, ("id", 0))
    query = (
        f"subscription {{ {field}(batch_size: 100, cursor: {{initial_value: {{{cursor}: {json.dumps(start)}}}}})"
        f" {{ {owner} }} }}"
    )
    bob, ada = chat.live(user(chat.bob), query), chat.live(user(chat.ada), query)
    assert bob.sql == ada.sql
    for person, (answer, _) in zip((chat.bob, chat.ada), await chat.refresh(bob, ada), strict=True):
        assert answer[field]
        assert {row[owner] for row in answer[field]} == {str(person)}


async def test_one_shared_refresh_answers_each_subscriber_with_own_rows(chat: Chat) -> None:
    query = "subscription { chat_messages(order_by: {id: asc}) { user_id session { title user { id } } } }"
    people = [chat.ada, chat.bob, uuid4()]
    plans = [chat.live(user(person), query) for person in people]
    answers = await chat.refresh(*plans)
    for person, answer in zip(people, answers, strict=True):
        assert {row["user_id"] for row in answer["chat_messages"]} == (
            {str(person)} & {str(chat.ada), str(chat.bob)}
        )
        for row in answer["chat_messages"]:
            assert row["session"] == {"title": f"secret of {person}", "user": {"id": str(person)}}


#: Ways to look at foreign rows through a condition: bob's own rows are asked for, ada's decide (or must not).
THROUGH = [
    "chat_sessions_aggregate(where: {_not: {user: {}}}) { aggregate { count } }",
    'chat_sessions_aggregate(where: {user: {sessions: {title: {_like: "%ADA%"}}}}) { aggregate { count } }',
    'chat_messages_aggregate(where: {session: {user: {sessions: {title: {_like: "%ADA%"}}}}}) { aggregate { count } }',
    'users(where: {sessions: {messages: {session: {title: {_like: "%ADA%"}}}}}) { id }',
    'chat_sessions(where: {_or: [{user_id: {_eq: "ADA"}}, {user: {id: {_eq: "ADA"}}}]}) { id }',
    'chat_sessions_aggregate(where: {_and: [], user_id: {_in: ["ADA"]}}) { nodes { id } }',
    'chat_messages(where: {_not: {_not: {user_id: {_neq: "BOB"}}}}) { id }',
    'chat_messages(where: {user_id: {_nin: ["BOB"]}}) { id }',
    'chat_messages(where: {_or: [{user_id: {_gt: "BOB"}}, {user_id: {_lt: "BOB"}}]}) { id }',
    'chat_sessions(where: {title: {_similar: "%ADA%"}}, order_by: {messages_aggregate: {count: desc}}) { id }',
    'chat_sessions(distinct_on: user_id, order_by: {user_id: asc}, where: {user_id: {_neq: "BOB"}}) { id }',
]


@pytest.mark.parametrize("text", THROUGH)
async def test_no_condition_reaches_foreign_rows(chat: Chat, text: str) -> None:
    query = f"{{ {text.replace('ADA', str(chat.ada)).replace('BOB', str(chat.bob))} }}"
    answer = await chat.ask(user(chat.bob), query)
    (found,) = answer.values()
    assert found in ([], {"aggregate": {"count": 0}}, {"nodes": []})


async def test_the_order_of_own_rows_says_nothing_of_foreign_ones(chat: Chat) -> None:
    """A user whose own rows point nowhere foreign sees the same order, whatever foreign rows hold."""
    query = (
        "{ chat_messages(order_by: [{session: {user: {sessions_aggregate: {count: desc, max: {title: desc}}}}},"
        " {session: {messages_aggregate: {max: {content: asc}}}}, {id: asc}]) { id } }"
    )
    before = await chat.ask(user(chat.bob), query)
    await chat.run("UPDATE chat_sessions SET title = 'zzz' WHERE user_id = %s", chat.ada)
    await chat.run("INSERT INTO chat_sessions (user_id) SELECT %s FROM generate_series(1, 9)", chat.ada)
    assert await chat.ask(user(chat.bob), query) == before
    assert len(before["chat_messages"]) == 2


async def test_nobody_reads_password_hashes_or_refresh_tokens(chat: Chat) -> None:
    for session in (user(chat.bob), assistant(chat.bob)):
        types = chat.snapshot.role(session).schema.type_map
        fields = {name for type_ in types.values() for name in getattr(type_, "fields", ())}
        assert not fields & {"password_hash", "password_set_at", "token_hash", "refresh_tokens"}
    assert "refresh_tokens" not in chat.snapshot.role(ADMIN).schema.type_map


async def test_the_audit_log_is_the_admins_alone(chat: Chat) -> None:
    for session in (user(chat.bob), assistant(chat.bob)):
        assert not [name for name in chat.snapshot.role(session).schema.type_map if "audit" in name]
        text = "{ audit_log { event user_id address } }"
        code, _, message = await chat.refusal(session, text)
        assert (code, "'audit_log'" in message) == ("validation-failed", True)
    found = await chat.ask(ADMIN, '{ audit_log(where: {event: {_eq: "account_created"}}) { user_id } }')
    assert str(chat.ada) in {row["user_id"] for row in found["audit_log"]}


async def test_a_session_without_a_user_id_is_refused_not_shown_everything(chat: Chat) -> None:
    for text in (
        "{ chat_sessions { id } }",
        "mutation { delete_chat_messages(where: {}) { affected_rows } }",
    ):
        assert await chat.refusal(Session("user"), text) == (
            "not-found",
            "$",
            'missing session variable: "x-hasura-user-id"',
        )


async def test_a_user_writes_questions_only(chat: Chat) -> None:
    mine = str(chat.sessions[chat.bob])
    for column in ("role", "status", "user_id", "timestamp", "reply_to", "id"):
        code, path, _ = await chat.refusal(
            user(chat.bob),
            f'mutation($s: uuid!) {{ insert_chat_messages_one(object: {{session_id: $s, content: "x",'
            f" {column}: null}}) {{ id }} }}",
            s=mine,
        )
        assert (code, path.rpartition(".")[2]) == ("validation-failed", column)
    assert (
        await chat.ask(
            user(chat.bob),
            'mutation { update_chat_messages(where: {role: {_eq: "assistant"}}, _set: {content: "forged"})'
            " { affected_rows } }",
        )
    ) == {"update_chat_messages": {"affected_rows": 0}}


async def test_the_assistant_sees_and_touches_its_own_user_s_answers_only(chat: Chat) -> None:
    before = await everything(chat)
    session = assistant(chat.bob)
    found = await chat.ask(session, "{ chat_messages { user_id role } }")
    assert found == {"chat_messages": [{"user_id": str(chat.bob), "role": "assistant"}]}
    plan = chat.live(
        session,
        "subscription { chat_messages_stream(batch_size: 9, cursor: {initial_value: {id: 0}}) { role } }",
    )
    ((answer, _),) = await chat.refresh(plan)
    assert answer == {"chat_messages_stream": [{"role": "assistant"}]}
    keys = await ada_s(chat)
    for variables in (keys, nobody_s()):
        assert await chat.ask(
            session,
            'mutation($m: bigint!) { a: update_chat_messages_by_pk(pk_columns: {id: $m}, _set: {content: "x"}) { id }'
            ' b: update_chat_messages_many(updates: {where: {id: {_eq: $m}}, _set: {status: "failed"}})'
            " { affected_rows } }",
            m=variables["message"],
        ) == {"a": None, "b": [{"affected_rows": 0}]}
    every = "mutation { update_chat_messages(where: {}, _set: {metadata: {}}) { affected_rows } }"
    assert await chat.ask(session, every) == {"update_chat_messages": {"affected_rows": 1}}
    questions = every.replace("{}", '{role: {_eq: "user"}}', 1)
    assert await chat.ask(session, questions) == {"update_chat_messages": {"affected_rows": 0}}
    for target in (keys["session"], str(uuid4())):
        for field, argument in (("insert_chat_messages", "objects"), ("insert_chat_messages_one", "object")):
            code, _, message = await chat.refusal(
                session,
                f'mutation($s: uuid!) {{ {field}({argument}: {{session_id: $s, content: "x"}}) {{ __typename }} }}',
                s=target,
            )
            assert (code, message.partition(".")[0]) == ("constraint-violation", "Foreign key violation")
    assert await everything(chat) == before


async def test_the_same_message_sent_fifty_times_at_once_is_one_message(chat: Chat) -> None:
    message_id, session_id = str(uuid4()), str(chat.sessions[chat.ada])
    query = (
        "mutation($m: uuid!, $s: uuid!) { insert_chat_messages(objects: {message_id: $m, session_id: $s,"
        ' content: "once"}, on_conflict: {constraint: chat_messages_message_id_key, update_columns: []})'
        " { affected_rows } }"
    )
    await chat.run("DELETE FROM chat_messages")
    answers = await asyncio.gather(
        *(chat.ask(user(chat.ada), query, m=message_id, s=session_id) for _ in range(50))
    )
    assert sorted(answer["insert_chat_messages"]["affected_rows"] for answer in answers) == [0] * 49 + [1]
    assert await chat.ask(
        user(chat.ada),
        "query($s: uuid!) { chat_sessions(where: {session_id: {_eq: $s}}) { total_messages"
        " messages_aggregate { aggregate { count } } } }",
        s=session_id,
    ) == {"chat_sessions": [{"total_messages": 1, "messages_aggregate": {"aggregate": {"count": 1}}}]}
