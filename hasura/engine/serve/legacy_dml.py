"""``select``, ``insert``, ``update``, ``delete`` and ``count`` of ``/v1/query``, made into GraphQL.

They are older than Hasura's GraphQL and mean the same under the same permissions; new programs use GraphQL.
Source: https://hasura.io/docs/1.0/graphql/core/api-reference/schema-metadata-api/ (data queries)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from hasura.engine import pipeline
from hasura.engine.errors import EngineError, NotExists, NotSupported, ParseFailed, PermissionDenied
from hasura.engine.metadata_ops.arguments import Arguments, expect
from hasura.engine.metadata_ops.names import quoted
from hasura.engine.session import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hasura.engine.resolve.model import Source, Table

    from .commands import Command, Run

_OPERATORS = {"ne": "neq"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Rows:
    """One command on one table, for one role."""

    def __init__(self, run: Run, args: Any, operation: str) -> None:
        self.run = run
        self.given = Arguments(args)
        self.source: Source = run.snapshot.source(self.given.source)
        key = self.given.key("table")
        table = self.source.tables.get(key)
        if table is None:
            raise NotExists(f"table {quoted(key)} does not exist", "$.args.table")
        self.table = table
        role = run.session.role
        held = table.permissions.get(role)
        if role != ADMIN and (held is None or getattr(held, operation) is None):
            raise PermissionDenied(
                f'{operation} on {quoted(key)} for role "{role}" is not allowed. ', "$.args"
            )
        self._variables: dict[str, tuple[str, Any]] = {}
        #: the root field's arguments
        self._root: list[str] = []

    def variable(self, name: str, type_: str, value: Any) -> None:
        """An argument of the root field, given as a variable."""
        self._root.append(self.argument(name, type_, value))

    def type(self, table: Table, usual: str) -> str:
        """The name of a type of ``table``'s."""
        return self.source.customization.type(f"{table.name}_{usual}")

    def argument(self, name: str, type_: str, value: Any) -> str:
        """An argument of any field, whose value is a variable."""
        variable = f"v{len(self._variables)}"
        self._variables[variable] = (type_, value)
        return f"{name}: ${variable}"

    def where(self, *, needed: bool = False) -> None:
        """The rows' condition."""
        if needed or self.given.given.get("where") is not None:
            condition = _condition(self.source, self.table, self.given.object("where"), "$.args.where")
            self.variable("where", f"{self.type(self.table, 'bool_exp')}!", condition)

    def which(self, table: Table, given: Arguments) -> list[str]:
        """``where``, ``order_by``, ``limit`` and ``offset`` as arguments of a field of ``table``'s rows."""
        arguments = []
        if given.given.get("where") is not None:
            condition = _condition(self.source, table, given.object("where"), given.at("where"))
            arguments.append(self.argument("where", f"{self.type(table, 'bool_exp')}!", condition))
        order = given.given.get("order_by")
        if order is not None:
            arguments.append(
                self.argument(
                    "order_by",
                    f"[{self.type(table, 'order_by')}!]",
                    _order(table, order, given.at("order_by")),
                )
            )
        for name in ("limit", "offset"):
            number = Arguments(given.given, given.path.replace("$.args", "$", 1)).whole(name)
            if number is not None and number < 0:
                raise NotSupported("unexpected negative value", given.at(name))
            if number is not None:
                arguments.append(self.argument(name, "Int", number))
        return arguments

    def restrict(self) -> None:
        """The root field's rows, by the command's own arguments."""
        self._root += self.which(self.table, self.given)

    async def ask(self, kind: str, root: str, selection: str) -> Any:
        """The root field's value.

        :raises EngineError: it is refused; the path is the command's.
        """
        declared = ", ".join(f"${name}: {type_}" for name, (type_, _) in self._variables.items())
        given = ", ".join(self._root)
        namespace = self.source.customization.namespace
        field = f"answer: {root}{f'({given})' if given else ''} {selection}"
        if namespace is not None:
            field = f"answer: {namespace} {{ {field} }}"
        text = f"{kind} command{f'({declared})' if declared else ''} {{ {field} }}"
        variables = {name: value for name, (_, value) in self._variables.items()}
        request = pipeline.GraphQLRequest(text, None, variables)
        try:
            body = await pipeline.answer(self.run.snapshot, self.run.engine.pools, self.run.session, request)
        except EngineError as error:
            error.path = "$.args"
            raise
        found = orjson.loads(body)["data"]["answer"]
        return found if namespace is None else found["answer"]

    def columns(self, names: Iterable[Any]) -> str:
        """A selection set of columns under their SQL names, and relationships."""
        return self.selection(self.table, list(names), "$.args.columns")

    def selection(self, table: Table, names: list[Any], path: str) -> str:
        """A selection set of ``table``'s fields."""
        fields = []
        for place, each in enumerate(names):
            here = f"{path}[{place}]"
            if each == "*":
                readable = _readable(table, self.run.session.role)
                fields += [f"{name}: {table.by_sql_name[name].name}" for name in readable]
            elif isinstance(each, str):
                column = table.by_sql_name.get(each)
                if column is None:
                    raise NotExists(f'"{each}" does not exist', here)
                fields.append(f"{each}: {column.name}")
            else:
                fields.append(self._nested(table, Arguments(each, here)))
        return f"{{ {' '.join(fields)} }}"

    def _nested(self, table: Table, given: Arguments) -> str:
        name = given.text("name")
        relationship = table.relationships.get(name)
        if relationship is None:
            raise NotExists(f'"{name}" does not exist', given.path)
        target = self.source.tables[relationship.target]
        arguments = ", ".join(self.which(target, given))
        inner = self.selection(target, given.list("columns"), given.at("columns"))
        alias = given.text("alias", name)
        if not _NAME.fullmatch(alias):
            raise ParseFailed(f"not a valid GraphQL name: {alias:.100}", given.at("alias"))
        return f"{alias}: {name}{f'({arguments})' if arguments else ''} {inner}"

    def names(self, row: dict[str, Any], path: str) -> dict[str, Any]:
        """A row's values under GraphQL's names."""
        return {_column(self.table, name, path): value for name, value in row.items()}

    def returning(self) -> list[Any]:
        """The fields of changed rows to answer."""
        names = [] if self.given.given.get("returning") is None else self.given.list("returning")
        for name in names:
            if isinstance(name, str) and name != "*":
                _column(self.table, name, "$.args.returning")
        return names

    async def write(self, root: str) -> Any:
        """A mutation's ``{"affected_rows", "returning"?}``."""
        returning = self.returning()
        rows = f" returning {self.columns(returning)}" if returning else ""
        return await self.ask("mutation", root, f"{{ affected_rows{rows} }}")


