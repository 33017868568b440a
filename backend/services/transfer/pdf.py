"""A session as PDF. A long one is several documents, since a document is in memory until it is done."""

from __future__ import annotations

import asyncio
import io
import re
import threading
from typing import TYPE_CHECKING, Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, HRFlowable, Paragraph, SimpleDocTemplate, Spacer, XPreformatted

from backend.services.transfer import markdown
from backend.services.transfer.blocks import Block, blocks_of
from backend.services.transfer.pdf_text import (
    BODY,
    BOLD,
    MONO,
    begins_right_to_left,
    is_right_to_left,
    lines_in_order,
    load,
    markup,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterator

    from backend.services.hasura_client import ChatMessage, ChatSession

#: Of one document.
MOST_MESSAGES, LONGEST_TEXT = 1000, 2_000_000
MARGIN = 20 * mm
#: Of the text: ReportLab's frames have 6 points on either side.
WIDTH = A4[0] - 2 * MARGIN - 12
_CODE_COLUMNS = 88
_INK, _GREY, _RULE, _PAPER = (HexColor(code) for code in ("#1d1d1f", "#6b6b70", "#d9d9de", "#f4f4f6"))

_TEXT = ParagraphStyle("text", fontName=BODY, fontSize=10, leading=14.5, textColor=_INK, spaceAfter=5)
_STYLES = {
    "title": ParagraphStyle("title", _TEXT, fontName=BOLD, fontSize=19, leading=24, spaceAfter=4),
    "about": ParagraphStyle("about", _TEXT, fontSize=9, leading=12, textColor=_GREY, spaceAfter=8),
    "who": ParagraphStyle("who", _TEXT, fontName=BOLD, fontSize=9, leading=12, textColor=_GREY, keepWithNext=1),
    "heading": ParagraphStyle("heading", _TEXT, fontName=BOLD, fontSize=12, leading=16, spaceBefore=4, keepWithNext=1),
    "code": ParagraphStyle("code", _TEXT, fontName=MONO, fontSize=8.2, leading=11.5, backColor=_PAPER, borderPadding=5,
                           leftIndent=5, rightIndent=5, spaceBefore=7, spaceAfter=11),
}  # fmt: skip
#: Longer than a line: ReportLab would measure it again for every line of it.
_LONG_WORD = re.compile(r"([!-~]{85})(?=[!-~])")
#: ReportLab's fonts are one for the process, and a document is a lot of work: one at a time.
_ONE_AT_A_TIME = threading.Lock()


async def parts(messages: AsyncIterable[list[ChatMessage]]) -> AsyncGenerator[list[ChatMessage], None]:
    """As many messages as one document may have, at a time; an empty part where there are none at all."""
    part: list[ChatMessage] = []
    length = 0
    some = False
    async for page in messages:
        for message in page:
            if part and (len(part) >= MOST_MESSAGES or length + len(message.content) > LONGEST_TEXT):
                yield part
                some, part, length = True, [], 0
            part.append(message)
            length += len(message.content)
    if part or not some:
        yield part


async def document(session: ChatSession, messages: list[ChatMessage], part: int) -> bytes:
    """:param part: 1 for the first, which does not say so."""
    return await asyncio.to_thread(_document, session, messages, part)


def _document(session: ChatSession, messages: list[ChatMessage], part: int) -> bytes:
    with _ONE_AT_A_TIME:
        load()
        out = io.BytesIO()
        title = " ".join(session.title.split())
        template = SimpleDocTemplate(
            out, pagesize=A4, title=title, creator="chat-sessions",
            leftMargin=MARGIN, rightMargin=MARGIN, topMargin=18 * mm, bottomMargin=18 * mm,
        )  # fmt: skip
        about = markdown.about(session) + (f" · part {part}" if part > 1 else "")
        flow = [*_paragraph(title, _STYLES["title"]), *_paragraph(about, _STYLES["about"])]
        for message in messages:
            flow += _message(message)
        template.build(flow, onFirstPage=_number, onLaterPages=_number)
        return out.getvalue()


def _number(canvas: Any, _: Any) -> None:
    canvas.setFont(BODY, 8)
    canvas.setFillColor(_GREY)
    canvas.drawCentredString(A4[0] / 2, 10 * mm, str(canvas.getPageNumber()))


def _message(message: ChatMessage) -> Iterator[Flowable]:
    yield HRFlowable(width="100%", color=_RULE, thickness=0.5, spaceBefore=6, spaceAfter=7)
    yield from _paragraph(markdown.heading(message), _STYLES["who"])
    if message.role == "user":  # a question is text as it was typed
        yield from _lines(message.content, _TEXT)
    else:
        for block in blocks_of(message.content):
            yield from _block(block)


def _block(block: Block) -> Iterator[Flowable]:
    match block.kind:
        case "code":
            yield _code(block.text)
        case "rule":
            yield Spacer(1, 8)
        case "heading":
            yield from _lines(block.text, _indented(_STYLES["heading"], block.indent))
        case "text":
            yield from _lines(block.text, _indented(_TEXT, block.indent))


def _lines(text: str, style: ParagraphStyle) -> Iterator[Flowable]:
    for paragraph in text.strip("\n").split("\n"):
        yield from _paragraph(paragraph, style)


def _paragraph(text: str, style: ParagraphStyle) -> Iterator[Flowable]:
    text = _LONG_WORD.sub(r"\1 ", text.expandtabs(4))
    if not text.strip():
        yield Spacer(1, style.leading / 2)
    elif is_right_to_left(text):
        aligned = ParagraphStyle("rtl", style, alignment=TA_RIGHT) if begins_right_to_left(text) else style
        lines = lines_in_order(text, style.fontName, style.fontSize, WIDTH - style.leftIndent)
        yield Paragraph("<br/>".join(markup(line, style.fontName) for line in lines), aligned)
    else:
        yield Paragraph(markup(text, style.fontName), style)


def _code(text: str) -> Flowable:
    style = _STYLES["code"]
    lines = [
        line[start : start + _CODE_COLUMNS]
        for line in text.rstrip("\n").expandtabs(4).split("\n")
        for start in range(0, max(len(line), 1), _CODE_COLUMNS)
    ]
    return XPreformatted("\n".join(markup(line, MONO) or " " for line in lines), style)


def _indented(style: ParagraphStyle, levels: int) -> ParagraphStyle:
    return ParagraphStyle("indented", style, leftIndent=min(levels, 8) * 14) if levels else style
