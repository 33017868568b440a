"""Computed fields: functions of a row that read like a column, or like a relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasura.engine.resolve.misfit import Misfit
from hasura.engine.resolve.model import Argument, ComputedField
from hasura.engine.resolve.naming import scalar_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from hasura.engine.catalog import model as catalog
    from hasura.engine.metadata import model as metadata

#: In the comment of a computed field's function: what it answers changes only when its row does. Whoever changes what
#: else it reads changes the row too. Then a live query hears of it; PostgreSQL does not say what a function reads.
CHANGES_WITH_ROW = "@changes-with-row"


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
    names = [argument.name for argument in found.arguments]
    row_argument = names.index(definition.table_argument) if definition.table_argument in names else 0
    problems = list(_problems(definition, table, found, tracked))
    if problems:
        raise Misfit(
            f'the computed field "{entry.name}" cannot be added to table "{table.name}" {_because(problems)}'
        )
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
        changes_with_row=CHANGES_WITH_ROW in (found.comment or ""),
        comment=entry.comment or found.comment,
    )


def _problems(
    definition: metadata.ComputedFieldDefinition,
    table: catalog.Table,
    function: catalog.Function,
    tracked: Set[catalog.QualifiedName],
) -> Iterator[str]:
    """Everything about the function that keeps it from being a computed field, in Hasura's words and order."""
    shown = f'"{function.name}"'
    if function.volatility == "v":
        yield f"the function {shown} is of type VOLATILE; cannot be added as a computed field"
    if function.returns is not None and function.returns not in tracked:
        yield f'the function {shown} returning type "{function.returns[1]}" is not tracked'
    arguments = {argument.name: argument for argument in function.arguments if argument.name}
    if not function.arguments:
        yield f"the function {shown} has no input arguments"
    elif definition.table_argument is None:
        yield from _row_problems("first argument", function.arguments[0], table, shown)
    elif definition.table_argument in arguments:
        argument = arguments[definition.table_argument]
        yield from _row_problems(f'"{argument.name}" argument', argument, table, shown)
    else:
        yield f'"{definition.table_argument}" is not an input argument of the function {shown}'
    session = definition.session_argument
    if session is not None and session not in arguments:
        yield f'"{session}" is not an input argument of the function {shown}'
    elif session is not None and arguments[session].type.name not in {"json", "jsonb"}:
        yield f'"{session}" argument of the function {shown} is not of type JSON'


def _row_problems(place: str, argument: catalog.Argument, table: catalog.Table, shown: str) -> Iterator[str]:
    type_ = argument.type
    if not type_.composite:
        yield f"{place} of the function {shown} is not COMPOSITE type"
    if type_.name != table.name:
        schema = "" if type_.composite else "pg_catalog."
        yield (
            f'{place} of the function {shown} of type "{schema}{type_.name}" is not the table '
            "to which the computed field is being added"
        )


def _because(problems: list[str]) -> str:
    if len(problems) == 1:
        return f"because {problems[0]}"
    return "for the following reasons:\n" + "".join(f"  • {problem}\n" for problem in problems)
