"""Output types: rows, aggregates, answers of mutations."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLFieldMap,
    GraphQLFloat,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
)

from hasura.engine.role_schema import scalars
from hasura.engine.role_schema.inputs import (
    aggregate_columns,
    function_arguments,
    select_arguments,
    select_column,
)
from hasura.engine.role_schema.meaning import (
    AggregateFunction,
    AggregatePart,
    ComputedOf,
    Count,
    RelationshipOf,
    RemoteOf,
    carries,
)

if TYPE_CHECKING:
    from hasura.engine.resolve.model import Column, ComputedField, RemoteRelationship, Table
    from hasura.engine.role_schema.types import Types


def rows(type_: GraphQLObjectType) -> GraphQLOutputType:
    """``[t!]!``."""
    return GraphQLNonNull(GraphQLList(GraphQLNonNull(type_)))


def row(types: Types, table: Table) -> GraphQLObjectType:
    """The object type of a table's row, named as the table."""

    def fields() -> GraphQLFieldMap:
        result = {column.name: _column(types, table, column) for column in types.access(table).select or ()}
        for relationship in table.relationships.values():
            target = types.target(relationship.target)
            if target is None:
                continue
            meaning = carries(RelationshipOf(relationship, target))
            if not relationship.many:
                type_ = row(types, target)
                result[relationship.name] = GraphQLField(
                    type_ if relationship.nullable else GraphQLNonNull(type_),
                    description=relationship.comment or "An object relationship",
                    extensions=meaning,
                )
                continue
            result[relationship.name] = GraphQLField(
                rows(row(types, target)),
                args=select_arguments(types, target),
                description=relationship.comment or "An array relationship",
                extensions=meaning,
            )
            if types.access(target).aggregate:
                result[f"{relationship.name}_aggregate"] = GraphQLField(
                    GraphQLNonNull(aggregate(types, target)),
                    args=select_arguments(types, target),
                    description="An aggregate relationship",
                    extensions=carries(RelationshipOf(relationship, target, aggregate=True)),
                )
        for remote in table.remote.values():
            result.update(_remote(types, table, remote))
        for computed in types.access(table).computed:
            field = _computed(types, table, computed)
            if field is not None:
                result[computed.name] = field
        return dict(sorted(result.items()))

    description = table.comment or f'columns and relationships of "{table.name}"'
    name = types.name(table.name)
    return types.once(name, lambda: GraphQLObjectType(name, fields, description=description))


def _remote(types: Types, table: Table, remote: RemoteRelationship) -> GraphQLFieldMap:
    """The fields of a relationship to another source, for a role that sees both its ends."""
    there = types.of_source[remote.source]
    target = there.target(remote.target)
    joined = [table.by_sql_name[ours] for ours, _ in remote.columns]
    visible = types.access(table).columns
    if target is None or not all(
        column in visible and types.redaction(table, column.sql_name) is None for column in joined
    ):
        return {}
    description = "A remote relationship field"
    meaning = carries(RemoteOf(remote, target, there.source))
    if not remote.many:
        return {remote.name: GraphQLField(row(there, target), description=description, extensions=meaning)}
    fields: GraphQLFieldMap = {
        remote.name: GraphQLField(
            rows(row(there, target)),
            args=select_arguments(there, target),
            description=description,
            extensions=meaning,
        )
    }
    if there.access(target).aggregate:
        fields[f"{remote.name}_aggregate"] = GraphQLField(
            GraphQLNonNull(aggregate(there, target)),
            args=select_arguments(there, target),
            description=description,
            extensions=carries(RemoteOf(remote, target, there.source, aggregate=True)),
        )
    return fields


def _column(types: Types, table: Table, column: Column) -> GraphQLField:
    path = (
        {"path": GraphQLArgument(GraphQLString, description="JSON select path")}
        if scalars.is_json(column)
        else None
    )
    return GraphQLField(
        types.output(column), args=path, description=column.comment, extensions=types.column_of(table, column)
    )


