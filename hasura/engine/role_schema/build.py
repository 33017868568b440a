"""Puts a role's schema together: ``query_root``, ``mutation_root`` and ``subscription_root``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDirective,
    GraphQLField,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
)
from graphql.type import specified_directives

from hasura.engine.role_schema.inputs import function_arguments, select_arguments, stream_arguments
from hasura.engine.role_schema.meaning import INTROSPECTABLE, FunctionRoot, SelectRoot, carries
from hasura.engine.role_schema.mutations import key_arguments, mutation_fields
from hasura.engine.role_schema.outputs import aggregate, row, rows
from hasura.engine.role_schema.types import Types
from hasura.engine.session import ADMIN

if TYPE_CHECKING:
    from graphql import GraphQLFieldMap

    from hasura.engine.resolve.model import Function, Source, Table

_CACHED = GraphQLDirective(
    "cached",
    [DirectiveLocation.QUERY],
    args={
        "ttl": GraphQLArgument(GraphQLNonNull(GraphQLInt), default_value=60),
        "refresh": GraphQLArgument(GraphQLNonNull(GraphQLBoolean), default_value=False),
    },
    description="whether this query should be cached (Hasura Cloud only)",
)


def build_schema(
    source: Source, role: str, *, backend: bool = False, introspectable: bool = True
) -> GraphQLSchema:
    """The schema of ``role``; a role that nothing is permitted to still has a (bare) ``query_root``."""
    types = Types(source, role, backend=backend)
    queries: GraphQLFieldMap = {}
    subscriptions: GraphQLFieldMap = {}
    mutations: GraphQLFieldMap = {}
    for table in source.tables.values():
        if types.access(table).select is not None:
            queries.update(_reads(types, table, types.access(table).query_root_fields))
            allowed = types.access(table).subscription_root_fields
            subscriptions.update(_reads(types, table, allowed))
            if types.access(table).columns and (allowed is None or "select_stream" in allowed):
                subscriptions[table.root_fields.select_stream] = _stream(types, table)
        mutations.update(mutation_fields(types, table))
    for function in source.functions.values():
        calls = _calls(types, function)
        if function.is_mutation:
            mutations.update(calls)
        else:
            queries.update(calls)
            subscriptions.update(calls)
    if not queries:
        queries["no_queries_available"] = GraphQLField(
            GraphQLNonNull(GraphQLString),
            description="There are no queries available to the current role. Either there are no sources or "
            "remote schemas configured, or the current role doesn't have the required permissions.",
        )
    return GraphQLSchema(
        query=_root("query_root", queries),
        mutation=_root("mutation_root", mutations) if mutations else None,
        subscription=_root("subscription_root", subscriptions) if subscriptions else None,
        directives=[*specified_directives, _CACHED],
        extensions={INTROSPECTABLE: introspectable},
    )


def _root(name: str, fields: GraphQLFieldMap) -> GraphQLObjectType:
    return GraphQLObjectType(name, dict(sorted(fields.items())))


def _reads(types: Types, table: Table, allowed: frozenset[str] | None) -> GraphQLFieldMap:
    names = table.root_fields
    fields: dict[str, tuple[str, GraphQLField]] = {
        "select": (
            names.select,
            GraphQLField(
                rows(row(types, table)),
                args=select_arguments(types, table),
                description=f'fetch data from the table: "{table.name}"',
                extensions=carries(SelectRoot(table, "rows")),
            ),
        )
    }
    if types.access(table).aggregate:
        fields["select_aggregate"] = (
            names.select_aggregate,
            GraphQLField(
                GraphQLNonNull(aggregate(types, table)),
                args=select_arguments(types, table),
                description=f'fetch aggregated fields from the table: "{table.name}"',
                extensions=carries(SelectRoot(table, "aggregate")),
            ),
        )
    visible = types.access(table).select or ()
    if table.primary_key and all(column in visible for column in table.primary_key):
        fields["select_by_pk"] = (
            names.select_by_pk,
            GraphQLField(
                row(types, table),
                args=key_arguments(types, table),
                description=f'fetch data from the table: "{table.name}" using primary key columns',
                extensions=carries(SelectRoot(table, "one")),
            ),
        )
    return {name: field for kind, (name, field) in fields.items() if allowed is None or kind in allowed}


def _stream(types: Types, table: Table) -> GraphQLField:
    return GraphQLField(
        rows(row(types, table)),
        args=stream_arguments(types, table),
        description=f'fetch data from the table in a streaming manner: "{table.name}"',
        extensions=carries(SelectRoot(table, "stream")),
    )


def _calls(types: Types, function: Function) -> GraphQLFieldMap:
    table = types.target(function.table)
    if table is None:
        return {}
    if types.role != ADMIN and not function.inferred and types.role not in function.roles:
        return {}
    given = [argument for argument in function.arguments if not argument.is_session]
    arguments = {
        **function_arguments(types, f"{function.name}_args", function.name, given),
        **select_arguments(types, table),
    }
    result = rows(row(types, table)) if function.returns_set else row(types, table)
    fields: GraphQLFieldMap = {
        function.name: GraphQLField(
            result,
            args=arguments,
            description=function.comment
            or f'execute {"VOLATILE " if function.is_mutation else ""}function "{function.name}" '
            f'which returns "{table.name}"',
            extensions=carries(FunctionRoot(function, table, aggregate=False)),
        )
    }
    if function.returns_set and types.access(table).aggregate:
        fields[function.aggregate_name] = GraphQLField(
            GraphQLNonNull(aggregate(types, table)),
            args=arguments,
            description=f'execute function "{function.name}" and query aggregates on result of table type '
            f'"{table.name}"',
            extensions=carries(FunctionRoot(function, table, aggregate=True)),
        )
    return fields
