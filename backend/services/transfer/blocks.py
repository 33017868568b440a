"""Markdown as the blocks that paper has: a paragraph, a heading, a piece of code, each with its indent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, slots=True)
class Block:
    kind: Literal["text", "heading", "code", "rule"]
    text: str
    #: How many lists and quotes it is in.
    indent: int


def blocks_of(text: str) -> Iterator[Block]:
    return _Reader().read(_MARKDOWN.parse(text))


class _Reader:
    def __init__(self) -> None:
        self._indent = 0
        self._kind: Literal["text", "heading"] = "text"
        self._prefix = ""
        self._cells: list[str] | None = None
        #: Of each open list: the number that comes next, or None where it has none.
        self._numbers: list[int | None] = []

    def read(self, tokens: list[Token]) -> Iterator[Block]:
        for token in tokens:
            match token.type:
                case "inline":
                    yield from self._inline(token)
                case "fence" | "code_block":
                    yield Block("code", token.content, self._indent)
                case "html_block":
                    yield Block("text", token.content, self._indent)
                case "hr":
                    yield Block("rule", "", self._indent)
                case "tr_open":
                    self._cells = []
                case "tr_close":
                    yield Block("text", " | ".join(self._cells or []), self._indent)
                    self._cells = None
                case _:
                    self._nest(token)

    def _nest(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._numbers.append(int(token.attrs.get("start", 1)) if token.tag == "ol" else None)
            case "bullet_list_close" | "ordered_list_close":
                self._numbers.pop()
            case "list_item_open":
                number = self._numbers[-1]
                self._prefix = "• " if number is None else f"{number}. "
                self._numbers[-1] = None if number is None else number + 1
            case "heading_open":
                self._kind = "heading"
            case "heading_close":
                self._kind = "text"
        if token.type in ("bullet_list_open", "ordered_list_open", "blockquote_open"):
            self._indent += 1
        elif token.type in ("bullet_list_close", "ordered_list_close", "blockquote_close"):
            self._indent -= 1

    def _inline(self, token: Token) -> Iterator[Block]:
        if self._cells is not None:
            self._cells.append(" ".join(_plain(token).split()))
            return
        prefix, self._prefix = self._prefix, ""
        yield Block(self._kind, prefix + _plain(token), self._indent)


def _plain(inline: Token) -> str:
    """The words of a line, with the address of a link behind its text: paper has no links."""
    text, links = "", []
    for token in inline.children or []:
        match token.type:
            case "softbreak" | "hardbreak":
                text += "\n"
            case "link_open":
                links.append((str(token.attrs.get("href", "")), len(text)))
            case "link_close":
                address, begin = links.pop()
                text += "" if text[begin:] == address else f" ({address})"
            case "image":
                text += f"[{token.content or 'image'}] ({token.attrs.get('src', '')})"
            case _:
                text += token.content
    return text
