"""Values of scalars as PostgreSQL reads them: text, cast to the column's type in the statement.

Hasura checks Int, Float, Boolean and String itself and leaves every other type to PostgreSQL, whose own words then
answer a bad value.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

import orjson

from hasura.engine.document.values import EnumLiteral
from hasura.engine.errors import ParseFailed, ValidationFailed

_INT_RANGES = {"Int": 31, "smallint": 15, "bigint": 63}
_JSON = frozenset({"json", "jsonb"})
_LABEL_PATH = re.compile(r"(?:[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)?")
_NUL_IN_JSON = re.compile(r"(?<!\\)(?:\\\\)*+\\u0000")
# Possessive: a name that is followed by nonsense is not tried again in every other cut.
_JSON_PATH = re.compile(r"""\$?(?:\.?(?:[^.\[\]]++|\[\d++\]|\["[^"]*+"\]|\['[^']*+'\]))*+""")
_JSON_STEP = re.compile(r"""\["([^"]*)"\]|\['([^']*)'\]|\[(\d+)\]|([^.\[\]]+)""")


def encode(scalar: str, value: Any, path: str, *, many: bool = False) -> str | None:
    """The text of a JSON value for PostgreSQL; with ``many``, of a list of them: an array literal.

    Besides GraphQL's scalars there are ``limit`` and ``offset`` (natural numbers) and ``json path`` (``$.a[0]``).

    Raises:
        ParseFailed: the value is not of the type.
        ValidationFailed: the value is of another kind altogether.
    """
    if value is None:
        return None
    if many:
        return _array(scalar, value if isinstance(value, list) else [value], path)
    if scalar in {"limit", "offset"}:
        return _natural(scalar, value, path)
    if scalar == "json path":
        return _json_path(value, path)
    if scalar in _JSON:
        return _json(value, path)
    return _single(scalar, value, path)


def _json(value: Any, path: str) -> str:
    try:
        text = orjson.dumps(value, default=_exact).decode()
    except orjson.JSONEncodeError as problem:
        raise ParseFailed(f"not a JSON value: {problem}", path) from None
    if "\\u0000" in text and _NUL_IN_JSON.search(text):
        raise ParseFailed("\\u0000 cannot be converted to text", path)
    return text


def _exact(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    if isinstance(value, EnumLiteral):  # in a variable's default
        return value.name
    raise TypeError(type(value).__name__)


def _single(scalar: str, value: Any, path: str) -> str:
    if scalar in _INT_RANGES:
        return _integer(scalar, value, path)
    if scalar == "Boolean":
        if not isinstance(value, bool):
            raise ValidationFailed(f"expected a boolean for type 'Boolean', but found {kind(value)}", path)
        return "true" if value else "false"
    if scalar in {"Float", "float8", "numeric"}:
        return _number(scalar, value, path)
    if scalar == "String" and not isinstance(value, str):
        raise ValidationFailed(f"expected a string for type 'String', but found {kind(value)}", path)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if not isinstance(value, str):
        raise ParseFailed(f"A string is expected for type: {scalar}", path)
    if scalar == "ltree" and not _LABEL_PATH.fullmatch(value):
        raise ParseFailed(
            "Expecting label path: a sequence of zero or more labels separated by dots, for example L1.L2.L3",
            path,
        )
    if "\0" in value:
        raise ParseFailed("\\u0000 cannot be converted to text", path)
    return value


def _integer(scalar: str, value: Any, path: str) -> str:
    if isinstance(value, str) and scalar != "Int":
        return value  # bigint may come as text: JavaScript has no such integers
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValidationFailed(
            f"expected a 32-bit integer for type '{scalar}', but found {kind(value)}", path
        )
    limit = 1 << _INT_RANGES[scalar]
    if not -limit <= value < limit or value != int(value):  # in this order: 1e999999999 is no int to make
        raise ParseFailed(
            f"The value {_scientific(value)} lies outside the bounds or is not an integer. "
            "Maybe it is a float, or is there integer overflow?",
            path,
        )
    return str(int(value))


def _scientific(value: float | Decimal) -> str:
    """A number as Haskell's ``Scientific`` prints it, which is what Hasura's message shows."""
    number = Decimal(value)
    if 0 <= number.adjusted() < 7:
        plain = f"{number.normalize():f}"
        return plain if "." in plain else f"{plain}.0"
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    return f"{'-' if number < 0 else ''}{digits[0]}.{digits[1:] or '0'}e{number.adjusted()}"


def _natural(scalar: str, value: Any, path: str) -> str:
    text = _integer("Int" if scalar == "limit" else "bigint", value, path)
    if text.startswith("-"):
        raise ValidationFailed("unexpected negative value", path)
    return text


def _json_path(value: Any, path: str) -> str:
    """``$.a.b[0]`` as PostgreSQL's path; ``$`` and dots may be left out, brackets may quote."""
    text = _single("String", value, path)
    if not _JSON_PATH.fullmatch(text):
        raise ParseFailed(f"invalid JSONPath: {text}", path)
    steps = [
        next(part for part in step if part)
        for step in _JSON_STEP.findall(text.removeprefix("$"))
        if any(step)
    ]
    return _array("String", steps, path)


def _number(scalar: str, value: Any, path: str) -> str:
    if isinstance(value, str) and scalar != "Float":
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValidationFailed(f"expected a float for type '{scalar}', but found {kind(value)}", path)
    if isinstance(value, float) and not math.isfinite(value):
        raise ParseFailed(f"a finite number is expected for type: {scalar}", path)
    return str(value)


def _array(scalar: str, items: list[Any], path: str) -> str:
    """PostgreSQL's array literal (manual, section 8.15.2): every element quoted, NULL bare."""
    if scalar in _INT_RANGES and set(map(type, items)) == {int}:
        limit = 1 << _INT_RANGES[scalar]
        if -limit <= min(items) and max(items) < limit:  # a list of keys may be long
            # A loop of Python's own, which lets other threads have their turn.
            return "{" + ",".join([str(item) for item in items]) + "}"
    parts = []
    for place, item in enumerate(items):
        if item is None:
            parts.append("NULL")
            continue
        if isinstance(item, list) and scalar not in _JSON:
            parts.append(_array(scalar, item, path))
            continue
        text = encode(scalar, item, f"{path}[{place}]") or ""
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(f'"{escaped}"')
    return "{" + ",".join(parts) + "}"


def kind(value: Any) -> str:
    """What Hasura calls a value in its messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float | Decimal):
        return "a number" if isinstance(value, int) else "a float"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"
