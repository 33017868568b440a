"""What the later stages work on. Built once per metadata change, never changed, compared by identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasura.engine import catalog
    from hasura.engine.catalog.model import EnumValues, PgType, QualifiedName
    from hasura.engine.metadata import model as metadata


@dataclass(frozen=True, eq=False, slots=True)
class Enum:
    """The values of an enum table, as a GraphQL enum."""

    name: str
    values: EnumValues


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """A column under its GraphQL name; ``sql_name`` is the database's."""

    name: str
    sql_name: str
    type: PgType
    #: GraphQL scalar of a value, or of an array's element
    scalar: str
    nullable: bool
    has_default: bool
    generated: bool
    comment: str | None
    #: the enum whose table it refers to; ``scalar`` is the enum's name then
    enum: Enum | None = None

    @property
    def is_array(self) -> bool:
        return self.type.element is not None


@dataclass(frozen=True, eq=False, slots=True)
class Relationship:
    """``columns`` are pairs of SQL names: (this table's, the target's)."""

    name: str
    many: bool
    target: QualifiedName
    columns: tuple[tuple[str, str], ...]
    nullable: bool
    #: in a nested insert the target's rows come after this table's, which they refer to
    after_parent: bool
    comment: str | None


@dataclass(frozen=True, eq=False, slots=True)
class RemoteRelationship:
    """A relationship to a table of another source; ``columns`` as of a ``Relationship``."""

    name: str
    many: bool
    source: str
    target: QualifiedName
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Argument:
    """A function's argument; ``scalar`` names the GraphQL type of its value."""

    name: str
    type: PgType
    scalar: str
    has_default: bool
    is_session: bool


@dataclass(frozen=True, eq=False, slots=True)
class ComputedField:
    """A function of a row, read like a column (``target`` None) or like a relationship to rows of ``target``.

    ``row_argument`` is the place of the row among all arguments; ``arguments`` are all of them. ``changes_with_row``:
    whatever else the function reads, it answers something else only after its row has changed.
    """

    name: str
    function: QualifiedName
    arguments: tuple[Argument, ...]
    row_argument: int
    type: PgType
    scalar: str
    target: QualifiedName | None
    returns_set: bool
    changes_with_row: bool
    comment: str | None

    @property
    def given(self) -> tuple[Argument, ...]:
        """The arguments that a request gives."""
        return tuple(
            argument
            for place, argument in enumerate(self.arguments)
            if place != self.row_argument and not argument.is_session
        )


@dataclass(frozen=True, eq=False, slots=True)
class RootFields:
    """The names of a table's root fields (``hasura-default`` naming, or the metadata's own)."""

    select: str
    select_by_pk: str
    select_aggregate: str
    select_stream: str
    insert: str
    insert_one: str
    update: str
    update_by_pk: str
    update_many: str
    delete: str
    delete_by_pk: str


@dataclass(frozen=True, eq=False, slots=True)
class Permissions:
    """One role's permissions on one table, as the metadata states them; None is "not at all"."""

    select: metadata.SelectPermission | None = None
    insert: metadata.InsertPermission | None = None
    update: metadata.UpdatePermission | None = None
    delete: metadata.DeletePermission | None = None
    #: of an inherited role: columns (and computed fields) that only some of its rows show, and when
    redactions: Mapping[str, metadata.BoolExpJson] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A tracked table or view."""

    key: QualifiedName
    name: str
    columns: Mapping[str, Column]
    by_sql_name: Mapping[str, Column]
    relationships: Mapping[str, Relationship]
    computed_fields: Mapping[str, ComputedField]
    root_fields: RootFields
    permissions: Mapping[str, Permissions]
    catalog: catalog.model.Table
    comment: str | None
    remote: Mapping[str, RemoteRelationship] = field(default_factory=dict)

    @property
    def schema(self) -> str:
        return self.key[0]

    @property
    def sql_name(self) -> str:
        return self.key[1]

    @property
    def primary_key(self) -> tuple[Column, ...]:
        key = self.catalog.primary_key
        return tuple(self.by_sql_name[name] for name in key.columns) if key else ()


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """A tracked function that answers rows of a tracked table."""

    key: QualifiedName
    name: str
    aggregate_name: str
    #: the input type of its arguments
    args_type: str
    table: QualifiedName
    arguments: tuple[Argument, ...]
    returns_set: bool
    is_mutation: bool
    roles: frozenset[str]
    #: the table's permission is enough (queries, unless HASURA_GRAPHQL_INFER_FUNCTION_PERMISSIONS is off)
    inferred: bool
    comment: str | None


@dataclass(frozen=True, eq=False, slots=True)
class Source:
    """Everything tracked in one database. ``inconsistencies`` are Hasura's inconsistent metadata objects."""

    name: str
    customization: metadata.Customization
    tables: Mapping[QualifiedName, Table]
    functions: Mapping[QualifiedName, Function]
    roles: frozenset[str]
    inconsistencies: tuple[dict[str, Any], ...] = field(default=())
