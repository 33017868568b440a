"""Joins metadata and catalog; what does not fit becomes an inconsistency and is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.metadata.model import ForeignKeyOnRemote
from hasura.engine.resolve import inconsistent
from hasura.engine.resolve.computed import computed_field
from hasura.engine.resolve.inheritance import inherit
from hasura.engine.resolve.misfit import Misfit
from hasura.engine.resolve.model import (
    Argument,
    Column,
    ComputedField,
    Enum,
    Function,
    Permissions,
    Relationship,
    Source,
    Table,
)
from hasura.engine.resolve.naming import default_name, is_graphql_name, root_fields, scalar_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hasura.engine.catalog import model as catalog
    from hasura.engine.metadata import model as metadata


def resolve(
    source: metadata.Source,
    database: catalog.Catalog,
    inherited_roles: Sequence[metadata.InheritedRole] = (),
    *,
    infer_function_permissions: bool = True,
) -> Source:
    """The tracked tables and functions of ``source`` in ``database``."""
    inconsistencies: list[dict[str, Any]] = []
    tracked = {(t.table.schema_, t.table.name): t for t in source.tables}
    tables: dict[catalog.QualifiedName, Table] = {}
    for key, entry in tracked.items():
        if key in database.tables and not is_graphql_name(
            entry.configuration.custom_name or default_name(key)
        ):
            continue  # tracked, and nameless in every schema
        try:
            tables[key] = _table(
                entry,
                key,
                database,
                tracked.keys() & database.tables.keys(),
                source=source,
                inconsistencies=inconsistencies,
            )
        except Misfit as misfit:
            inconsistencies.append(inconsistent.of_source("table", key, source.name, str(misfit)))
    # A relationship may point to a table that turned out to be inconsistent itself.
    functions: dict[catalog.QualifiedName, Function] = {}
    for function in source.functions:
        key = (function.function.schema_, function.function.name)
        try:
            functions[key] = _function(
                function,
                database,
                tables,
                source.customization,
                infer_permissions=infer_function_permissions,
            )
        except Misfit as misfit:
            inconsistencies.append(inconsistent.of_source("function", key, source.name, str(misfit)))
    tables, functions, disagreements = inherit(inherited_roles, tables, functions, source.name)
    inconsistencies += disagreements
    roles = {role for table in tables.values() for role in table.permissions}
    roles |= {role for function in functions.values() for role in function.roles}
    return Source(
        source.name, source.customization, tables, functions, frozenset(roles), tuple(inconsistencies)
    )


def _table(
    entry: metadata.Table,
    key: catalog.QualifiedName,
    database: catalog.Catalog,
    known: Iterable[catalog.QualifiedName],
    *,
    source: metadata.Source,
    inconsistencies: list[dict[str, Any]],
) -> Table:
    found = database.tables.get(key)
    if found is None:
        raise Misfit(f'no such table/view exists in source: "{key[1]}"')
    name = entry.configuration.custom_name or default_name(key)
    if entry.is_enum:
        _check_enum(found, database)
    columns = [
        _column(column, entry.configuration, _enum_of(column, found, database, source))
        for column in found.columns
    ]
    columns = [column for column in columns if is_graphql_name(column.name)]
    relationships: dict[str, Relationship] = {}
    for relationship, many in _relationships(entry):
        try:
            relationships[relationship.name] = _relationship(
                relationship, found, database, set(known), many=many
            )
        except Misfit as misfit:
            inconsistencies.append(
                inconsistent.of_relationship(
                    key, relationship, relationship.name, source.name, str(misfit), many=many
                )
            )
    computed_fields: dict[str, ComputedField] = {}
    sql_names = {column.name for column in found.columns}
    for computed in entry.computed_fields:
        if computed.name in sql_names:
            inconsistencies.append(inconsistent.of_name_conflict(key, computed, computed.name, source.name))
            continue
        try:
            computed_fields[computed.name] = computed_field(computed, found, database, set(known))
        except Misfit as misfit:
            inconsistencies.append(
                inconsistent.of_computed_field(key, computed, computed.name, source.name, str(misfit))
            )
    return Table(
        key=key,
        name=name,
        columns={column.name: column for column in columns},
        by_sql_name={column.sql_name: column for column in columns},
        relationships=relationships,
        computed_fields=computed_fields,
        root_fields=root_fields(name, entry.configuration.custom_root_fields, source.customization),
        permissions=_permissions(entry),
        catalog=found,
        comment=entry.configuration.comment or found.comment,
    )


def _column(column: catalog.Column, configuration: metadata.TableConfiguration, enum: Enum | None) -> Column:
    config = configuration.column_config.get(column.name)
    custom = (config.custom_name if config else None) or configuration.custom_column_names.get(column.name)
    return Column(
        name=custom or column.name,
        sql_name=column.name,
        type=column.type,
        scalar=enum.name if enum else scalar_name(column.type),
        nullable=column.nullable,
        has_default=column.has_default,
        generated=column.generated,
        comment=(config.comment if config else None) or column.comment,
        enum=enum,
    )


def _check_enum(table: catalog.Table, database: catalog.Catalog) -> None:
    values = database.enums.get((table.schema, table.name))
    if values is None:
        raise Misfit(
            f'the table "{table.name}" cannot be used as an enum: it needs a primary key of one text column, '
            "and at most one more text column for comments"
        )
    if not values:
        raise Misfit(f'the table "{table.name}" cannot be used as an enum: it is empty')
    bad = [value for value, _ in values if not is_graphql_name(value)]
    if bad:
        raise Misfit(
            f'the table "{table.name}" cannot be used as an enum: "{bad[0]}" is not a valid GraphQL enum value name'
        )


def _enum_of(
    column: catalog.Column, table: catalog.Table, database: catalog.Catalog, source: metadata.Source
) -> Enum | None:
    for key in table.foreign_keys:
        values = database.enums.get(key.remote_table)
        if key.columns == (column.name,) and values and all(is_graphql_name(value) for value, _ in values):
            return Enum(source.customization.type(f"{default_name(key.remote_table)}_enum"), values)
    return None


def _relationships(entry: metadata.Table) -> Iterator[tuple[metadata.Relationship, bool]]:
    for relationship in entry.object_relationships:
        yield relationship, False
    for relationship in entry.array_relationships:
        yield relationship, True


def _relationship(
    entry: metadata.Relationship,
    table: catalog.Table,
    database: catalog.Catalog,
    tracked: set[catalog.QualifiedName],
    *,
    many: bool,
) -> Relationship:
    using = entry.using
    nullable, after_parent = True, many
    if using.manual_configuration is not None:
        manual = using.manual_configuration
        target = (manual.remote_table.schema_, manual.remote_table.name)
        columns = tuple(manual.column_mapping.items())
        after_parent = many or manual.insertion_order == "after_parent"
    elif isinstance(using.foreign_key_constraint_on, ForeignKeyOnRemote):
        remote = using.foreign_key_constraint_on
        target = (remote.table.schema_, remote.table.name)
        back = _foreign_key(database.tables.get(target), remote.key)
        columns = tuple(zip(back.remote_columns, back.columns, strict=True))
        after_parent = True
    elif using.foreign_key_constraint_on is not None:
        local = using.foreign_key_constraint_on
        names = (local,) if isinstance(local, str) else local
        forth = _foreign_key(table, names)
        target = forth.remote_table
        columns = tuple(zip(forth.columns, forth.remote_columns, strict=True))
        nullable = any(column.nullable for column in table.columns if column.name in names)
    else:
        raise Misfit("a relationship needs a foreign key or a manual configuration")
    if target not in tracked:
        raise Misfit(f'table "{target[1]}" is not tracked')
    for ends, joined in (
        (table, {ours for ours, _ in columns}),
        (database.tables[target], {its for _, its in columns}),
    ):
        missing = joined - {column.name for column in ends.columns}
        if missing:
            raise Misfit(f'column "{missing.pop()}" does not exist in table "{ends.name}"')
    return Relationship(entry.name, many, target, columns, nullable, after_parent, entry.comment)


def _foreign_key(table: catalog.Table | None, columns: tuple[str, ...]) -> catalog.ForeignKey:
    for key in table.foreign_keys if table else ():
        if set(key.columns) == set(columns):
            return key
    raise Misfit("no foreign constraint exists on the given column(s)")


def _permissions(entry: metadata.Table) -> dict[str, Permissions]:
    select = {e.role: e.permission for e in entry.select_permissions}
    insert = {e.role: e.permission for e in entry.insert_permissions}
    update = {e.role: e.permission for e in entry.update_permissions}
    delete = {e.role: e.permission for e in entry.delete_permissions}
    roles = select.keys() | insert.keys() | update.keys() | delete.keys()
    return {
        role: Permissions(select.get(role), insert.get(role), update.get(role), delete.get(role))
        for role in roles
    }


def _function(
    entry: metadata.Function,
    database: catalog.Catalog,
    tables: dict[catalog.QualifiedName, Table],
    customization: metadata.Customization,
    *,
    infer_permissions: bool,
) -> Function:
    key = (entry.function.schema_, entry.function.name)
    found = database.functions.get(key)
    if found is None:
        raise Misfit(f'in function "{key[1]}": no such function exists: "{key[1]}"')
    if found.overloaded:
        raise Misfit(
            f'in function "{key[1]}": function "{key[1]}" is overloaded. Overloaded functions are not supported'
        )
    if found.returns is None or found.returns not in tables:
        raise Misfit(
            f'in function "{key[1]}": the function "{key[1]}" does not return rows of a tracked table'
        )
    configuration = entry.configuration
    if configuration.exposed_as == "mutation" and found.volatility != "v":
        raise Misfit(
            f'in function "{key[1]}": the function "{key[1]}" cannot be tracked because the function was requested '
            "to be exposed as a mutation, but is not marked VOLATILE. Maybe the function was given the wrong "
            "volatility when it was defined?"
        )
    is_mutation = (
        configuration.exposed_as or ("mutation" if found.volatility == "v" else "query")
    ) == "mutation"
    name = configuration.custom_name or default_name(key)
    custom = configuration.custom_root_fields
    return Function(
        key=key,
        name=customization.field(str(custom.get("function") or name)),
        aggregate_name=customization.field(str(custom.get("function_aggregate") or f"{name}_aggregate")),
        args_type=customization.type(f"{name}_args"),
        table=found.returns,
        arguments=tuple(
            Argument(
                argument.name,
                argument.type,
                scalar_name(argument.type),
                argument.has_default,
                is_session=bool(argument.name) and argument.name == configuration.session_argument,
            )
            for argument in found.arguments
        ),
        returns_set=found.returns_set,
        is_mutation=is_mutation,
        roles=frozenset(permission.role for permission in entry.permissions),
        # A mutation always needs a permission of its own.
        inferred=infer_permissions and not is_mutation,
        comment=entry.comment or found.comment,
    )
