"""GraphQL scalars and the operators that compare them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import GraphQLBoolean, GraphQLFloat, GraphQLInt, GraphQLScalarType, GraphQLString

if TYPE_CHECKING:
    from hasura.engine.resolve.model import Column

BUILT_IN = {t.name: t for t in (GraphQLBoolean, GraphQLFloat, GraphQLInt, GraphQLString)}

#: operators that every scalar has; their right side is the column's own type
EQUALITY = ("_eq", "_neq", "_gt", "_lt", "_gte", "_lte")
MEMBERSHIP = ("_in", "_nin")
TEXT = (
    "_like", "_nlike", "_ilike", "_nilike", "_similar", "_nsimilar",
    "_regex", "_nregex", "_iregex", "_niregex",
)  # fmt: skip
CONTAINMENT = ("_contains", "_contained_in")
#: operators on label paths: the type of their right side, and whether it is a list
LABEL_PATHS = {
    "_ancestor": ("ltree", False), "_ancestor_any": ("ltree", True),
    "_descendant": ("ltree", False), "_descendant_any": ("ltree", True),
    "_matches": ("lquery", False), "_matches_any": ("lquery", True),
    "_matches_fulltext": ("ltxtquery", False),
}  # fmt: skip

#: types that the text operators compare
TEXT_TYPES = frozenset({"String", "bpchar", "citext", "name"})
_NUMERIC_TYPES = frozenset({"Int", "Float", "smallint", "bigint", "float8", "numeric", "money"})
# These are left out of max and min: PostgreSQL 15 has no such aggregate for them.
_UNORDERED_TYPES = frozenset({
    "Boolean", "json", "jsonb", "jsonpath", "uuid", "xml", "bytea", "bit", "varbit", "hstore",
    "tsvector", "tsquery", "ltree", "lquery", "ltxtquery", "macaddr", "macaddr8",
    "geometry", "geography", "raster", "point", "line", "lseg", "box", "path", "polygon", "circle",
    "int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange",
    "int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange",
    "cid", "xid", "refcursor", "txid_snapshot",
})  # fmt: skip

#: aggregate functions over numbers, and whether they answer the column's type (else Float)
NUMERIC_AGGREGATES = {
    "avg": False, "stddev": False, "stddev_pop": False, "stddev_samp": False, "sum": True,
    "var_pop": False, "var_samp": False, "variance": False,
}  # fmt: skip
ORDERED_AGGREGATES = ("max", "min")


#: types that a selection may give a ``path`` into
JSON = frozenset({"json", "jsonb"})


def scalar(name: str) -> GraphQLScalarType:
    """The scalar type called ``name``; one object a schema, so the caller keeps it."""
    return BUILT_IN.get(name) or GraphQLScalarType(name)


def is_jsonb(column: Column) -> bool:
    """Whether the jsonb operators apply."""
    return column.scalar == "jsonb" and not column.is_array


def is_json(column: Column) -> bool:
    """Whether a selection may give a ``path``."""
    return column.scalar in JSON and not column.is_array


def is_numeric(column: Column) -> bool:
    """Whether sums and averages exist, and ``_inc``."""
    return column.scalar in _NUMERIC_TYPES and not column.is_array


def is_ordered(column: Column) -> bool:
    """Whether ``max`` and ``min`` exist."""
    return column.scalar not in _UNORDERED_TYPES and column.enum is None and not column.is_array
