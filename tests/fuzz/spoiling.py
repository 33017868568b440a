"""Ways to spoil a request that was in order: in its document, its variables or around them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from tests.fuzz.documents import Document

_NASTY = (
    "\u0000",
    "\ufeff",
    "\ud800",
    "\u202e",
    "{",
    "}",
    "(",
    '"',
    '"""',
    "#",
    "...",
    "@",
    "$",
    "!",
    "\\u{110000}",
    "é",
)
_WRONG: tuple[Any, ...] = (None, True, -1, 2**63, 1e308, "", "x", [], [[]], {}, {"_eq": 1}, [None], "\u0000")

Body = dict[str, Any]
_Way = Callable[[Document, random.Random], Body]


def _body(document: Document, **changes: Any) -> Body:
    return {"query": document.text, "variables": document.variables} | changes


def _one_character(document: Document, chance: random.Random) -> Body:
    at = chance.randrange(len(document.text) + 1)
    return _body(document, query=document.text[:at] + chance.choice(_NASTY) + document.text[at:])


def _cut(document: Document, chance: random.Random) -> Body:
    return _body(document, query=document.text[: chance.randrange(len(document.text))])


def _two_words_changed(document: Document, chance: random.Random) -> Body:
    words = re.split(r"(\W+)", document.text)
    one, other = chance.randrange(len(words)), chance.randrange(len(words))
    words[one], words[other] = words[other], words[one]
    return _body(document, query="".join(words))


def _unknown_word(document: Document, chance: random.Random) -> Body:
    words = re.findall(r"\w+", document.text)
    return _body(document, query=document.text.replace(chance.choice(words), "nothing_of_this_name"))


def _wrong_variables(document: Document, chance: random.Random) -> Body:
    wrong = {name: chance.choice(_WRONG) for name in document.variables}
    return _body(document, variables=chance.choice([wrong, None, [], "x", {}, wrong | {"more": 1}]))


def _wrong_operation_name(document: Document, chance: random.Random) -> Body:
    return _body(document, operationName=chance.choice([None, "", "Fuzz", "fuzz", 1, [], "\u0000"]))


def _two_operations(document: Document, chance: random.Random) -> Body:
    other = document.text.replace("Fuzz", chance.choice(["Fuzz", "Other"]), 1)
    return _body(document, query=f"{document.text}\n{other}")


def _cycle_of_fragments(document: Document, chance: random.Random) -> Body:
    kind, type_ = chance.choice([("query", "query_root"), ("mutation", "mutation_root")])
    links = [f"fragment C{each} on {type_} {{ ...C{(each + 1) % 3} }}" for each in range(3)]
    return _body(document, query=f"{kind} {{ ...C0 }} {' '.join(links)}", variables={})


def _deep(document: Document, chance: random.Random) -> Body:
    count = chance.choice([50, 500, 20_000])
    return _body(
        document,
        query=chance.choice(
            [
                f"{{ {document.root}(where: {'{_not: ' * count}{'}' * count}) {{ __typename }} }}",
                f"{{ {document.root} {'{ session ' * count}{'}' * count} }}",
                f"{{ {document.root}(where: {'[' * count}{']' * count}) {{ __typename }} }}",
                "{" * count,
                f"{{ a(b: {'{' * count}",
            ]
        ),
    )


def _deep_variables(document: Document, chance: random.Random) -> Body:
    deep: Any = {}
    for _ in range(chance.choice([50, 400])):
        deep = chance.choice([{"_not": deep}, {"_and": [deep]}, [deep]])
    query = f"query ($w: {document.root}_bool_exp) {{ {document.root}(where: $w) {{ __typename }} }}"
    return _body(document, query=query, variables={"w": deep})


def _many_aliases(document: Document, chance: random.Random) -> Body:
    count = chance.choice([100, 1000])
    fields = " ".join(f"a{each}: {document.root} {{ __typename }}" for each in range(count))
    return _body(document, query=f"{{ {fields} }}", variables={})


def _huge_list(document: Document, chance: random.Random) -> Body:
    count = chance.choice([1000, 50_000])
    where = {"session_id": {chance.choice(["_in", "_nin"]): ["00000000-0000-0000-0000-000000000000"] * count}}
    query = f"query ($w: {document.root}_bool_exp) {{ {document.root}(where: $w) {{ __typename }} }}"
    return _body(document, query=query, variables={"w": where})


def _directives(document: Document, chance: random.Random) -> Body:
    directive = chance.choice(
        [
            "@nothing",
            "@skip",
            '@include(if: "x")',
            "@include(if: $missing)",
            "@cached(ttl: -1)",
            "@deprecated",
            "@skip(if: true) " * 100,
        ]
    )
    return _body(document, query=re.sub(r"\}\s*$", f"}} {directive}", document.text, count=1))


def _fuzzed_body(document: Document, chance: random.Random) -> Body:
    return chance.choice(
        [
            {},
            {"query": None},
            {"query": ""},
            {"query": 7},
            {"query": ["x"]},
            {"query": "   # nothing"},
            {"variables": {}},
            _body(document, extensions={"persistedQuery": {"version": 1, "sha256Hash": "0"}}),
            _body(document, extensions=1, more=[1]),
        ]
    )


WAYS: tuple[_Way, ...] = (
    _one_character,
    _one_character,
    _cut,
    _two_words_changed,
    _unknown_word,
    _wrong_variables,
    _wrong_variables,
    _wrong_operation_name,
    _two_operations,
    _cycle_of_fragments,
    _deep,
    _deep_variables,
    _many_aliases,
    _huge_list,
    _directives,
    _fuzzed_body,
)

#: No GraphQL request at all.
BODIES: tuple[bytes, ...] = (
    b"",
    b"{",
    b"null",
    b"7",
    b'"x"',
    b"[]",
    b"[[]]",
    b"[" * 100_000,
    b'{"query":' * 50_000,
    b"\xff\xfe\x00",
    b"\x00",
    b'{"query": "{ __typename }", "query": "mutation { x }"}',
    b'{"query": "{ __typename }", "variables": {"a": 1e999999}}',
    b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 100_000 + b"}}",
    b'{"query": "\\ud800"}',
    json.dumps([{"query": "{ __typename }"}] * 50).encode(),
    json.dumps([{"query": "{ __typename }"}, 7]).encode(),
)


def spoiled(document: Document, chance: random.Random) -> tuple[str, Body]:
    """How, and the body of the request."""
    way = chance.choice(WAYS)
    return way.__name__, way(document, chance)


def whole(document: Document) -> Body:
    return _body(document)
