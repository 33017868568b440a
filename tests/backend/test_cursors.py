"""Cursors are read back as written, and nothing else is read at all."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.hasura_client import ChatSession, InvalidInput, cursors

_ids = st.integers(min_value=0, max_value=2**63 - 1)


@given(st.datetimes(timezones=st.just(UTC)), _ids)
def test_a_session_cursor_keeps_every_microsecond(moment: datetime, row: int) -> None:
    session = ChatSession(
        id=row,
        session_id=uuid4(),
        user_id=uuid4(),
        title="t",
        category="c",
        total_messages=0,
        is_active=True,
        created_at=moment,
        updated_at=moment,
        last_message_at=None,
        last_read_id=0,
        unread_messages=0,
        revision=0,
        is_pinned=False,
        is_archived=False,
        shelf="active",
        deleted_at=None,
        changed_at=moment,
        auto_title=False,
        system_prompt=None,
        temperature=None,
    )
    assert cursors.read_session_cursor(cursors.after_session(session)) == (moment, row)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_anything_else_is_refused_and_nothing_breaks(text: str) -> None:
    for read in (cursors.read_session_cursor, cursors.read_message_cursor):
        try:
            read(text)
        except InvalidInput:
            continue
        # What was read is a number in bounds, or a moment with a zone and one.
        assert base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_").decode().strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "====",
        "!!!!",
        "\x00",
        "é",
        *(
            base64.urlsafe_b64encode(t.encode()).decode()
            for t in (
                "-1",
                "1.5",
                str(2**63),
                "9" * 30,
                "٣",
                "2026-01-01 5",
                "2026-01-01T00:00:00+00:00",
                "now 5",
                " 5",
                "2026-01-01T00:00:00+00:00 x",
            )
        ),
    ],
)
def test_these_are_malformed(text: str) -> None:
    for read in (cursors.read_session_cursor, cursors.read_message_cursor):
        with pytest.raises(InvalidInput):
            read(text)
