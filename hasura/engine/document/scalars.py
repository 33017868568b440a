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

from hasura.engine.errors import ParseFailed, ValidationFailed

_INT_RANGES = {"Int": 31, "smallint": 15, "bigint": 63}
_JSON = frozenset({"json", "jsonb"})
_JSON_PATH = re.compile(r"""\$?(?:\.?[^.\[\]]+|\[\d+\]|\["[^"]*"\]|\['[^']*'\])*""")
_JSON_STEP = re.compile(r"""\["([^"]*)"\]|\['([^']*)'\]|\[(\d+)\]|([^.\[\]]+)""")


def encode(scalar: str, value: Any, path: str) -> str | None:
    """The text of a JSON value for PostgreSQL; lists become array literals.

    Besides GraphQL's scalars there are ``natural number`` (limits and offsets) and ``json path`` (``$.a[0]``).

    Raises:
        ParseFailed: the value is not of the type.
        ValidationFailed: the value is of another kind altogether.
    """
    if value is None:
        return None
    if scalar == "natural number":
        return _natural(value, path)
    if scalar == "json path":
        return _json_path(value, path)
    if scalar in _JSON:
        text = orjson.dumps(value, default=_plain).decode()
        if "\\u0000" in text:
            raise ParseFailed("\\u0000 cannot be converted to text", path)
        return text
    if isinstance(value, list):
        return _array(scalar, value, path)
    return _single(scalar, value, path)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
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
    if value != int(value) or not -limit <= value < limit:
        raise ParseFailed(
            f"The value {_scientific(value)} lies outside the bounds or is not an integer. "
            "Maybe it is a float, or is there integer overflow?",
            path,
        )
    return str(int(value))


def _scientific(value: float | Decimal) -> str:
    """A number as Haskell's ``Scientific`` prints it, which is what Hasura's message shows."""
    mantissa, _, exponent = f"{Decimal(value).normalize():E}".partition("E")
    power = int(exponent or 0)
    if 0 <= power < 7:
        plain = f"{Decimal(value).normalize():f}"
        return plain if "." in plain else f"{plain}.0"
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{power}"


def _natural(value: Any, path: str) -> str:
    text = _integer("bigint", value, path)
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
    parts = []
    for place, item in enumerate(items):
        if item is None:
            parts.append("NULL")
            continue
        if isinstance(item, list):
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
