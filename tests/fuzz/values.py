"""Values at the edges of what each scalar can hold, a little past them, and some that are quite usual."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

_TEXTS = (
    "",
    " ",
    "plain",
    "a" * 5000,
    "naïve ☕ 你好 مرحبا \U0001f469\u200d\U0001f467",
    "\u202egnp.exe",
    "'; DROP TABLE users; --",
    "%",
    "_%\\",
    "\\",
    '"',
    "\u0000",
    "\u2028",
    "\ufeff",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "$1",
    ":name",
    "%s %(x)s",
    "x-hasura-user-id",
    "null",
    "2026-01-01",
    "(((((",
    "(a+)+$",
    '"a phrase" or -not',
    "a & | ! b:*",
)
_PATHS = (
    "",
    "$",
    "$.a",
    "a.b[0]",
    "$[0]",
    "a..b",
    "[",
    '$["x y"]',
    "a['b'].c",
    "$.a[-1]",
    "$" * 200,
    "\u0000",
)
_INTEGERS = (0, 1, -1, 2, 50, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, 2**63, -(2**63) - 1, 10**30)
_FLOATS = (
    0.0,
    -0.0,
    0.5,
    2.0,
    2.0000001,
    1e308,
    -1e308,
    5e-324,
    1,
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "x",
)
_MOMENTS = (
    "2026-11-21T10:00:00Z",
    "2026-11-21 10:00:00+14:59",
    "infinity",
    "-infinity",
    "epoch",
    "now",
    "tomorrow",
    "0001-01-01T00:00:00Z",
    "4713-01-01 BC",
    "4714-01-01 BC",
    "294276-12-31",
    "294277-01-01",
    "2026-02-30",
    "2026-01-01T24:00:00Z",
    "2026-01-01T25:61:61Z",
    "2026-W01-1",
    "",
    "\u0000",
    0,
)
_JSON: tuple[Any, ...] = (
    None,
    True,
    0,
    -(10**40),
    1.5e300,
    "text",
    "\u0000",
    [],
    {},
    {"a": {"b": [1, {"c": None}]}},
    {"": ""},
    {"\u0000": 1},
    {"a" * 300: "b"},
    ["x"] * 200,
    {"__proto__": {"x": 1}, "constructor": 1},
)


def scalars(ids: Sequence[str], chance: random.Random) -> dict[str, Callable[[], Any]]:
    """By the scalar's name; half of the ids exist."""

    def some_id() -> Any:
        if chance.random() < 0.75:
            return chance.choice(ids)
        if chance.random() < 0.8:
            return str(UUID(int=chance.getrandbits(128)))
        return chance.choice(["", "1", 7, ids[0].upper(), f"{{{ids[0]}}}", f"{ids[0]}0", None, "\u0000"])

    def text() -> Any:
        return chance.choice(_TEXTS) if chance.random() < 0.8 else chance.choice(_PATHS)

    def integer() -> Any:
        return chance.choice(_INTEGERS) if chance.random() < 0.3 else chance.randrange(100)

    def bigint() -> Any:
        return integer() if chance.random() < 0.7 else chance.choice([str(integer()), "x", "", 1.5, "1e3"])

    return {
        "uuid": some_id,
        "String": text,
        "Int": integer,
        "bigint": bigint,
        "Float": lambda: chance.choice([each for each in _FLOATS if not isinstance(each, str)]),
        "float8": lambda: chance.choice(_FLOATS),
        "Boolean": lambda: chance.random() < 0.5,
        "ID": text,
        "timestamptz": lambda: chance.choice(_MOMENTS),
        "jsonb": lambda: chance.choice(_JSON),
    }
