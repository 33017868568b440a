"""Input types of reads: ``where``, ``order_by``, ``distinct_on``, stream cursors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLInputField,
    GraphQLInputFieldMap,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
)

from hasura.engine.role_schema import scalars
from hasura.engine.role_schema.aggregate_predicates import aggregate_bool_exp
from hasura.engine.role_schema.meaning import (
    MAY_BE_TEXT,
    AggregateFunction,
    Comparison,
    ComputedOf,
    Count,
    Logical,
    RelationshipOf,
    carries,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graphql import GraphQLEnumType

    from hasura.engine.resolve.model import Argument, Column, Table
    from hasura.engine.role_schema.types import Types

_ORDER = {
    "asc": "in ascending order, nulls last",
    "asc_nulls_first": "in ascending order, nulls first",
    "asc_nulls_last": "in ascending order, nulls last",
    "desc": "in descending order, nulls first",
    "desc_nulls_first": "in descending order, nulls first",
    "desc_nulls_last": "in descending order, nulls last",
}


def required(type_: GraphQLInputType) -> GraphQLInputType:
    """``type_!``."""
    return type_ if isinstance(type_, GraphQLNonNull) else GraphQLNonNull(type_)


def select_arguments(types: Types, table: Table) -> dict[str, GraphQLArgument]:
    """``distinct_on``, ``limit``, ``offset``, ``order_by`` and ``where``."""
    return {
        "distinct_on": GraphQLArgument(
            GraphQLList(GraphQLNonNull(select_column(types, table))), description="distinct select on columns"
        ),
        "limit": GraphQLArgument(GraphQLInt, description="limit the number of rows returned"),
        "offset": GraphQLArgument(
            GraphQLInt,
            description="skip the first n rows. Use only with order_by",
            extensions={MAY_BE_TEXT: True},
        ),
        "order_by": GraphQLArgument(
            GraphQLList(GraphQLNonNull(order_by(types, table))),
            description="sort the rows by one or more columns",
        ),
        "where": GraphQLArgument(bool_exp(types, table), description="filter the rows returned"),
    }


def function_arguments(
    types: Types, name: str, function: str, given: Iterable[Argument]
) -> dict[str, GraphQLArgument]:
    """``args``, of a function that takes any; ``name`` is its input type's."""
    fields = {
        argument.name: GraphQLInputField(
            types.input(argument.scalar, is_array=argument.type.element is not None)
        )
        for argument in given
        if argument.name
    }
    if not fields:
        return {}
    args = types.once(name, lambda: GraphQLInputObjectType(name, fields))
    optional = all(argument.has_default for argument in given)
    return {
        "args": GraphQLArgument(
            args if optional else required(args), description=f'input parameters for function "{function}"'
        )
    }


def select_column(types: Types, table: Table) -> GraphQLEnumType:
    """``t_select_column``."""
    columns = types.access(table).select or ()
    return types.columns_enum(table, "select_column", f'select columns of table "{table.name}"', columns)


def bool_exp(types: Types, table: Table) -> GraphQLInputObjectType:
    """``t_bool_exp``."""

    def fields() -> GraphQLInputFieldMap:
        this = GraphQLList(GraphQLNonNull(bool_exp(types, table)))
        result = {
            "_and": GraphQLInputField(this, extensions=carries(Logical("_and"))),
            "_not": GraphQLInputField(bool_exp(types, table), extensions=carries(Logical("_not"))),
            "_or": GraphQLInputField(this, extensions=carries(Logical("_or"))),
        }
        for column in types.access(table).select or ():
            result[column.name] = GraphQLInputField(
                column_comparison_exp(types, column),
                extensions=types.column_of(table, column),
            )
        for computed in types.access(table).computed:
            if computed.given:  # a condition has no place for arguments
                continue
            target = types.target(computed.target) if computed.target else None
            if computed.target is None:
                is_array = computed.type.element is not None
                result[computed.name] = GraphQLInputField(
                    comparison_exp(types, computed.scalar, is_array=is_array),
                    extensions=carries(ComputedOf(computed, redaction=types.redaction(table, computed.name))),
                )
            elif target is not None:
                result[computed.name] = GraphQLInputField(
                    bool_exp(types, target), extensions=carries(ComputedOf(computed, target))
                )
        for relationship in table.relationships.values():
            target = types.target(relationship.target)
            if target is not None:
                result[relationship.name] = GraphQLInputField(
                    bool_exp(types, target), extensions=carries(RelationshipOf(relationship, target))
                )
            if target is not None and relationship.many and types.access(target).aggregate:
                result[f"{relationship.name}_aggregate"] = GraphQLInputField(
                    aggregate_bool_exp(types, target, bool_exp, comparison_exp),
                    extensions=carries(RelationshipOf(relationship, target, aggregate=True)),
                )
        return result

    name = types.name(f"{table.name}_bool_exp")
    description = (
        f'Boolean expression to filter rows from the table "{table.name}". '
        "All fields are combined with a logical 'AND'."
    )
    return types.once(name, lambda: GraphQLInputObjectType(name, fields, description=description))


