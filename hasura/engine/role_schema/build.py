"""Puts a role's schema together: ``query_root``, ``mutation_root`` and ``subscription_root``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
from hasura.engine.role_schema.meaning import (
    INTROSPECTABLE,
    SEVERAL_ROOTS,
    FunctionRoot,
    Namespace,
    SelectRoot,
    carries,
)
from hasura.engine.role_schema.mutations import key_arguments, mutation_fields
from hasura.engine.role_schema.outputs import aggregate, row, rows
from hasura.engine.role_schema.types import Schema, Types
from hasura.engine.session import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterable

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
_SEVERAL_ROOTS = GraphQLDirective(
    SEVERAL_ROOTS,
    [DirectiveLocation.SUBSCRIPTION],
    description="internal testing tooling: several top level fields of one source in a subscription",
)


def build_schema(
    sources: Iterable[Source], role: str, *, backend: bool = False, introspectable: bool = True
) -> GraphQLSchema:
    """The schema of ``role``; a role that nothing is permitted to still has a (bare) ``query_root``."""
    building = Schema(role, backend)
    roots = _Roots({}, {}, {})
    for types in [Types(source, building) for source in sources]:
        own = _roots_of(types)
        roots.queries.update(_namespaced(types, own.queries, "query"))
        roots.mutations.update(
            _namespaced(types, own.mutations, "mutation_backend" if backend else "mutation_frontend")
        )
        roots.subscriptions.update(_namespaced(types, own.subscriptions, "subscription"))
    if not roots.queries:
        roots.queries["no_queries_available"] = GraphQLField(
            GraphQLNonNull(GraphQLString),
            description="There are no queries available to the current role. Either there are no sources or "
            "remote schemas configured, or the current role doesn't have the required permissions.",
        )
    return GraphQLSchema(
        query=_root("query_root", roots.queries),
        mutation=_root("mutation_root", roots.mutations) if roots.mutations else None,
        subscription=_root("subscription_root", roots.subscriptions) if roots.subscriptions else None,
        directives=[*specified_directives, _CACHED, _SEVERAL_ROOTS],
        extensions={INTROSPECTABLE: introspectable},
    )


class _Roots(NamedTuple):
    queries: GraphQLFieldMap
    mutations: GraphQLFieldMap
    subscriptions: GraphQLFieldMap


def _roots_of(types: Types) -> _Roots:
    """The root fields of one source."""
    roots = _Roots({}, {}, {})
    for table in types.source.tables.values():
        if types.access(table).select is not None:
            roots.queries.update(_reads(types, table, types.access(table).query_root_fields))
            allowed = types.access(table).subscription_root_fields
            roots.subscriptions.update(_reads(types, table, allowed))
            if types.access(table).columns and (allowed is None or "select_stream" in allowed):
                roots.subscriptions[table.root_fields.select_stream] = _stream(types, table)
        roots.mutations.update(mutation_fields(types, table))
    for function in types.source.functions.values():
        calls = _calls(types, function)
        if function.is_mutation:
            roots.mutations.update(calls)
        else:
            roots.queries.update(calls)
            roots.subscriptions.update(calls)
    return roots


def _namespaced(types: Types, fields: GraphQLFieldMap, kind: str) -> GraphQLFieldMap:
    """The fields, under the source's namespace where it has one."""
    namespace = types.source.customization.namespace
    if namespace is None or not fields:
        return fields
    type_ = _root(types.name(f"{namespace}_{kind}"), fields)
    return {namespace: GraphQLField(GraphQLNonNull(type_), extensions=carries(Namespace()))}


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
                extensions=carries(SelectRoot(table, types.source, "rows")),
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
                extensions=carries(SelectRoot(table, types.source, "aggregate")),
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
                extensions=carries(SelectRoot(table, types.source, "one")),
            ),
        )
    return {name: field for kind, (name, field) in fields.items() if allowed is None or kind in allowed}


def _stream(types: Types, table: Table) -> GraphQLField:
    return GraphQLField(
        rows(row(types, table)),
        args=stream_arguments(types, table),
        description=f'fetch data from the table in a streaming manner: "{table.name}"',
        extensions=carries(SelectRoot(table, types.source, "stream")),
    )


def _calls(types: Types, function: Function) -> GraphQLFieldMap:
    table = types.target(function.table)
    if table is None:
        return {}
    if types.role != ADMIN and not function.inferred and types.role not in function.roles:
        return {}
    given = [argument for argument in function.arguments if not argument.is_session]
    arguments = {
        **function_arguments(types, function.args_type, function.name, given),
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
            extensions=carries(FunctionRoot(function, table, types.source, aggregate=False)),
        )
    }
    if function.returns_set and types.access(table).aggregate:
        fields[function.aggregate_name] = GraphQLField(
            GraphQLNonNull(aggregate(types, table)),
            args=arguments,
            description=f'execute function "{function.name}" and query aggregates on result of table type '
            f'"{table.name}"',
            extensions=carries(FunctionRoot(function, table, types.source, aggregate=True)),
        )
    return fields
