"""The types of one role's schema, each made once, on demand.

Names are those of Hasura's ``hasura-default`` convention. Types refer to each other in circles (a session has
messages, a message has a session), so their fields are thunks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from graphql import (
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLScalarType,
)

from hasura.engine.role_schema.access import Access, access
from hasura.engine.role_schema.meaning import ColumnOf, Redaction, carries
from hasura.engine.role_schema.scalars import scalar

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasura.engine.catalog.model import QualifiedName
    from hasura.engine.resolve.model import Column, Source, Table

T = TypeVar("T", bound=GraphQLNamedType)


@dataclass(frozen=True, slots=True)
class Schema:
    """One schema under construction: for whom, its types so far, and each source's own names for them."""

    role: str
    backend: bool
    types: dict[str, GraphQLNamedType] = field(default_factory=dict)
    of_source: dict[str, Types] = field(default_factory=dict)


class Types:
    """What the modules of this stage share while they build one source's part of a schema."""

    def __init__(self, source: Source, schema: Schema) -> None:
        self.source = source
        self.role = schema.role
        self.backend = schema.backend
        self.of_source = schema.of_source
        self._types = schema.types
        self._access: dict[QualifiedName, Access] = {}
        schema.of_source[source.name] = self

    def name(self, usual: str) -> str:
        """A type's name, as the source customizes it."""
        return self.source.customization.type(usual)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """The type called ``name``; made by ``make`` at first need."""
        found = self._types.get(name)
        if found is None:
            found = self._types[name] = make()
        return cast("T", found)

    def access(self, table: Table) -> Access:
        """What the schema's role may do with ``table``."""
        found = self._access.get(table.key)
        if found is None:
            found = self._access[table.key] = access(table, self.role, backend=self.backend)
        return found

    def column_of(self, table: Table, column: Column) -> dict[str, Any]:
        """The ``extensions`` of a field that reads ``column``."""
        return carries(ColumnOf(column, self.redaction(table, column.sql_name)))

    def redaction(self, table: Table, name: str) -> Redaction | None:
        """When the role sees a column or computed field, if not in every row."""
        permissions = table.permissions.get(self.role)
        shown_if = permissions.redactions.get(name) if permissions else None
        return None if shown_if is None else Redaction(table, shown_if)

    def target(self, key: QualifiedName) -> Table | None:
        """The table that a relationship leads to, if the role may read it."""
        table = self.source.tables.get(key)
        return table if table and self.access(table).select is not None else None

    def scalar(self, name: str) -> GraphQLNamedType:
        """A scalar."""
        return self.once(name, lambda: scalar(name))

    def output(self, column: Column) -> GraphQLOutputType:
        """The type of a column in a selection."""
        type_ = self._leaf(column)
        if column.is_array:
            items = GraphQLList(GraphQLNonNull(type_))
            return items if column.nullable else GraphQLNonNull(items)
        return type_ if column.nullable else GraphQLNonNull(type_)

    def column_input(self, column: Column) -> GraphQLInputType:
        """The nullable type of a column's value in an argument."""
        type_ = self._leaf(column)
        return GraphQLList(GraphQLNonNull(type_)) if column.is_array else type_

    def input(self, scalar: str, *, is_array: bool = False) -> GraphQLInputType:
        """The nullable type of a scalar's value in an argument."""
        type_ = cast("GraphQLScalarType", self.scalar(scalar))
        return GraphQLList(GraphQLNonNull(type_)) if is_array else type_

    def _leaf(self, column: Column) -> GraphQLScalarType | GraphQLEnumType:
        if column.enum is None:
            return cast("GraphQLScalarType", self.scalar(column.scalar))
        values: dict[str, tuple[object, str | None]] = {v: (v, text) for v, text in column.enum.values}
        return self.enum(column.enum.name, "", values)

    def enum(
        self, name: str, description: str, values: dict[str, tuple[object, str | None]]
    ) -> GraphQLEnumType:
        """An enum type; ``values`` maps each name to what it stands for and a description."""
        return self.once(
            name,
            lambda: GraphQLEnumType(
                name,
                {key: GraphQLEnumValue(value, description=text) for key, (value, text) in values.items()},
                description=description,
            ),
        )

    def columns_enum(
        self, table: Table, suffix: str, description: str, columns: tuple[Column, ...]
    ) -> GraphQLEnumType:
        """An enum of columns, such as ``t_select_column``; Hasura's ``_PLACEHOLDER`` when there is none."""
        values: dict[str, tuple[object, str | None]] = {
            c.name: (ColumnOf(c, self.redaction(table, c.sql_name)), "column name") for c in columns
        }
        if not values:
            values = {"_PLACEHOLDER": (None, "placeholder (do not use)")}
        return self.enum(self.name(f"{table.name}_{suffix}"), description, values)
