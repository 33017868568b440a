"""Row permissions: the one place where the rows that a role may see or change are decided.

Every read and write of the planner asks here for its condition. The expressions are the metadata's own
(https://hasura.io/docs/2.0/auth/authorization/permissions/row-level-permissions/): columns, relationships, ``_and``,
``_or``, ``_not``, ``_exists``, with constants, session variables and other columns on the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hasura.engine.catalog.model import PgType
from hasura.engine.document.values import Constant
from hasura.engine.errors import BadRequest
from hasura.engine.plan import nodes as n
from hasura.engine.plan.operands import computed
from hasura.engine.resolve.naming import scalar_name
from hasura.engine.session import ADMIN

if TYPE_CHECKING:
    from hasura.engine.resolve.model import Column, ComputedField, Source, Table
    from hasura.engine.role_schema.meaning import Redaction

Operation = Literal["select", "insert", "update", "delete"]

_SESSION_PREFIX = "x-hasura-"
_COLUMN_OPERATORS = {
    "_ceq": "_eq",
    "_cne": "_neq",
    "_cgt": "_gt",
    "_clt": "_lt",
    "_cgte": "_gte",
    "_clte": "_lte",
}
_LISTS = frozenset({"_in", "_nin", "_has_keys_any", "_has_keys_all"})
_OPERATORS = frozenset(
    {
        "_eq", "_neq", "_gt", "_lt", "_gte", "_lte", "_in", "_nin", "_like", "_nlike", "_ilike", "_nilike",
        "_similar", "_nsimilar", "_regex", "_nregex", "_iregex", "_niregex", "_contains", "_contained_in",
        "_has_key", "_has_keys_any", "_has_keys_all",
    }
)  # fmt: skip
_ALIASES = {"_ne": "_neq"}
_TEXT = PgType("text", "text")


def row_filter(source: Source, table: Table, role: str, operation: Operation) -> n.Condition:
    """Which rows of ``table`` the role may ``operation``. A role without the permission may none."""
    if role == ADMIN:
        return n.TRUE
    permissions = table.permissions.get(role)
    permission = getattr(permissions, operation) if permissions else None
    if permission is None:
        return n.Or()
    expression = permission.check if operation == "insert" else permission.filter
    return condition(source, table, expression)


def update_check(source: Source, table: Table, role: str) -> n.Condition:
    """What a row must fulfil after the role's update."""
    permissions = table.permissions.get(role)
    update = permissions.update if permissions else None
    if role == ADMIN or update is None or update.check is None:
        return n.TRUE
    return condition(source, table, update.check)


def presets(
    table: Table, role: str, operation: Literal["insert", "update"]
) -> tuple[tuple[Column, n.Operand], ...]:
    """Columns that the metadata sets, whatever the caller says."""
    permissions = table.permissions.get(role)
    permission = getattr(permissions, operation) if permissions and role != ADMIN else None
    if permission is None:
        return ()
    found = []
    for name, raw in permission.set.items():
        column = table.by_sql_name.get(name)
        if column is None:
            raise BadRequest(f'"{name}" does not exist in table "{table.sql_name}"')
        found.append((column, operand(raw, column.type)))
    return tuple(found)


def seen(source: Source, value: str | n.Computed, redaction: Redaction | None) -> n.Left:
    """``value``, or null in the rows that do not show it to the role."""
    if redaction is None:
        return value
    return n.Redacted(value, condition(source, redaction.table, redaction.shown_if))


def limit(table: Table, role: str) -> int | None:
    """How many rows one read of the role may answer."""
    permissions = table.permissions.get(role)
    select = permissions.select if permissions and role != ADMIN else None
    return select.limit if select else None


def condition(source: Source, table: Table, expression: Any) -> n.Condition:
    """A permission's boolean expression.

    Raises:
        BadRequest: it names a column, relationship or operator that is not there.
    """
    return _Reader(source, root=table).expression(table, expression)


def operand(raw: Any, type_: PgType, *, many: bool = False, cast: str | None = None) -> n.Operand:
    """The right side of a comparison: a session variable, a constant, or a list of either."""
    sql_type = cast or type_.sql
    if isinstance(raw, str) and raw.lower().startswith(_SESSION_PREFIX):
        return n.SessionValue(raw.lower(), f"{sql_type}[]" if many else sql_type)
    if many and isinstance(raw, list) and any(_is_session(item) for item in raw):
        return n.ArrayOf(tuple(operand(item, type_, cast=cast) for item in raw), f"{sql_type}[]")
    return n.Slot(Constant(raw), scalar_name(type_), f"{sql_type}[]" if many else sql_type, "$", is_list=many)


