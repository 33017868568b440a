"""A table that refers to itself, three roles on it, and what they see and may do, in plain Python.

Two keepers own trees. A `keeper` sees and changes own ones; a `visitor` sees some columns of every open tree;
`both` inherits from them, and sees a tree that only a visitor sees without its owner and height.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from psycopg import sql

from hasura.engine.session import Session
from tests.engine.served import Pool, Served

SCHEMA = """
CREATE TABLE tree (
    id int PRIMARY KEY,
    owner text NOT NULL,
    above int REFERENCES tree ON DELETE SET NULL,
    name text COLLATE "C" NOT NULL CONSTRAINT tree_name_key UNIQUE,
    height int,
    open bool NOT NULL DEFAULT false
);
"""
COLUMNS = ("id", "owner", "above", "name", "height", "open")
PUBLIC = ("id", "above", "name", "open")
PEOPLE = ("ada", "bob")
ROLES = ("keeper", "visitor", "both")

_OWN = {"owner": {"_eq": "X-Hasura-Person"}}
_UPRIGHT = {"_or": [{"height": {"_is_null": True}}, {"height": {"_gte": 0}}]}
METADATA: dict[str, Any] = {
    "version": 3,
    "sources": [
        {
            "name": "default",
            "kind": "postgres",
            "tables": [
                {
                    "table": "tree",
                    "object_relationships": [
                        {"name": "host", "using": {"foreign_key_constraint_on": "above"}}
                    ],
                    "array_relationships": [
                        {
                            "name": "guests",
                            "using": {"foreign_key_constraint_on": {"table": "tree", "column": "above"}},
                        }
                    ],
                    "select_permissions": [
                        {
                            "role": "keeper",
                            "permission": {"columns": [*COLUMNS], "filter": _OWN, "allow_aggregations": True},
                        },
                        {
                            "role": "visitor",
                            "permission": {
                                "columns": [*PUBLIC],
                                "filter": {"open": {"_eq": True}},
                                "allow_aggregations": True,
                            },
                        },
                    ],
                    "insert_permissions": [
                        {
                            "role": "keeper",
                            "permission": {
                                "columns": [*COLUMNS[:1], *COLUMNS[2:]],
                                "set": {"owner": "x-hasura-person"},
                                "check": _UPRIGHT,
                            },
                        }
                    ],
                    "update_permissions": [
                        {
                            "role": "keeper",
                            "permission": {
                                "columns": ["name", "height", "open"],
                                "filter": {**_OWN, "open": {"_eq": True}},
                                "check": _UPRIGHT,
                            },
                        }
                    ],
                    "delete_permissions": [{"role": "keeper", "permission": {"filter": _OWN}}],
                }
            ],
        }
    ],
    "inherited_roles": [{"role_name": "both", "role_set": ["keeper", "visitor"]}],
}


@dataclass
class Tree:
    id: int
    owner: str
    above: int | None
    name: str
    height: int | None
    open: bool


@dataclass(frozen=True)
class Asker:
    role: str
    person: str

    @property
    def session(self) -> Session:
        return Session(self.role, {"x-hasura-person": self.person})

    def __repr__(self) -> str:
        return f"{self.person} as {self.role}"


class Word(str):
    """An enum's value: bare in a literal, a text in JSON."""

    __slots__ = ()


