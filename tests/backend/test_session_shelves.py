"""Sessions are pinned, archived, moved, deleted and restored, one or many, and every tab hears of it."""

from __future__ import annotations

from contextlib import aclosing
from uuid import UUID, uuid4

import pytest

from backend.services.hasura_client import ChatSession, HasuraClient, InvalidInput, NotFound
from tests.backend.conftest import Person
from tests.backend.test_hasura_client import _next, _until


@pytest.fixture
def token(ada: Person) -> str:
    return ada.access_token


def ids(sessions: list[ChatSession]) -> list[UUID]:
    return [session.session_id for session in sessions]


async def test_each_shelf_is_a_list_and_a_pin_a_filter(hasura: HasuraClient, token: str) -> None:
    kept, pinned, archived, gone = [
        (await hasura.create_chat_session(token, title=title)).session_id for title in "abcd"
    ]
    await hasura.update_chat_session(token, pinned, is_pinned=True)
    await hasura.update_chat_session(token, archived, is_archived=True)
    await hasura.delete_chat_session(token, gone)

    async def listed(**which: object) -> list[UUID]:
        return ids((await hasura.get_user_chat_sessions(token, **which)).items)

    assert await listed() == [pinned, kept]
    assert await listed(pinned=True) == [pinned]
    assert await listed(pinned=False) == [kept]
    assert await listed(shelf="archived") == [archived]
    assert await listed(shelf="trash") == [gone]


async def test_a_pin_and_what_the_model_is_told_move_nothing(hasura: HasuraClient, token: str) -> None:
    session = await hasura.create_chat_session(token)
    changed = await hasura.update_chat_session(
        token, session.session_id, is_pinned=True, system_prompt="Be brief.", temperature=0.2
    )
    assert (changed.is_pinned, changed.system_prompt, changed.temperature) == (True, "Be brief.", 0.2)
    assert changed.updated_at == session.updated_at
    assert changed.changed_at > session.changed_at


async def test_none_removes_what_the_model_is_told_and_nothing_else(hasura: HasuraClient, token: str) -> None:
    session = await hasura.create_chat_session(token, title="Mine", system_prompt="Be brief.", temperature=0)
    assert (session.system_prompt, session.temperature) == ("Be brief.", 0)
    same = await hasura.update_chat_session(token, session.session_id, title=None, category="work")
    assert (same.title, same.system_prompt, same.temperature) == ("Mine", "Be brief.", 0)
    bare = await hasura.update_chat_session(token, session.session_id, system_prompt=None, temperature=None)
    assert (bare.title, bare.system_prompt, bare.temperature) == ("Mine", None, None)


async def test_a_name_that_somebody_chose_is_not_a_machines(hasura: HasuraClient, token: str) -> None:
    session = await hasura.create_chat_session(token, title="What is a", auto_title=True)
    assert session.auto_title
    named = await hasura.name_chat_session(token, session.session_id, "Cursors")
    assert named is not None
    assert (named.title, named.auto_title) == ("Cursors", True)
    for title in ("Mine", "Cursors"):
        renamed = await hasura.update_chat_session(token, session.session_id, title=title)
        assert (renamed.title, renamed.auto_title) == (title, False)
        assert await hasura.name_chat_session(token, session.session_id, "No") is None


async def test_who_names_a_session_can_be_said(hasura: HasuraClient, token: str) -> None:
    session_id = (await hasura.create_chat_session(token)).session_id
    assert not (await hasura.update_chat_session(token, session_id, auto_title=False)).auto_title
    with pytest.raises(InvalidInput):
        await hasura.update_chat_session(token, session_id, auto_title=True)
    again = await hasura.update_chat_session(token, session_id, title="A first line", auto_title=True)
    assert (again.title, again.auto_title) == ("A first line", True)
    assert not (await hasura.create_chat_session(token, title="Mine")).auto_title
    assert (await hasura.create_chat_session(token)).auto_title


async def test_many_change_at_once_and_only_ones_own(hasura: HasuraClient, token: str, bob: Person) -> None:
    mine = [(await hasura.create_chat_session(token)).session_id for _ in range(3)]
    foreign = (await hasura.create_chat_session(bob.access_token)).session_id
    await hasura.delete_chat_session(token, mine[2])
    moved = await hasura.update_chat_sessions(
        token, [*mine, foreign, uuid4()], category="work", is_pinned=True
    )
    assert {s.session_id for s in moved} == set(mine[:2])
    assert {(s.category, s.is_pinned) for s in moved} == {("work", True)}
    assert (await hasura.get_chat_session(bob.access_token, foreign)).category == "general"
    restored = await hasura.update_chat_sessions(token, [mine[2], foreign], is_active=True)
    assert ids(restored) == [mine[2]]
    assert await hasura.update_chat_sessions(token, [], is_active=False) == []
    with pytest.raises(InvalidInput):
        await hasura.update_chat_sessions(token, [uuid4()] * 501, is_pinned=True)
    with pytest.raises(InvalidInput):
        await hasura.delete_forever(token, [uuid4()] * 501)


async def test_only_the_trash_is_deleted_forever_with_its_messages(
    hasura: HasuraClient, token: str, bob: Person
) -> None:
    kept, gone = [(await hasura.create_chat_session(token)).session_id for _ in range(2)]
    foreign = (await hasura.create_chat_session(bob.access_token)).session_id
    message = await hasura.add_chat_message(token, gone, "gone")
    await hasura.delete_chat_session(token, gone)
    await hasura.delete_chat_session(bob.access_token, foreign)
    assert await hasura.delete_forever(token, [kept, gone, foreign]) == 1
    assert await hasura.get_chat_message(token, message.message_id) is None
    with pytest.raises(NotFound):
        await hasura.update_chat_session(token, gone, is_active=True)
    await hasura.get_chat_session(token, kept)
    assert await hasura.update_chat_session(bob.access_token, foreign, is_active=True)


async def test_whatever_changed_comes_first_in_the_feed(hasura: HasuraClient, token: str) -> None:
    one, two = [(await hasura.create_chat_session(token)).session_id for _ in range(2)]
    async with aclosing(hasura.watch_changed_sessions(token, limit=2)) as feed:
        assert ids(await _next(feed)) == [two, one]
        await hasura.update_chat_session(token, one, is_pinned=True)
        pinned = await _until(feed, lambda state: ids(state) == [one, two])
        assert pinned[0].is_pinned
        await hasura.delete_chat_session(token, two)
        deleted = await _until(feed, lambda state: ids(state) == [two, one])
        assert deleted[0].shelf == "trash"
        await hasura.delete_forever(token, [two])
        await _until(feed, lambda state: ids(state) == [one])


async def test_what_lies_where_is_counted_live(hasura: HasuraClient, token: str) -> None:
    session_id = (await hasura.create_chat_session(token, category="work")).session_id
    async with aclosing(hasura.watch_categories(token)) as counts:
        for shelf, changes in (
            ("active", {}),
            ("archived", {"is_archived": True}),
            ("trash", {"is_active": False}),
        ):
            await hasura.update_chat_session(token, session_id, **changes)
            state = await _until(counts, lambda state, shelf=shelf: state[0].shelf == shelf)
            assert [(c.category, c.sessions) for c in state] == [("work", 1)]
        await hasura.delete_forever(token, [session_id])
        await _until(counts, lambda state: state == [])