async def select(run: Run, args: Any) -> Any:
    """``{"table", "columns", "where"?, "order_by"?, "limit"?, "offset"?}``."""
    rows = _Rows(run, args, "select")
    rows.restrict()
    return await rows.ask("query", rows.table.root_fields.select, rows.columns(rows.given.list("columns")))


async def count(run: Run, args: Any) -> Any:
    """``{"table", "where"?, "distinct"?}``."""
    rows = _Rows(run, args, "select")
    rows.where()
    distinct = rows.given.given.get("distinct")
    of = ""
    if distinct:
        columns = (_column(rows.table, name, f"$.args.distinct[{n}]") for n, name in enumerate(distinct))
        of = f"(columns: [{', '.join(columns)}], distinct: true)"
    root = rows.table.root_fields.select_aggregate
    answer = await rows.ask("query", root, f"{{ aggregate {{ count{of} }} }}")
    return {"count": answer["aggregate"]["count"]}


async def insert(run: Run, args: Any) -> Any:
    """``{"table", "objects", "returning"?, "on_conflict"?: {"constraint" | "constraint_on", "action"}}``."""
    rows = _Rows(run, args, "insert")
    conflict = None
    if rows.given.given.get("on_conflict") is not None:
        conflict = Arguments(rows.given.object("on_conflict"), "$.args.on_conflict")
        if "action" not in conflict.given:
            raise ParseFailed("the key 'action' was not present", "$.on_conflict")
    rows.returning()  # its mistakes are told before those of the constraint
    objects = [
        rows.names(expect(dict, each, f"$.args.objects[{place}]", "Object"), f"$.args.objects[{place}]")
        for place, each in enumerate(rows.given.list("objects"))
    ]
    rows.variable("objects", f"[{rows.type(rows.table, 'insert_input')}!]!", objects)
    if conflict is not None:
        given = list(dict.fromkeys(name for each in objects for name in each))
        rows.variable(
            "on_conflict", rows.type(rows.table, "on_conflict"), _on_conflict(rows.table, conflict, given)
        )
    return await rows.write(rows.table.root_fields.insert)


