"""How Hasura names the objects of metadata: in messages, in JSON and in reports of inconsistencies."""

from __future__ import annotations

from typing import TypeAlias

Key: TypeAlias = tuple[str, str]
"""``(schema, name)`` of a table or function."""


def as_json(key: Key) -> dict[str, str]:
    """As exported metadata has it."""
    return {"schema": key[0], "name": key[1]}


def shown(key: Key) -> str:
    """As messages have it: the schema ``public`` goes without saying."""
    return key[1] if key[0] == "public" else f"{key[0]}.{key[1]}"


def quoted(key: Key) -> str:
    """``shown``, in double quotes."""
    return f'"{shown(key)}"'


def of_source(kind: str, key: Key, source: str) -> str:
    """``table author in source default``: the name of an inconsistent table or function."""
    return f"{kind} {shown(key)} in source {source}"


def of_table(kind: str, name: str, key: Key, source: str) -> str:
    """``object_relation author in table article in source default``."""
    return f"{kind} {name} in {of_source('table', key, source)}"