def column_comparison_exp(types: Types, column: Column) -> GraphQLInputObjectType:
    """The operators of a column: its scalar's, or an enum's few."""
    if column.enum is None:
        return comparison_exp(types, column.scalar, is_array=column.is_array)
    own, enum = types.column_input(column), column.enum.name
    operators: dict[str, GraphQLInputType] = dict.fromkeys(("_eq", "_neq"), own)
    operators |= dict.fromkeys(scalars.MEMBERSHIP, GraphQLList(required(own)))
    operators["_is_null"] = GraphQLBoolean
    name = f"{enum}_comparison_exp"
    return types.once(
        name,
        lambda: GraphQLInputObjectType(
            name,
            {
                operator: GraphQLInputField(type_, extensions=carries(Comparison(operator)))
                for operator, type_ in sorted(operators.items())
            },
            description=f'Boolean expression to compare columns of type "{enum}". '
            "All fields are combined with logical 'AND'.",
        ),
    )


def comparison_exp(types: Types, scalar: str, *, is_array: bool = False) -> GraphQLInputObjectType:
    """``String_comparison_exp`` and its like; arrays have ``String_array_comparison_exp``."""

    def fields() -> GraphQLInputFieldMap:
        own = types.input(scalar, is_array=is_array)
        texts = GraphQLList(GraphQLNonNull(GraphQLString))
        result: dict[str, GraphQLInputType] = dict.fromkeys(scalars.EQUALITY, own)
        result |= dict.fromkeys(scalars.MEMBERSHIP, GraphQLList(required(own)))
        result["_is_null"] = GraphQLBoolean
        if scalar in scalars.TEXT_TYPES and not is_array:
            result |= dict.fromkeys(scalars.TEXT, own)
        if scalar == "jsonb" or is_array:
            result |= dict.fromkeys(scalars.CONTAINMENT, own)
        if scalar == "ltree" and not is_array:
            result |= {
                op: types.input(name, is_array=many) for op, (name, many) in scalars.LABEL_PATHS.items()
            }
        if scalar == "jsonb" and not is_array:
            result |= {"_has_key": GraphQLString, "_has_keys_any": texts, "_has_keys_all": texts}
            result["_cast"] = _cast_exp(types)
        return {
            operator: GraphQLInputField(type_, extensions=carries(Comparison(operator)))
            for operator, type_ in sorted(result.items())
        }

    name = f"{scalar}_array_comparison_exp" if is_array else f"{scalar}_comparison_exp"
    description = (
        f'Boolean expression to compare columns of type "{scalar}". '
        "All fields are combined with logical 'AND'."
    )
    return types.once(name, lambda: GraphQLInputObjectType(name, fields, description=description))


def _cast_exp(types: Types) -> GraphQLInputObjectType:
    """``jsonb_cast_exp``: a jsonb column compared as text."""
    return types.once(
        "jsonb_cast_exp",
        lambda: GraphQLInputObjectType(
            "jsonb_cast_exp", lambda: {"String": GraphQLInputField(comparison_exp(types, "String"))}
        ),
    )


def order_enum(types: Types) -> GraphQLEnumType:
    """``order_by``."""
    return types.enum(
        "order_by", "column ordering options", {name: (name, text) for name, text in _ORDER.items()}
    )


