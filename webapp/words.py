"""Every word that a page shows, in each language: one file a language, ``assets/words/<language>.json``.

A text may hold values, ``{name}``. A text that counts has one key a plural form of its language, ``….one`` and
``….other`` (Unicode CLDR names them); the browser picks the form, so what the server words does not count.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import reflex as rx
from reflex.utils.imports import ImportVar
from reflex.vars import VarData

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The language that has every text, and that a reader of an unknown one sees.
ENGLISH: Final = "en"
#: What a reader has chosen; without it the browser's own order decides. words.js sets it.
COOKIE: Final = "chat-language"
CATALOGUES: Final[Mapping[str, Mapping[str, str]]] = {
    file.stem: json.loads(file.read_text("utf-8"))
    for file in sorted((Path(__file__).parent / "assets" / "words").glob("*.json"))
}
_VALUE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language, for what the server itself says."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        """Raises KeyError for a text or a value that there is none of."""
        text = CATALOGUES[self.language][key]
        return _VALUE.sub(lambda match: str(values[match[1]]), text)


def t(key: str, **values: Any) -> rx.Var[str]:
    """A text on a page, in its reader's language. Values may be variables of the page.

    Raises KeyError, while the page is built, for a text that there is none of.
    """
    if not {key, f"{key}.other"} & CATALOGUES[ENGLISH].keys():
        raise KeyError(f"no text {key!r} in assets/words/{ENGLISH}.json")
    given = {name: rx.Var.create(value) for name, value in values.items()}
    listed = ", ".join(f"{name}: {value!s}" for name, value in given.items())
    return rx.Var(
        f"words({json.dumps(key)}, {{{listed}}})" if given else f"words({json.dumps(key)})",
        _var_type=str,
        _var_data=VarData.merge(
            *(value._get_all_var_data() for value in given.values()),  # noqa: SLF001
            VarData(
                hooks={"const words = useWords()": None},
                imports={"$/public/js/words.js": [ImportVar(tag="useWords")]},
            ),
        ),
    ).to(str)


def words_for(cookie: str, accept_language: str) -> Words:
    """Those of the browser that sent these two headers."""
    chosen = SimpleCookie(cookie).get(COOKIE) if COOKIE in cookie else None
    if chosen is not None and chosen.value in CATALOGUES:
        return Words(chosen.value)
    # In the reader's order: a browser sends the most wanted first (RFC 9110, 12.5.4).
    wanted = (part.split(";")[0].split("-")[0].strip().lower() for part in accept_language.split(","))
    return Words(next((language for language in wanted if language in CATALOGUES), ENGLISH))


def words_of(state: rx.State) -> Words:
    """Those of the browser that sent the running event."""
    headers = state.router.headers
    return words_for(headers.cookie, headers.accept_language)
