"""A tiny schema that needs no database: for plans, SQL texts and schemas looked at as data."""

from collections.abc import Mapping
from typing import Any

from hasura.engine.catalog.model import Catalog, Column, ForeignKey, PgType, Table, UniqueKey
from hasura.engine.document.parse import GraphQLRequest, select_operation
from hasura.engine.document.selection import Selected, select_fields
from hasura.engine.document.variables import declarations, given_values
from hasura.engine.metadata import model as metadata
from hasura.engine.plan import nodes as n
from hasura.engine.plan.operation import plan_live, plan_operation
from hasura.engine.prepared import RoleSchema
from hasura.engine.resolve.build import resolve
from hasura.engine.resolve.model import Source
from hasura.engine.role_schema.build import build_schema

TYPES = {
    "integer": PgType("int4", "integer"),
    "bigint": PgType("int8", "bigint"),
    "text": PgType("text", "text"),
    "jsonb": PgType("jsonb", "jsonb"),
    "text[]": PgType("_text", "text[]", PgType("text", "text")),
}


def _column(name: str, type_: str, *, nullable: bool = True, default: bool = False) -> Column:
    return Column(name, TYPES[type_], nullable, default, generated=False, comment=None)


def _table(name: str, columns: tuple[Column, ...], *foreign_keys: ForeignKey) -> Table:
    key = UniqueKey(f"{name}_pkey", ("id",))
    return Table(
        schema="public",
        name=name,
        kind="r",
        columns=columns,
        primary_key=key,
        unique_keys=(key,),
        foreign_keys=foreign_keys,
        comment=None,
        insertable=True,
        updatable=True,
        deletable=True,
    )


CATALOG = Catalog(
    {
        ("public", "owner"): _table(
            "owner",
            (
                _column("id", "integer", nullable=False, default=True),
                _column("name", "text"),
                _column("tags", "text[]"),
            ),
        ),
        ("public", "pet"): _table(
            "pet",
            (
                _column("id", "integer", nullable=False, default=True),
                _column("owner_id", "integer"),
                _column("name", "text", nullable=False),
                _column("order", "bigint"),
                _column("about", "jsonb"),
            ),
            ForeignKey("pet_owner", ("owner_id",), ("public", "owner"), ("id",)),
        ),
    },
    {},
)

METADATA = metadata.Source.model_validate(
    {
        "name": "default",
        "tables": [
            {
                "table": "owner",
                "array_relationships": [
                    {
                        "name": "pets",
                        "using": {"foreign_key_constraint_on": {"table": "pet", "column": "owner_id"}},
                    }
                ],
                "select_permissions": [
                    {
                        "role": "user",
                        "permission": {"columns": "*", "filter": {"id": {"_eq": "X-Hasura-User-Id"}}},
                    }
                ],
            },
            {
                "table": "pet",
                "object_relationships": [
                    {"name": "owner", "using": {"foreign_key_constraint_on": "owner_id"}}
                ],
                "select_permissions": [
                    {
                        "role": "user",
                        "permission": {
                            "columns": ["id", "name", "order", "about"],
                            "filter": {"owner_id": {"_eq": "X-Hasura-User-Id"}},
                            "allow_aggregations": True,
                            "limit": 20,
                        },
                    }
                ],
                "insert_permissions": [
                    {
                        "role": "user",
                        "permission": {
                            "columns": ["name", "about"],
                            "check": {"owner_id": {"_eq": "X-Hasura-User-Id"}},
                            "set": {"owner_id": "x-hasura-user-id"},
                        },
                    }
                ],
                "update_permissions": [
                    {
                        "role": "user",
                        "permission": {
                            "columns": ["name", "order", "about"],
                            "filter": {"owner_id": {"_eq": "X-Hasura-User-Id"}},
                            "check": {"name": {"_neq": ""}},
                        },
                    }
                ],
                "delete_permissions": [
                    {
                        "role": "user",
                        "permission": {"filter": {"owner": {"id": {"_eq": "X-Hasura-User-Id"}}}},
                    }
                ],
            },
        ],
    }
)

SOURCE: Source = resolve(METADATA, CATALOG)


def role(name: str = "user") -> RoleSchema:
    """A role's schema with nothing kept yet."""
    return RoleSchema(name, build_schema([SOURCE], name), stringify_numbers=False)


def plan(query: str, variables: Mapping[str, Any] | None = None, as_role: str = "user") -> n.Roots:
    """The plan of a query or mutation."""
    return plan_operation(as_role, _selections(query, variables, as_role))


def live(query: str, as_role: str = "user") -> n.LivePlan | n.StreamPlan:
    """The plan of a subscription."""
    return plan_live(as_role, _selections(query, None, as_role))


def _selections(query: str, variables: Mapping[str, Any] | None, as_role: str) -> tuple[Selected, ...]:
    schema = build_schema([SOURCE], as_role)
    operation = select_operation(GraphQLRequest(query))
    declared = declarations(schema, operation)
    values = given_values(declared, operation.variables_used, variables or {})
    return select_fields(schema, operation, declared, values)
