"""Root fields that write, with their input types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
)

from hasura.engine.resolve.naming import is_graphql_name
from hasura.engine.role_schema import scalars
from hasura.engine.role_schema.inputs import bool_exp, required
from hasura.engine.role_schema.meaning import (
    ColumnOf,
    DeleteRoot,
    InsertRoot,
    RelationshipOf,
    UpdateRoot,
    carries,
)
from hasura.engine.role_schema.outputs import mutation_response, row

if TYPE_CHECKING:
    from graphql import GraphQLFieldMap

    from hasura.engine.catalog.model import UniqueKey
    from hasura.engine.resolve.model import Column, Table
    from hasura.engine.role_schema.types import Types


def mutation_fields(types: Types, table: Table) -> GraphQLFieldMap:
    """The root fields by which the role may write ``table``."""
    return {**_inserts(types, table), **_updates(types, table), **_deletes(types, table)}


def _columns_input(
    types: Types,
    table: Table,
    suffix: str,
    columns: list[Column],
    description: str,
    *,
    all_required: bool = False,
) -> GraphQLInputObjectType:
    name = types.name(f"{table.name}_{suffix}")

    def field(column: Column) -> GraphQLInputField:
        type_ = types.column_input(column)
        return GraphQLInputField(
            required(type_) if all_required else type_,
            description=column.comment,
            extensions=carries(ColumnOf(column)),
        )

    return types.once(
        name,
        lambda: GraphQLInputObjectType(
            name, {column.name: field(column) for column in columns}, description=description
        ),
    )


def _inserts(types: Types, table: Table) -> GraphQLFieldMap:
    access = types.access(table)
    if not access.insert:  # GraphQL knows no input object without fields
        return {}
    row_input = _insert_input(types, table)
    conflict = {}
    if _choosable_keys(table):
        conflict["on_conflict"] = GraphQLArgument(_on_conflict(types, table), description="upsert condition")
    many = GraphQLArgument(required(GraphQLList(required(row_input))), description="the rows to be inserted")
    fields = {
        table.root_fields.insert: GraphQLField(
            mutation_response(types, table),
            args={"objects": many, **conflict},
            description=f'insert data into the table: "{table.name}"',
            extensions=carries(InsertRoot(table, types.source, one=False)),
        )
    }
    if access.select is not None:
        fields[table.root_fields.insert_one] = GraphQLField(
            row(types, table),
            args={
                "object": GraphQLArgument(required(row_input), description="the row to be inserted"),
                **conflict,
            },
            description=f'insert a single row into the table: "{table.name}"',
            extensions=carries(InsertRoot(table, types.source, one=True)),
        )
    return fields


def _insert_input(types: Types, table: Table) -> GraphQLInputObjectType:
    name = types.name(f"{table.name}_insert_input")

    def fields() -> dict[str, GraphQLInputField]:
        result = {
            column.name: GraphQLInputField(
                types.column_input(column), description=column.comment, extensions=carries(ColumnOf(column))
            )
            for column in types.access(table).insert or ()
        }
        for relationship in table.relationships.values():
            target = types.source.tables.get(relationship.target)
            if target is not None and types.access(target).insert:
                result[relationship.name] = GraphQLInputField(
                    _nested_input(types, target, many=relationship.many),
                    extensions=carries(RelationshipOf(relationship, target)),
                )
        return dict(sorted(result.items()))

    description = f'input type for inserting data into table "{table.name}"'
    return types.once(name, lambda: GraphQLInputObjectType(name, fields, description=description))


def _nested_input(types: Types, target: Table, *, many: bool) -> GraphQLInputObjectType:
    name = types.name(f"{target.name}_{'arr' if many else 'obj'}_rel_insert_input")

    def fields() -> dict[str, GraphQLInputField]:
        row_input = required(_insert_input(types, target))
        result = {"data": GraphQLInputField(required(GraphQLList(row_input)) if many else row_input)}
        if _choosable_keys(target):
            result["on_conflict"] = GraphQLInputField(
                _on_conflict(types, target), description="upsert condition"
            )
        return result

    kind = "array" if many else "object"
    description = f'input type for inserting {kind} relation for remote table "{target.name}"'
    return types.once(name, lambda: GraphQLInputObjectType(name, fields, description=description))


def _choosable_keys(table: Table) -> list[UniqueKey]:
    # A constraint is named by an enum value, so one whose name GraphQL cannot say cannot be chosen.
    return [key for key in table.catalog.unique_keys if is_graphql_name(key.name)]


def _on_conflict(types: Types, table: Table) -> GraphQLInputObjectType:
    constraint = types.enum(
        types.name(f"{table.name}_constraint"),
        f'unique or primary key constraints on table "{table.name}"',
        {
            key.name: (key, f"unique or primary key constraint on columns {', '.join(key.columns)}")
            for key in _choosable_keys(table)
        },
    )
    update_column = types.columns_enum(
        table, "update_column", f'update columns of table "{table.name}"', types.access(table).update or ()
    )
    name = types.name(f"{table.name}_on_conflict")
    fields = {
        "constraint": GraphQLInputField(required(constraint)),
        "update_columns": GraphQLInputField(required(GraphQLList(required(update_column))), default_value=[]),
    }
    if types.access(table).select is not None:
        fields["where"] = GraphQLInputField(bool_exp(types, table))
    description = f'on_conflict condition type for table "{table.name}"'
    return types.once(name, lambda: GraphQLInputObjectType(name, fields, description=description))


#: operators on jsonb columns and the type of their right side (None: the column's own)
_JSONB_OPERATORS = {
    "_append": (None, "append existing jsonb value of filtered columns with new jsonb value"),
    "_prepend": (None, "prepend existing jsonb value of filtered columns with new jsonb value"),
    "_delete_key": (GraphQLString, "delete key/value pair or string element"),
    "_delete_elem": (GraphQLInt, "delete the array element with specified index"),
    "_delete_at_path": (
        GraphQLList(GraphQLNonNull(GraphQLString)),
        "delete the field or element with specified path",
    ),
}


def _update_operators(types: Types, table: Table) -> dict[str, GraphQLInputObjectType]:
    columns = types.access(table).update or ()
    operators = {}
    if columns:
        operators["_set"] = _columns_input(
            types, table, "set_input", list(columns), f'input type for updating data in table "{table.name}"'
        )
    numeric = [column for column in columns if scalars.is_numeric(column)]
    if numeric:
        operators["_inc"] = _columns_input(
            types, table, "inc_input", numeric, "input type for incrementing numeric columns"
        )
    documents = [column for column in columns if scalars.is_jsonb(column)]
    for operator, (type_, description) in _JSONB_OPERATORS.items() if documents else ():
        name = types.name(f"{table.name}{operator}_input")
        fields = {
            column.name: GraphQLInputField(
                type_ or types.column_input(column), extensions=carries(ColumnOf(column))
            )
            for column in documents
        }
        operators[operator] = types.once(
            name,
            lambda name=name, fields=fields, description=description: GraphQLInputObjectType(  # type: ignore[misc]
                name, fields, description=description
            ),
        )
    return operators


def _updates(types: Types, table: Table) -> GraphQLFieldMap:
    access = types.access(table)
    if access.update is None:
        return {}
    operators = _update_operators(types, table)
    if not operators:
        return {}
    arguments = {name: GraphQLArgument(type_) for name, type_ in operators.items()}
    fields = {}
    if access.select is not None:
        where = GraphQLArgument(
            required(bool_exp(types, table)), description="filter the rows which have to be updated"
        )
        updates_name = types.name(f"{table.name}_updates")
        updates = types.once(
            updates_name,
            lambda: GraphQLInputObjectType(
                updates_name,
                {
                    **{name: GraphQLInputField(type_) for name, type_ in operators.items()},
                    "where": GraphQLInputField(required(bool_exp(types, table))),
                },
            ),
        )
        fields[table.root_fields.update] = GraphQLField(
            mutation_response(types, table),
            args={**arguments, "where": where},
            description=f'update data of the table: "{table.name}"',
            extensions=carries(UpdateRoot(table, types.source, "rows")),
        )
        fields[table.root_fields.update_many] = GraphQLField(
            GraphQLList(mutation_response(types, table)),
            args={
                "updates": GraphQLArgument(
                    required(GraphQLList(required(updates))), description="updates to execute, in order"
                )
            },
            description=f'update multiples rows of table: "{table.name}"',
            extensions=carries(UpdateRoot(table, types.source, "many")),
        )
    if _selectable_key(types, table):
        key = _columns_input(
            types,
            table,
            "pk_columns_input",
            list(table.primary_key),
            f"primary key columns input for table: {table.name}",
            all_required=True,
        )
        fields[table.root_fields.update_by_pk] = GraphQLField(
            row(types, table),
            args={**arguments, "pk_columns": GraphQLArgument(required(key))},
            description=f'update single row of the table: "{table.name}"',
            extensions=carries(UpdateRoot(table, types.source, "one")),
        )
    return fields


def _deletes(types: Types, table: Table) -> GraphQLFieldMap:
    access = types.access(table)
    if not access.delete or access.select is None:
        return {}
    fields = {
        table.root_fields.delete: GraphQLField(
            mutation_response(types, table),
            args={
                "where": GraphQLArgument(
                    required(bool_exp(types, table)), description="filter the rows which have to be deleted"
                )
            },
            description=f'delete data from the table: "{table.name}"',
            extensions=carries(DeleteRoot(table, types.source, one=False)),
        )
    }
    if _selectable_key(types, table):
        fields[table.root_fields.delete_by_pk] = GraphQLField(
            row(types, table),
            args=key_arguments(types, table),
            description=f'delete single row from the table: "{table.name}"',
            extensions=carries(DeleteRoot(table, types.source, one=True)),
        )
    return fields


def _selectable_key(types: Types, table: Table) -> bool:
    # A role that may not see the whole primary key has no "by primary key" field.
    visible = types.access(table).select or ()
    return bool(table.primary_key) and all(column in visible for column in table.primary_key)


def key_arguments(types: Types, table: Table) -> dict[str, GraphQLArgument]:
    """The primary key's columns as required arguments."""
    return {
        column.name: GraphQLArgument(
            required(types.column_input(column)), description=column.comment, out_name=column.name
        )
        for column in table.primary_key
    }