async def update(run: Run, args: Any) -> Any:
    """``{"table", "where", "$set"?, "$inc"?, "returning"?}``."""
    rows = _Rows(run, args, "update")
    rows.where(needed=True)
    for name in ("set", "inc"):
        change = rows.given.given.get(f"${name}")
        if change:
            values = rows.names(expect(dict, change, f"$.args.${name}", "Object"), f"$.args.${name}")
            rows.variable(f"_{name}", rows.type(rows.table, f"{name}_input"), values)
    return await rows.write(rows.table.root_fields.update)


async def delete(run: Run, args: Any) -> Any:
    """``{"table", "where", "returning"?}``."""
    rows = _Rows(run, args, "delete")
    rows.where(needed=True)
    return await rows.write(rows.table.root_fields.delete)


def _column(table: Table, name: Any, path: str) -> str:
    column = table.by_sql_name.get(name) if isinstance(name, str) else None
    if column is None:
        raise PermissionDenied(f'no such column exists: "{name}"', path)
    return column.name


def _readable(table: Table, role: str) -> list[str]:
    held = table.permissions.get(role)
    columns = "*" if role == ADMIN or held is None or held.select is None else held.select.columns
    return list(table.by_sql_name) if columns == "*" else [c for c in columns if c in table.by_sql_name]


def _condition(source: Source, table: Table, given: Any, path: str) -> Any:
    """A condition in the older syntax (``$eq``, plain values) as GraphQL's."""
    result: dict[str, Any] = {}
    for name, operand in expect(dict, given, path, "BoolExp").items():
        here = f"{path}.{name}"
        bare = name[1:] if name[:1] in {"$", "_"} else ""
        if bare in {"and", "or"}:
            parts = expect(list, operand, here, "Array")
            result[f"_{bare}"] = [
                _condition(source, table, each, f"{here}[{place}]") for place, each in enumerate(parts)
            ]
        elif bare == "not":
            result["_not"] = _condition(source, table, operand, here)
        elif bare == "exists":
            raise NotSupported("conditions on tables that are not related are for permissions only", here)
        elif name in table.relationships:
            target = source.tables[table.relationships[name].target]
            result[name] = _condition(source, target, operand, here)
        else:
            column = table.by_sql_name.get(name)
            if column is None:
                raise NotExists(f'column "{name}" does not exist in table {quoted(table.key)}', here)
            result[column.name] = _comparison(operand)
    return result


def _comparison(operand: Any) -> Any:
    if not isinstance(operand, dict):
        return {"_eq": operand}
    return {f"_{_OPERATORS.get(operator[1:], operator[1:])}": value for operator, value in operand.items()}


def _order(table: Table, given: Any, at: str) -> list[dict[str, Any]]:
    """``"+name"``, ``"-name"``, ``{"column", "type"?, "nulls"?}``, or several."""
    result = []
    for place, each in enumerate(given if isinstance(given, list) else [given]):
        path = f"{at}[{place}]"
        if isinstance(each, str):
            name, kind, nulls = each.lstrip("+-"), "desc" if each.startswith("-") else "asc", None
        else:
            item = Arguments(each, path)
            name, kind, nulls = item.text("column"), item.text("type", "asc"), item.given.get("nulls")
        direction = f"{kind}_nulls_{nulls}" if nulls else kind
        *outer, last = name.split(".")
        value: dict[str, Any] = {last if outer else _column(table, last, path): direction}
        for step in reversed(outer):
            value = {step: value}
        result.append(value)
    return result


def _on_conflict(table: Table, given: Arguments, columns: list[str]) -> dict[str, Any]:
    action = given.text("action")
    if action not in ("update", "ignore"):
        raise ParseFailed('Expecting either "update" or "ignore"', given.at("action"))
    if given.given.get("constraint") is not None:
        constraint = given.text("constraint")
    else:
        wanted = set()
        for place, name in enumerate(given.list("constraint_on")):
            if name not in table.by_sql_name:
                raise NotExists(f'column "{name}" does not exist', given.at(f"constraint_on[{place}]"))
            wanted.add(name)
        keys = [*table.catalog.unique_keys, *filter(None, [table.catalog.primary_key])]
        found = next((key.name for key in keys if set(key.columns) == wanted), None)
        if found is None:
            raise ParseFailed("there is no unique constraint on these columns", given.at("constraint_on"))
        constraint = found
    return {"constraint": constraint, "update_columns": columns if action == "update" else []}


DML_COMMANDS: dict[str, Command] = {
    "select": select,
    "count": count,
    "insert": insert,
    "update": update,
    "delete": delete,
}
