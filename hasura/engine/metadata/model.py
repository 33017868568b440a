"""The part of the metadata document that the engine acts on, typed.

Field names are the document's own (Hasura's ``metadata.openapi.json``). What is not listed here is kept in the stored
document and exported unchanged.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

BoolExpJson = dict[str, Any]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class QualifiedName(_Part):
    name: str
    schema_: str = Field(default="public", alias="schema")


def _qualified(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Name = Annotated[QualifiedName, BeforeValidator(_qualified)]


class ManualConfiguration(_Part):
    remote_table: Name
    column_mapping: dict[str, str]
    insertion_order: Literal["before_parent", "after_parent"] | None = None


class ForeignKeyOnRemote(_Part):
    """An array relationship's foreign key: the columns are those of the other table."""

    table: Name
    column: str | None = None
    columns: tuple[str, ...] | None = None

    @property
    def key(self) -> tuple[str, ...]:
        return self.columns or ((self.column,) if self.column else ())


class RelationshipUsing(_Part):
    foreign_key_constraint_on: str | tuple[str, ...] | ForeignKeyOnRemote | None = None
    manual_configuration: ManualConfiguration | None = None


class Relationship(_Part):
    name: str
    using: RelationshipUsing
    comment: str | None = None


Columns = tuple[str, ...] | Literal["*"]


class InsertPermission(_Part):
    check: BoolExpJson = {}
    columns: Columns = ()
    set: dict[str, Any] = {}
    backend_only: bool = False


class SelectPermission(_Part):
    columns: Columns = ()
    computed_fields: tuple[str, ...] = ()
    filter: BoolExpJson = {}
    limit: int | None = None
    allow_aggregations: bool = False
    query_root_fields: tuple[str, ...] | None = None
    subscription_root_fields: tuple[str, ...] | None = None


class UpdatePermission(_Part):
    columns: Columns = ()
    filter: BoolExpJson = {}
    check: BoolExpJson | None = None
    set: dict[str, Any] = {}
    backend_only: bool = False


class DeletePermission(_Part):
    filter: BoolExpJson = {}
    backend_only: bool = False


class InsertEntry(_Part):
    role: str
    permission: InsertPermission


class SelectEntry(_Part):
    role: str
    permission: SelectPermission


class UpdateEntry(_Part):
    role: str
    permission: UpdatePermission


class DeleteEntry(_Part):
    role: str
    permission: DeletePermission


class ColumnConfig(_Part):
    custom_name: str | None = None
    comment: str | None = None


class TableConfiguration(_Part):
    custom_name: str | None = None
    custom_root_fields: dict[str, Any] = {}
    column_config: dict[str, ColumnConfig] = {}
    custom_column_names: dict[str, str] = {}
    comment: str | None = None


class ComputedFieldDefinition(_Part):
    function: Name
    table_argument: str | None = None
    session_argument: str | None = None


class ComputedField(_Part):
    name: str
    definition: ComputedFieldDefinition
    comment: str | None = None


class ToSource(_Part):
    """A relationship to a table of another source; ``field_mapping`` is of columns: this table's, the other's."""

    source: str
    table: Name
    relationship_type: Literal["object", "array"]
    field_mapping: dict[str, str]


class RemoteDefinition(_Part):
    to_source: ToSource | None = None


class RemoteRelationship(_Part):
    name: str
    definition: RemoteDefinition = RemoteDefinition()


class Table(_Part):
    table: Name
    is_enum: bool = False
    configuration: TableConfiguration = TableConfiguration()
    object_relationships: tuple[Relationship, ...] = ()
    array_relationships: tuple[Relationship, ...] = ()
    computed_fields: tuple[ComputedField, ...] = ()
    remote_relationships: tuple[RemoteRelationship, ...] = ()
    insert_permissions: tuple[InsertEntry, ...] = ()
    select_permissions: tuple[SelectEntry, ...] = ()
    update_permissions: tuple[UpdateEntry, ...] = ()
    delete_permissions: tuple[DeleteEntry, ...] = ()


class FunctionConfiguration(_Part):
    exposed_as: Literal["query", "mutation"] | None = None
    session_argument: str | None = None
    custom_name: str | None = None
    custom_root_fields: dict[str, Any] = {}


class FunctionPermission(_Part):
    role: str


class Function(_Part):
    function: Name
    configuration: FunctionConfiguration = FunctionConfiguration()
    permissions: tuple[FunctionPermission, ...] = ()
    comment: str | None = None


class RootFieldNames(_Part):
    namespace: str | None = None
    prefix: str | None = None
    suffix: str | None = None


class TypeNames(_Part):
    prefix: str | None = None
    suffix: str | None = None


class Customization(_Part):
    """How the schema's names differ for one source."""

    root_fields: RootFieldNames | None = None
    type_names: TypeNames | None = None
    naming_convention: Literal["hasura-default", "graphql-default"] | None = None

    @property
    def namespace(self) -> str | None:
        """The root field under which the source's own are found."""
        return self.root_fields.namespace if self.root_fields else None

    def field(self, name: str) -> str:
        """A root field's name."""
        own = self.root_fields
        return f"{own.prefix or ''}{name}{own.suffix or ''}" if own else name

    def type(self, name: str) -> str:
        """A type's name."""
        own = self.type_names
        return f"{own.prefix or ''}{name}{own.suffix or ''}" if own else name


class Source(_Part):
    name: str
    kind: str = "postgres"
    customization: Customization = Customization()
    tables: tuple[Table, ...] = ()
    functions: tuple[Function, ...] = ()


class InheritedRole(_Part):
    role_name: str
    role_set: tuple[str, ...]


class SchemaIntrospection(_Part):
    disabled_for_roles: tuple[str, ...] = ()


T = TypeVar("T")
_Natural = Annotated[int, Field(ge=0)]


class Limit(_Part, Generic[T]):
    everybodys: T = Field(alias="global")
    per_role: Annotated[dict[str, T], BeforeValidator(lambda given: {} if given is None else given)] = {}


def _unique_params(value: Any) -> Any:
    if isinstance(value, str) and value.lower() == "ip":
        return "IP"
    names = value if isinstance(value, list) else [value]
    for name in names if value is not None else ():
        lower = name.lower() if isinstance(name, str) else ""
        if not lower.startswith("x-hasura-") or lower == "x-hasura-role":
            raise ValueError(
                "Not a valid value. Should be either: 'IP' or a list of Hasura session variables"
            )
    return value


class RateLimit(_Part):
    max_reqs_per_min: _Natural
    #: what tells callers of one role apart: their address, or session variables; nothing where it is None
    unique_params: Annotated[Literal["IP"] | tuple[str, ...] | None, BeforeValidator(_unique_params)] = None


class ApiLimits(_Part):
    disabled: bool | None = False
    depth_limit: Limit[_Natural] | None = None
    node_limit: Limit[_Natural] | None = None
    batch_limit: Limit[_Natural] | None = None
    #: seconds
    time_limit: Limit[Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None
    rate_limit: Limit[RateLimit] | None = None

    @property
    def limits_anything(self) -> bool:
        given = (self.depth_limit, self.node_limit, self.batch_limit, self.time_limit, self.rate_limit)
        return not self.disabled and any(limit is not None for limit in given)


class Metadata(_Part):
    """``{"version": 3, "sources": […]}``; pydantic's ``ValidationError`` when the document has another form."""

    version: Literal[3] = 3
    sources: tuple[Source, ...] = ()
    inherited_roles: tuple[InheritedRole, ...] = ()
    graphql_schema_introspection: SchemaIntrospection = SchemaIntrospection()
    api_limits: ApiLimits | None = None