def order_by(types: Types, table: Table) -> GraphQLInputObjectType:
    """``t_order_by``."""

    def fields() -> GraphQLInputFieldMap:
        result = {
            column.name: GraphQLInputField(order_enum(types), extensions=types.column_of(table, column))
            for column in types.access(table).select or ()
        }
        for computed in types.access(table).computed:
            if computed.given:
                continue
            target = types.target(computed.target) if computed.target else None
            if computed.target is None:
                result[computed.name] = GraphQLInputField(
                    order_enum(types),
                    extensions=carries(ComputedOf(computed, redaction=types.redaction(table, computed.name))),
                )
            elif target is not None and types.access(target).aggregate:
                result[f"{computed.name}_aggregate"] = GraphQLInputField(
                    aggregate_order_by(types, target),
                    extensions=carries(ComputedOf(computed, target, aggregate=True)),
                )
        for relationship in table.relationships.values():
            target = types.target(relationship.target)
            if target is None:
                continue
            if not relationship.many:
                result[relationship.name] = GraphQLInputField(
                    order_by(types, target), extensions=carries(RelationshipOf(relationship, target))
                )
            elif types.access(target).aggregate:
                result[f"{relationship.name}_aggregate"] = GraphQLInputField(
                    aggregate_order_by(types, target),
                    extensions=carries(RelationshipOf(relationship, target, aggregate=True)),
                )
        return result

    name = types.name(f"{table.name}_order_by")
    description = f'Ordering options when selecting data from "{table.name}".'
    return types.once(name, lambda: GraphQLInputObjectType(name, fields, description=description))


def aggregate_columns(types: Types, table: Table) -> dict[str, list[Column]]:
    """Which columns each aggregate function of ``t_aggregate`` takes; functions without any are left out."""
    columns = types.access(table).select or ()
    found = {name: [c for c in columns if scalars.is_numeric(c)] for name in scalars.NUMERIC_AGGREGATES}
    found |= {name: [c for c in columns if scalars.is_ordered(c)] for name in scalars.ORDERED_AGGREGATES}
    return {name: found[name] for name in sorted(found) if found[name]}


def aggregate_order_by(types: Types, table: Table) -> GraphQLInputObjectType:
    """``t_aggregate_order_by``."""

    def fields() -> GraphQLInputFieldMap:
        result = {"count": GraphQLInputField(order_enum(types), extensions=carries(Count()))}
        for function, columns in aggregate_columns(types, table).items():
            name = types.name(f"{table.name}_{function}_order_by")
            inner = {
                column.name: GraphQLInputField(order_enum(types), extensions=types.column_of(table, column))
                for column in columns
            }
            result[function] = GraphQLInputField(
                types.once(name, lambda name=name, inner=inner: GraphQLInputObjectType(name, inner)),  # type: ignore[misc]
                extensions=carries(AggregateFunction(function)),
            )
        return result

    name = types.name(f"{table.name}_aggregate_order_by")
    return types.once(
        name,
        lambda: GraphQLInputObjectType(
            name, fields, description=f'order by aggregate values of table "{table.name}"'
        ),
    )


def stream_arguments(types: Types, table: Table) -> dict[str, GraphQLArgument]:
    """``batch_size``, ``cursor`` and ``where`` of ``t_stream``."""
    ordering = types.enum(
        types.name("cursor_ordering"),
        "ordering argument of a cursor",
        {
            "ASC": ("ASC", "ascending ordering of the cursor"),
            "DESC": ("DESC", "descending ordering of the cursor"),
        },
    )

    def values() -> GraphQLInputObjectType:
        name = types.name(f"{table.name}_stream_cursor_value_input")
        fields = {
            column.name: GraphQLInputField(
                types.column_input(column), extensions=types.column_of(table, column)
            )
            for column in types.access(table).select or ()
        }
        description = "Initial value of the column from where the streaming should start"
        return types.once(name, lambda: GraphQLInputObjectType(name, fields, description=description))

    name = types.name(f"{table.name}_stream_cursor_input")
    cursor = types.once(
        name,
        lambda: GraphQLInputObjectType(
            name,
            {
                "initial_value": GraphQLInputField(GraphQLNonNull(values())),
                "ordering": GraphQLInputField(ordering),
            },
            description=f'Streaming cursor of the table "{table.name}"',
        ),
    )
    return {
        "batch_size": GraphQLArgument(
            GraphQLNonNull(GraphQLInt), description="maximum number of rows returned in a single batch"
        ),
        "cursor": GraphQLArgument(
            GraphQLNonNull(GraphQLList(cursor)),
            description="cursor to stream the results returned by the query",
        ),
        "where": GraphQLArgument(bool_exp(types, table), description="filter the rows returned"),
    }
