"""Computed fields: functions of a row that read like a column, or like a relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine.resolve.misfit import Misfit
from hasura.engine.resolve.model import Argument, ComputedField
from hasura.engine.resolve.naming import scalar_name

if TYPE_CHECKING:
    from collections.abc import Set

    from hasura.engine.catalog import model as catalog
    from hasura.engine.metadata import model as metadata


def computed_field(
    entry: metadata.ComputedField,
    table: catalog.Table,
    database: catalog.Catalog,
    tracked: Set[catalog.QualifiedName],
) -> ComputedField:
    """The computed field that ``entry`` adds to ``table``.

    Raises:
        Misfit: there is no such function, or it is no function of a row of ``table``.
    """
    definition = entry.definition
    key = (definition.function.schema_, definition.function.name)
    found = database.functions.get(key)
    if found is None:
        raise Misfit(f'no such function exists: "{key[1]}"')
    if found.overloaded:
        raise Misfit(f'function "{key[1]}" is overloaded. Overloaded functions are not supported')
    if found.volatility == "v":
        raise Misfit(
            f'the function "{key[1]}" associated with computed field "{entry.name}" is of type VOLATILE'
        )
    names = [argument.name for argument in found.arguments]
    if definition.table_argument is None:
        row_argument = 0
    elif definition.table_argument in names:
        row_argument = names.index(definition.table_argument)
    else:
        raise Misfit(f'"{definition.table_argument}" is not an input argument of the function "{key[1]}"')
    if row_argument >= len(names) or found.arguments[row_argument].type.name != table.name:
        raise Misfit(f'the function "{key[1]}" takes no row of the table "{table.name}"')
    if found.returns is not None and found.returns not in tracked:
        raise Misfit(f'the function "{key[1]}" answers rows of "{found.returns[1]}", which is not tracked')
    return ComputedField(
        name=entry.name,
        function=key,
        arguments=tuple(
            Argument(
                argument.name,
                argument.type,
                scalar_name(argument.type),
                argument.has_default,
                is_session=bool(argument.name) and argument.name == definition.session_argument,
            )
            for argument in found.arguments
        ),
        row_argument=row_argument,
        type=found.result,
        scalar=scalar_name(found.result),
        target=found.returns,
        returns_set=found.returns_set,
        comment=entry.comment or found.comment,
    )