def _is_session(raw: Any) -> bool:
    return isinstance(raw, str) and raw.lower().startswith(_SESSION_PREFIX)


@dataclass(frozen=True)
class _Reader:
    source: Source
    root: Table

    def expression(self, table: Table, expression: Any) -> n.Condition:
        if not isinstance(expression, dict):
            raise BadRequest("a boolean expression must be an object")
        return n.both(*(self.entry(table, key, value) for key, value in expression.items()))

    def entry(self, table: Table, key: str, value: Any) -> n.Condition:
        operator = f"_{key[1:]}" if key.startswith("$") else key
        if operator == "_and":
            return n.both(*(self.expression(table, item) for item in value))
        if operator == "_or":
            return n.Or(tuple(self.expression(table, item) for item in value))
        if operator == "_not":
            return n.Not(self.expression(table, value))
        if operator == "_exists":
            return self.exists(value)
        column = table.by_sql_name.get(key)
        if column is not None:
            return self.comparisons(column.sql_name, column.type, value)
        field = table.computed_fields.get(key)
        if field is not None:
            return self.computed(field, value)
        relationship = table.relationships.get(key)
        if relationship is None:
            raise BadRequest(f'"{key}" does not exist in table "{table.sql_name}"')
        target = self.table(relationship.target)
        return n.Exists(target.key, relationship.columns, self.expression(target, value))

    def exists(self, value: Any) -> n.Condition:
        named = value["_table"]
        key = ("public", named) if isinstance(named, str) else (named.get("schema", "public"), named["name"])
        target = self.table(key)
        return n.Exists(target.key, (), _Reader(self.source, target).expression(target, value["_where"]))

    def table(self, key: tuple[str, str]) -> Table:
        found = self.source.tables.get(key)
        if found is None:
            raise BadRequest(f'table "{key[1]}" is not tracked')
        return found

    def computed(self, field: ComputedField, value: Any) -> n.Condition:
        if field.target is None:
            return self.comparisons(computed(field), field.type, value)
        target = self.table(field.target)
        return n.Exists(target.key, (), self.expression(target, value), computed(field))

    def comparisons(self, left: n.Left, type_: PgType, value: Any) -> n.Condition:
        if not isinstance(value, dict):  # {"id": 3} is short for {"id": {"_eq": 3}}
            value = {"_eq": value}
        return n.both(*(self.comparison(left, type_, key, raw) for key, raw in value.items()))

    def comparison(self, left: n.Left, type_: PgType, key: str, raw: Any) -> n.Condition:
        operator = f"_{key[1:]}" if key.startswith("$") else key
        operator = _ALIASES.get(operator, operator)
        if operator == "_is_null":
            return n.IsNull(left, negated=not raw)
        if operator in _COLUMN_OPERATORS:
            return self.columns(left, _COLUMN_OPERATORS[operator], raw)
        if operator == "_cast":
            inner = raw.get("String", {})
            items = (self.comparison(left, type_, name, item) for name, item in inner.items())
            return n.both(*(_as_text(item) for item in items))
        if operator not in _OPERATORS:
            raise BadRequest(f'unknown operator "{key}"')
        if operator.startswith("_has_key"):
            type_ = _TEXT
        return n.Compare(left, operator, operand(raw, type_, many=operator in _LISTS))

    def columns(self, left: n.Left, operator: str, raw: Any) -> n.Condition:
        of_root = isinstance(raw, list) and len(raw) == 2 and raw[0] == "$"
        name = raw[-1] if isinstance(raw, list) else raw
        table = self.root if of_root else None
        if table is not None and name not in table.by_sql_name:
            raise BadRequest(f'"{name}" does not exist in table "{table.sql_name}"')
        return n.CompareColumns(left, operator, str(name), of_root=of_root)


def _as_text(item: n.Condition) -> n.Condition:
    if not isinstance(item, n.Compare) or not isinstance(item.operand, n.Slot | n.SessionValue):
        return item
    cast = "text[]" if item.operator in _LISTS else "text"
    if isinstance(item.operand, n.SessionValue):
        return n.Compare(item.column, item.operator, n.SessionValue(item.operand.name, cast), as_text=True)
    slot = item.operand
    text = n.Slot(slot.origin, "String", cast, slot.path, slot.is_list)
    return n.Compare(item.column, item.operator, text, as_text=True)
