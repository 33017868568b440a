"""PDF: every script in a font that has it, nothing of a message taken for markup."""

import re
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

import pytest

from backend.services.hasura_client import ChatMessage, ChatSession
from backend.services.transfer import pdf
from backend.services.transfer.blocks import Block, blocks_of
from backend.services.transfer.pdf_text import BODY, lines_in_order, markup

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain & <b>", "plain &amp; &lt;b&gt;"),
        ("Grüße, Привет", "Grüße, Привет"),
        ("旅行", '<font name="Han">旅行</font>'),
        ("한국", '<font name="Hangul">한국</font>'),
        ("a 旅 b", 'a <font name="Han">旅</font> b'),
        ("\U0001f600", '<font name="Mono">□</font>'),
    ],
)
def test_each_character_is_in_a_font_that_has_it(text: str, expected: str) -> None:
    assert re.sub(r'<font name="\w+">□', '<font name="Mono">□', markup(text, BODY)) == expected


def test_right_to_left_lines_are_broken_before_they_are_turned() -> None:
    text = " ".join(["אבג"] * 40)
    lines = lines_in_order(text, BODY, 10, 200)
    assert len(lines) > 1
    assert all(set(line.split()) == {"גבא"} for line in lines)
    assert sum(len(line.split()) for line in lines) == 40
    first, *_ = lines_in_order("ראשון שני 123", BODY, 10, 500)
    assert first == "123 ינש ןושאר"


def test_markdown_is_told_by_its_blocks() -> None:
    text = "# Head\n\n- one\n  - two\n\n> *quote* [a](https://x.example)\n\n```py\ncode\n```\n\n"
    text += "| a | b |\n|---|---|\n| 1 | 2 |"
    assert list(blocks_of(text)) == [
        Block("heading", "Head", 0),
        Block("text", "• one", 1),
        Block("text", "• two", 2),
        Block("text", "quote a (https://x.example)", 1),
        Block("code", "code\n", 0),
        Block("text", "a | b", 0),
        Block("text", "1 | 2", 0),
    ]


HOSTILE = [
    '<img src="http://127.0.0.1:9/x.png"/><b>',
    "![x](http://127.0.0.1:9/x.png)",
    '</para><font name="none" size="1000000">',
    "<!-- {nb} &#0; &unknown; ]]>",
    "`" * 3000 + "*" * 3000 + "[" * 3000,
    "> " * 2000,
    "x" * 20_000,
    "\u202e\u2066\ufeff\u0000\ud7ff",
    "",
]


@pytest.mark.parametrize("role", ["user", "assistant"])
async def test_hostile_text_is_text(role: Literal["user", "assistant"]) -> None:
    session = ChatSession.model_construct(
        title=HOSTILE[0], category="<b>", created_at=NOW, session_id=uuid4()
    )
    messages = [
        ChatMessage.model_construct(role=role, content=each, timestamp=NOW, status="complete")
        for each in HOSTILE
    ]
    document = await pdf.document(session, messages, 1)
    assert document.startswith(b"%PDF-")
    assert document.rstrip().endswith(b"%%EOF")
    assert b"/URI" not in document


async def test_a_long_session_is_several_documents() -> None:
    async def pages() -> object:
        for _ in range(12):
            yield [ChatMessage.model_construct(content="x" * 1000)] * 200

    parts = [len(part) async for part in pdf.parts(pages())]  # type: ignore[arg-type]
    assert parts == [1000, 1000, 400]
