"""No component says anything in a language of its own: what a page shows is in assets/words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.words import CATALOGUES, ENGLISH

WEBAPP = Path(__file__).resolve().parents[2] / "webapp"
#: What a reader sees or hears of an element besides its text.
READ = {
    "label",
    "placeholder",
    "title",
    "alt",
    "aria-label",
    "aria-description",
    "aria-roledescription",
    "jump_label",
}
#: The same in every language.
NAMES = {"Chat sessions", "404", "Markdown", "JSON", "PDF"}
_COMMENTS = re.compile(r"/\*.*?\*/|(?m:^\s*//.*$)", re.DOTALL)
_WORD = re.compile(r"[A-Za-zÄÖÜäöü]{2}")


def is_said(text: str) -> bool:
    return bool(_WORD.search(text)) and text.strip() not in NAMES


def said_in_python(source: str) -> Iterator[str]:
    """Texts among the children of an element, and those of its attributes that are read."""
    for node in ast.walk(_Unstyled().visit(ast.parse(source))):
        values: list[ast.expr | None] = []
        if isinstance(node, ast.Call) and re.match(
            r"rx\.(el\.|link|text|heading|cond|toast)", ast.unparse(node.func)
        ):
            values = [*node.args]
        elif isinstance(node, ast.keyword) and node.arg in READ:
            values = [node.value]
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            values = [value for key, value in pairs if isinstance(key, ast.Constant) and key.value in READ]
        yield from (v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str))


class _Unstyled(ast.NodeTransformer):
    """Without names of classes, which look like words."""

    def visit_keyword(self, node: ast.keyword) -> ast.keyword | None:
        return None if node.arg in {"class_name", "name", "href", "id"} else self.generic_visit(node)  # type: ignore[return-value]


def said_in_jsx(source: str) -> Iterator[str]:
    """Texts between tags, and those of the attributes that are read."""
    source = _COMMENTS.sub("", source)
    yield from (found.strip() for found in re.findall(r"(?<![=\s])>([^<>{}=;()&|]+)</?[a-zA-Z{]", source))
    attributes = "|".join(sorted(READ))
    yield from re.findall(rf'\b(?:{attributes})="([^"]*)"', source)
    yield from re.findall(r'\b(?:toast(?:\.\w+)?|confirm|alert)\(\s*["`]([^"`]*)["`]', source)


@pytest.mark.parametrize(
    "path",
    sorted([*WEBAPP.glob("components/**/*.py"), *WEBAPP.glob("pages/**/*.py")]),
    ids=lambda path: path.name,
)
def test_a_component_has_no_words_of_its_own(path: Path) -> None:
    assert [text for text in said_in_python(path.read_text()) if is_said(text)] == []


@pytest.mark.parametrize(
    "path", sorted((WEBAPP / "assets" / "js").rglob("*.jsx")), ids=lambda path: path.name
)
def test_a_react_component_has_no_words_of_its_own(path: Path) -> None:
    assert [text for text in said_in_jsx(path.read_text()) if is_said(text)] == []


def test_the_finders_find_words() -> None:
    assert list(said_in_python('rx.el.p("Hello there", class_name="a b")')) == ["Hello there"]
    assert list(said_in_python('icon(title="Close")')) == ["Close"]
    assert list(said_in_python('rx.el.p(custom_attrs={"aria-label": "Chat", "data-testid": "chat"})')) == [
        "Chat"
    ]
    assert list(said_in_jsx('<p className="x">Hello there</p>')) == ["Hello there"]
    assert list(said_in_jsx('<p aria-label="Chat">{t("a.b")}</p>')) == ["Chat"]
    assert list(said_in_jsx('confirm("Really?")')) == ["Really?"]


# A text is asked for by its whole name, or by the beginning of one: t(`theme.${name}`).
def asked_for() -> tuple[set[str], set[str]]:
    whole, beginnings = set(), set()
    for path in [*WEBAPP.rglob("*.py"), *(WEBAPP / "assets" / "js").rglob("*.js*")]:
        if ".web" in path.parts:
            continue
        source = path.read_text()
        whole |= set(re.findall(r"""["'`]([a-z]+(?:[.-][A-Za-z-]+)+)["'`]""", source))
        beginnings |= set(re.findall(r"[`\"']([a-z]+(?:[.-][A-Za-z-]+)*\.)(?:\$)?\{", source))
    return whole, beginnings


def test_every_text_is_used_and_every_text_that_is_asked_for_is_there() -> None:
    whole, beginnings = asked_for()
    keys = {re.sub(r"\.(zero|one|two|few|many|other)$", "", key) for key in CATALOGUES[ENGLISH]}
    unused = {key for key in keys - whole if not any(key.startswith(start) for start in beginnings)}
    assert unused == set()
    asked = {
        key
        for path in (WEBAPP / "assets" / "js").rglob("*.js*")
        for key in re.findall(r"""\bt\(\s*["']([^"']+)["']""", _COMMENTS.sub("", path.read_text()))
    }
    assert asked <= keys
