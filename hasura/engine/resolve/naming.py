"""The names that Hasura gives: GraphQL scalars of PostgreSQL types, root fields of tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hasura.engine.resolve.model import RootFields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasura.engine.catalog.model import PgType, QualifiedName
    from hasura.engine.metadata.model import Customization

# Hasura's PGScalarType to GraphQL name; a type that is not listed keeps its own name.
_SCALARS = {
    "int4": "Int",
    "float4": "Float",
    "bool": "Boolean",
    "text": "String",
    "varchar": "String",
    "int2": "smallint",
    "int8": "bigint",
}

_GRAPHQL_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*\Z")


def is_graphql_name(name: str) -> bool:
    """Whether ``name`` can stand in a GraphQL schema (spec section 2.1.9)."""
    return bool(_GRAPHQL_NAME.match(name))


def scalar_name(type_: PgType) -> str:
    """The GraphQL scalar of a type, of the element of an array. A table's row as a scalar is ``t_scalar``."""
    name = (type_.element or type_).name
    if type_.composite:
        return f"{name}_scalar"
    return _SCALARS.get(name, name)


def default_name(key: QualifiedName) -> str:
    """``table`` in the schema ``public``, ``schema_table`` elsewhere."""
    schema, name = key
    return name if schema == "public" else f"{schema}_{name}"


def root_fields(name: str, custom: Mapping[str, object], customization: Customization) -> RootFields:
    """The root fields of a table with the GraphQL name ``name``; ``custom`` is ``custom_root_fields``."""
    defaults = {
        "select": name,
        "select_by_pk": f"{name}_by_pk",
        "select_aggregate": f"{name}_aggregate",
        "select_stream": f"{name}_stream",
        "insert": f"insert_{name}",
        "insert_one": f"insert_{name}_one",
        "update": f"update_{name}",
        "update_by_pk": f"update_{name}_by_pk",
        "update_many": f"update_{name}_many",
        "delete": f"delete_{name}",
        "delete_by_pk": f"delete_{name}_by_pk",
    }
    for field, value in custom.items():
        # Since 2.1 Hasura also writes {"name": …, "comment": …}.
        chosen = value.get("name") if isinstance(value, dict) else value
        if field in defaults and isinstance(chosen, str):
            defaults[field] = chosen
    return RootFields(**{field: customization.field(name) for field, name in defaults.items()})
