"""Text as ReportLab's paragraphs take it: each character in a font that has it, right-to-left lines in their order.

FiraGO has Latin, Cyrillic, Greek, Arabic, Hebrew, Thai, Georgian and Devanagari, Noto Sans the rest of East Asia.
A character that no font has, an emoji most often, is a box.
"""

from __future__ import annotations

import io
import unicodedata
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import arabic_reshaper
import pymupdf_fonts
from bidi import get_base_level, get_display
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY, BOLD, MONO, HAN, HANGUL = "Body", "Bold", "Mono", "Han", "Hangul"
_BUNDLED = {BODY: "figo", BOLD: "figbo", MONO: "cascadia"}
_NOTO = {HAN: "notosanssc", HANGUL: "notosanskr"}
_INSTEAD = {BODY: (BODY, MONO, HAN, HANGUL), BOLD: (BOLD, MONO, HAN, HANGUL), MONO: (MONO, BODY, HAN, HANGUL)}
_BOX = "□"


def markup(text: str, font: str) -> str:
    """A paragraph's markup; no character of `text` is taken for any."""
    return "".join(
        escape(piece) if name == font else f'<font name="{name}">{escape(piece)}</font>'
        for name, piece in _runs(text, font)
    )


def is_right_to_left(text: str) -> bool:
    return any("\u0590" <= char <= "\u08ff" or "\ufb1d" <= char <= "\ufefc" for char in text)


def begins_right_to_left(text: str) -> bool:
    return bool(get_base_level(text) == 1)


def lines_in_order(text: str, font: str, size: float, width: float) -> list[str]:
    """`text` broken to `width` points, each line in the order in which its letters stand from left to right.

    Breaking comes first: a line that is reversed whole would end with its beginning.
    """
    shaped = arabic_reshaper.reshape(text)
    base = "R" if begins_right_to_left(text) else "L"
    lines: list[list[str]] = [[]]
    used, space = 0.0, _width(" ", font, size)
    for word in shaped.split(" "):
        needed = _width(word, font, size)
        if lines[-1] and used + space + needed > width:
            lines.append([])
            used = 0.0
        used += needed + (space if lines[-1] else 0)
        lines[-1].append(word)
    return [str(get_display(" ".join(words), base_dir=base)) for words in lines]


def _width(text: str, font: str, size: float) -> float:
    return sum(float(pdfmetrics.stringWidth(piece, name, size)) for name, piece in _runs(text, font))


def _runs(text: str, font: str) -> Iterator[tuple[str, str]]:
    """(font, piece) for each piece in one font."""
    name, piece = font, ""
    for char in text:
        found = _font_of(char, font)
        if found is None and (plain := unicodedata.normalize("NFKC", char)) != char and len(plain) == 1:
            # A joined Arabic letter that the font has in its plain form only.
            char, found = plain, _font_of(plain, font)  # noqa: PLW2901
        if found is None:
            char, found = _BOX, _font_of(_BOX, font) or font  # noqa: PLW2901
        if found != name and piece:
            yield name, piece
            piece = ""
        name = found
        piece += char
    if piece:
        yield name, piece


def _font_of(char: str, font: str) -> str | None:
    if char in " \n":
        return font
    code = ord(char)
    # The large fonts are read when something is written in them.
    names = _INSTEAD[font] if code >= 0x2000 else _INSTEAD[font][:2]
    return next((name for name in names if code in _glyphs(name)), None)


@cache
def _glyphs(name: str) -> dict[int, int]:
    """The characters of a font, which is registered with ReportLab by that."""
    if name in _BUNDLED:
        font = TTFont(name, io.BytesIO(pymupdf_fonts.myfont(_BUNDLED[name])))
    else:
        folder = files("justmytype_intl_cjk") / "fonts" / "ofl" / _NOTO[name]
        (found,) = (file for file in folder.iterdir() if file.name.endswith(".ttf"))
        with as_file(found) as path:
            font = TTFont(name, str(path))
    pdfmetrics.registerFont(font)
    glyphs: dict[int, int] = font.face.charToGlyph
    return glyphs


def load() -> None:
    """The fonts that every document names."""
    for name in _BUNDLED:
        _glyphs(name)
