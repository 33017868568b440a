"""``where`` over aggregates: ``sessions(where: {messages_aggregate: {count: {predicate: {_gt: 3}}}})``.

https://hasura.io/docs/2.0/queries/postgres/filters/aggregation-filters/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    GraphQLBoolean,
    GraphQLInputField,
    GraphQLInputFieldMap,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
)

from hasura.engine.role_schema.meaning import AggregatePredicate, ColumnOf, carries

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLEnumType, GraphQLInputType

    from hasura.engine.resolve.model import Column, Table
    from hasura.engine.role_schema.types import Types

    BoolExp = Callable[[Types, Table], GraphQLInputObjectType]
    ComparisonExp = Callable[[Types, str], GraphQLInputObjectType]

BOOLEAN_FUNCTIONS = ("bool_and", "bool_or")


def aggregate_bool_exp(
    types: Types, table: Table, bool_exp: BoolExp, comparison_exp: ComparisonExp
) -> GraphQLInputObjectType:
    """``t_aggregate_bool_exp``. ``bool_exp`` and ``comparison_exp`` make the types it shares with other filters."""
    base = f"{table.name}_aggregate_bool_exp"
    name = types.name(base)
    columns = types.access(table).columns
    booleans = tuple(c for c in columns if c.scalar == "Boolean" and not c.is_array)

    def predicate(function: str, arguments: GraphQLInputType, scalar: str) -> GraphQLInputField:
        inner = types.name(f"{base}_{function}")
        fields: GraphQLInputFieldMap = {
            "arguments": GraphQLInputField(arguments),
            "distinct": GraphQLInputField(GraphQLBoolean),
            "filter": GraphQLInputField(bool_exp(types, table)),
            "predicate": GraphQLInputField(GraphQLNonNull(comparison_exp(types, scalar))),
        }
        return GraphQLInputField(
            types.once(inner, lambda: GraphQLInputObjectType(inner, fields)),
            extensions=carries(AggregatePredicate(function)),
        )

    def fields() -> GraphQLInputFieldMap:
        every = types.columns_enum(table, "select_column", f'select columns of table "{table.name}"', columns)
        result = {"count": predicate("count", GraphQLList(GraphQLNonNull(every)), "Int")}
        for function in BOOLEAN_FUNCTIONS if booleans else ():
            result[function] = predicate(
                function, GraphQLNonNull(_argument(types, table, function, booleans)), "Boolean"
            )
        return dict(sorted(result.items()))

    return types.once(name, lambda: GraphQLInputObjectType(name, fields))


def _argument(types: Types, table: Table, function: str, columns: tuple[Column, ...]) -> GraphQLEnumType:
    base = f"{table.name}_select_column_{table.name}_aggregate_bool_exp_{function}_arguments_columns"
    values: dict[str, tuple[object, str | None]] = {
        column.name: (ColumnOf(column, types.redaction(table, column.sql_name)), "column name")
        for column in columns
    }
    return types.enum(types.name(base), f'select "{function}" columns of table "{table.name}"', values)