def literal(value: Any) -> str:
    """A value as GraphQL spells it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return str(value) if isinstance(value, Word) else json.dumps(value)


class View:
    """What somebody sees of the trees."""

    def __init__(self, trees: Iterable[Tree], asker: Asker) -> None:
        self.asker = asker
        self.trees = {tree.id: tree for tree in trees if self._sees(tree)}

    def _sees(self, tree: Tree) -> bool:
        own, role = tree.owner == self.asker.person, self.asker.role
        return (own and role != "visitor") or (tree.open and role != "keeper")

    def value(self, tree: Tree, column: str) -> Any:
        own = tree.owner == self.asker.person
        return getattr(tree, column) if own or column in PUBLIC else None

    def host(self, tree: Tree) -> Tree | None:
        return None if tree.above is None else self.trees.get(tree.above)

    def guests(self, tree: Tree) -> list[Tree]:
        return [other for other in self.trees.values() if other.above == tree.id]


# -- conditions, with SQL's three values: None is unknown -------------------------------------------------------


def holds(condition: dict[str, Any], view: View, tree: Tree) -> bool | None:
    """What a `where` says of a tree."""
    return _all(_part(name, item, view, tree) for name, item in condition.items())


def _part(name: str, item: Any, view: View, tree: Tree) -> bool | None:
    match name:
        case "_and":
            return _all(holds(each, view, tree) for each in item)
        case "_or":
            return _not(_all(_not(holds(each, view, tree)) for each in item))
        case "_not":
            return _not(holds(item, view, tree))
        case "host":
            host = view.host(tree)
            return host is not None and holds(item, view, host) is True
        case "guests":
            return any(holds(item, view, guest) is True for guest in view.guests(tree))
        case "guests_aggregate":
            return _all(_group(function, given, view, tree) for function, given in item.items()) is True
        case _:
            value = view.value(tree, name)
            return _all(_compare(operator, value, operand) for operator, operand in item.items())


def _group(function: str, given: dict[str, Any], view: View, tree: Tree) -> bool | None:
    guests = [each for each in view.guests(tree) if holds(given.get("filter", {}), view, each) is True]
    if function == "count":
        found: Any = len(guests)
        if "arguments" in given:
            (column,) = given["arguments"]
            values = [value for each in guests if (value := view.value(each, column)) is not None]
            found = len(set(values)) if given.get("distinct") else len(values)
    else:
        flags = [each.open for each in guests]
        found = (any if function == "bool_or" else all)(flags) if flags else None
    return _all(_compare(operator, found, operand) for operator, operand in given["predicate"].items())


def _compare(operator: str, value: Any, operand: Any) -> bool | None:
    match operator:
        case "_is_null":
            return (value is None) is operand
        case "_in" | "_nin" if not operand:
            return operator == "_nin"
        case _ if value is None:
            return None
        case "_in" | "_nin":
            return (value in operand) is (operator == "_in")
        case "_eq" | "_neq":
            return (value == operand) is (operator == "_eq")
        case "_gt":
            return bool(value > operand)
        case "_gte":
            return bool(value >= operand)
        case "_lt":
            return bool(value < operand)
        case "_lte":
            return bool(value <= operand)
        case "_like":  # with a percent sign at the end and nowhere else
            return str(value).startswith(operand[:-1])
    raise ValueError(operator)


def _all(parts: Iterable[bool | None]) -> bool | None:
    found = list(parts)
    return False if False in found else None if None in found else True


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


# -- order --------------------------------------------------------------------------------------------------------


def ordered(found: Sequence[Tree], order: Sequence[dict[str, Any]], view: View) -> list[Tree]:
    """Sorted as `order_by` says; nulls are the largest values unless it says where they go."""
    result = list(found)
    for item in reversed(order):
        way, direction = _key(item)
        descending = direction.startswith("desc")
        nulls_last = direction.endswith("nulls_last") if "nulls" in direction else not descending

        def known(tree: Tree, way: tuple[str, ...] = way) -> Any:
            return _reached(way, view, tree)

        nulls = [tree for tree in result if known(tree) is None]
        rest = sorted((tree for tree in result if known(tree) is not None), key=known, reverse=descending)
        result = rest + nulls if nulls_last else nulls + rest
    return result


def _key(item: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    ((name, inner),) = item.items()
    if not isinstance(inner, dict):
        return (name,), inner
    way, direction = _key(inner)
    return (name, *way), direction


def _reached(way: tuple[str, ...], view: View, tree: Tree) -> Any:
    match way:
        case ("host", *rest):
            host = view.host(tree)
            return None if host is None else _reached(tuple(rest), view, host)
        case ("guests_aggregate", "count"):
            return len(view.guests(tree))
        case ("guests_aggregate", function, column):
            values = [view.value(guest, column) for guest in view.guests(tree)]
            values = [value for value in values if value is not None]
            return (max if function == "max" else min)(values) if values else None
        case (column,):
            return view.value(tree, column)
    raise ValueError(way)


# -- changes ------------------------------------------------------------------------------------------------------


class RefusedError(Exception):
    """The database or the permission refuses the mutation as a whole."""


class Grove:
    """All trees, as the mutations of keepers change them. Each answers what `affected_rows` says."""

    def __init__(self, trees: Iterable[Tree]) -> None:
        self.trees = {tree.id: replace(tree) for tree in trees}

    def insert(self, asker: Asker, objects: list[dict[str, Any]], conflict: dict[str, Any] | None) -> int:
        touched: set[int] = set()
        for given in objects:
            tree = Tree(
                given["id"], asker.person, given["above"], given["name"], given["height"], given["open"]
            )
            if conflict is not None:
                other = self._conflicting(tree, conflict["constraint"])
                if other is not None:
                    if not conflict["update_columns"]:
                        continue
                    if other.id in touched:
                        raise RefusedError
                    if not self._may_update(asker, other, conflict.get("where", {})):
                        continue
                    change = {column: getattr(tree, column) for column in conflict["update_columns"]}
                    self._put(replace(other, **change))
                    touched.add(other.id)
                    continue
            if tree.id in self.trees:
                raise RefusedError
            self._put(tree)
            touched.add(tree.id)
        if any(tree.above is not None and tree.above not in self.trees for tree in self.trees.values()):
            raise RefusedError
        return len(touched)

    def _conflicting(self, tree: Tree, constraint: str) -> Tree | None:
        if constraint == "tree_pkey":
            return self.trees.get(tree.id)
        return next((other for other in self.trees.values() if other.name == tree.name), None)

    def update(self, asker: Asker, where: dict[str, Any], set_: dict[str, Any], inc: dict[str, Any]) -> int:
        touched = [tree for tree in self.trees.values() if self._may_update(asker, tree, where)]
        changed = []
        for tree in touched:
            new = replace(tree, **set_)
            for column, by in inc.items():
                value = getattr(tree, column)
                new = replace(new, **{column: None if value is None else value + by})
            changed.append(new)
        for new in changed:
            self._put(new)
        return len(changed)

    def delete(self, asker: Asker, where: dict[str, Any]) -> int:
        view = View(self.trees.values(), asker)
        gone = [
            tree
            for tree in self.trees.values()
            if tree.owner == asker.person and holds(where, view, tree) is True
        ]
        for tree in gone:
            del self.trees[tree.id]
        for tree in self.trees.values():
            if tree.above is not None and tree.above not in self.trees:
                tree.above = None
        return len(gone)

    def _may_update(self, asker: Asker, tree: Tree, where: dict[str, Any]) -> bool:
        view = View(self.trees.values(), asker)
        return tree.owner == asker.person and tree.open and holds(where, view, tree) is True

    def _put(self, tree: Tree) -> None:
        if tree.height is not None and tree.height < 0:
            raise RefusedError
        if any(other.name == tree.name and other.id != tree.id for other in self.trees.values()):
            raise RefusedError
        self.trees[tree.id] = tree


# -- the database -------------------------------------------------------------------------------------------------

_FILL = sql.SQL("DELETE FROM tree; INSERT INTO tree SELECT * FROM json_populate_recordset(NULL::tree, {})")


async def fill(pool: Pool, trees: Iterable[Tree]) -> None:
    """These trees and no others, in one round trip."""
    rows = json.dumps([dict(zip(COLUMNS, astuple(tree), strict=True)) for tree in trees])
    async with pool.connection() as connection:
        await connection.execute(_FILL.format(sql.Literal(rows)))


async def held(served: Served) -> list[Tree]:
    """What is in the database, past all permissions."""
    return [Tree(*row) for row in await served.fetch(f"SELECT {', '.join(COLUMNS)} FROM tree ORDER BY id")]