def _computed(types: Types, table: Table, computed: ComputedField) -> GraphQLField | None:
    name = types.name(f"{computed.function[1]}_{table.name}_args")
    arguments = function_arguments(types, name, computed.function[1], computed.given)
    if computed.target is None:
        if computed.scalar in scalars.JSON:
            arguments["path"] = GraphQLArgument(GraphQLString, description="JSON select path")
        type_ = types.input(computed.scalar, is_array=computed.type.element is not None)
        return GraphQLField(
            cast("GraphQLOutputType", type_),
            args=arguments,
            description=computed.comment or "A computed field",
            extensions=carries(ComputedOf(computed, redaction=types.redaction(table, computed.name))),
        )
    target = types.target(computed.target)
    if target is None:
        return None
    shown = row(types, target)
    return GraphQLField(
        GraphQLList(GraphQLNonNull(shown)) if computed.returns_set else shown,
        args={**arguments, **select_arguments(types, target)},
        description=computed.comment or "A computed field",
        extensions=carries(ComputedOf(computed, target)),
    )


def aggregate(types: Types, table: Table) -> GraphQLObjectType:
    """``t_aggregate``."""
    name = types.name(f"{table.name}_aggregate")
    return types.once(
        name,
        lambda: GraphQLObjectType(
            name,
            lambda: {
                "aggregate": GraphQLField(
                    _aggregate_fields(types, table), extensions=carries(AggregatePart("aggregate"))
                ),
                "nodes": GraphQLField(rows(row(types, table)), extensions=carries(AggregatePart("nodes"))),
            },
            description=f'aggregated selection of "{table.name}"',
        ),
    )


def _aggregate_fields(types: Types, table: Table) -> GraphQLObjectType:
    def fields() -> GraphQLFieldMap:
        result = {
            "count": GraphQLField(
                GraphQLNonNull(GraphQLInt),
                args={
                    "columns": GraphQLArgument(GraphQLList(GraphQLNonNull(select_column(types, table)))),
                    "distinct": GraphQLArgument(GraphQLBoolean),
                },
                extensions=carries(Count()),
            )
        }
        for function, columns in aggregate_columns(types, table).items():
            result[function] = GraphQLField(
                _function_fields(types, table, function, columns),
                extensions=carries(AggregateFunction(function)),
            )
        return result

    name = types.name(f"{table.name}_aggregate_fields")
    description = f'aggregate fields of "{table.name}"'
    return types.once(name, lambda: GraphQLObjectType(name, fields, description=description))


def _function_fields(types: Types, table: Table, function: str, columns: list[Column]) -> GraphQLObjectType:
    keeps_type = scalars.NUMERIC_AGGREGATES.get(function, True)
    name = types.name(f"{table.name}_{function}_fields")
    return types.once(
        name,
        lambda: GraphQLObjectType(
            name,
            {
                column.name: GraphQLField(
                    cast("GraphQLOutputType", types.scalar(column.scalar)) if keeps_type else GraphQLFloat,
                    description=column.comment,
                    extensions=types.column_of(table, column),
                )
                for column in columns
            },
            description=f"aggregate {function} on columns",
        ),
    )


def mutation_response(types: Types, table: Table) -> GraphQLObjectType:
    """``t_mutation_response``; ``returning`` exists for a role that may select."""

    def fields() -> GraphQLFieldMap:
        result = {
            "affected_rows": GraphQLField(
                GraphQLNonNull(GraphQLInt),
                description="number of rows affected by the mutation",
                extensions=carries(AggregatePart("affected_rows")),
            )
        }
        if types.access(table).select is not None:
            result["returning"] = GraphQLField(
                rows(row(types, table)),
                description="data from the rows affected by the mutation",
                extensions=carries(AggregatePart("returning")),
            )
        return result

    name = types.name(f"{table.name}_mutation_response")
    description = f'response of any mutation on the table "{table.name}"'
    return types.once(name, lambda: GraphQLObjectType(name, fields, description=description))
