"""What roles may do with a table's rows.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/permission/
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import AlreadyExists, ParseFailed, PermissionDenied
from hasura.engine.session import ADMIN

from .arguments import Arguments
from .names import of_table, quoted
from .working import Outcome, named, remove

if TYPE_CHECKING:
    from .working import Operation, Working

KINDS = ("insert", "select", "update", "delete")


def create_permission(kind: str, work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "role", "permission", "comment"?}``."""
    given = Arguments(args)
    key, role = given.key("table"), given.name("role")
    table = work.table(given.source, key)
    field = f"{kind}_permissions"
    if role == ADMIN or named(table.get(field, ()), role, "role") is not None:
        raise AlreadyExists(
            f'{kind} permission already defined on table {quoted(key)} with role "{role}"', "$.args"
        )
    permission = dict(given.object("permission"))
    _check_form(kind, Arguments(permission, "$.args.permission"))
    entry: dict[str, Any] = {"role": role, "permission": permission}
    if given.comment() is not None:
        entry["comment"] = given.comment()
    table.setdefault(field, []).append(entry)
    return Outcome(about=of_table(f"{kind}_permission", role, key, given.source))


def _check_form(kind: str, permission: Arguments) -> None:
    """Fills in Hasura's defaults; a row condition must be there, and be an object."""
    condition = "check" if kind == "insert" else "filter"
    permission.object(condition)
    given = permission.given
    if kind == "insert":
        given.setdefault("columns", "*")
    if kind in {"select", "update"}:
        permission.value("columns")
    if kind == "update":
        given.setdefault("check", None)
    columns = given.get("columns", "*")
    if columns != "*" and not isinstance(columns, list):
        raise ParseFailed('unexpected value, expected a list of columns or "*"', permission.at("columns"))


def drop_permission(kind: str, work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "role"}``."""
    given = Arguments(args)
    key, role = given.key("table"), given.name("role")
    table = work.table(given.source, key)
    entry = named(table.get(f"{kind}_permissions", ()), role, "role")
    if entry is None:
        raise PermissionDenied(
            f'{kind} permission on {quoted(key)} for role "{role}" does not exist', "$.args"
        )
    remove(table, f"{kind}_permissions", entry)
    return Outcome()


def set_permission_comment(work: Working, args: Any) -> Outcome:
    """``{"table", "source"?, "role", "type", "comment"?}``; Hasura's source calls ``type`` ``permission``."""
    given = Arguments(args)
    key, role = given.key("table"), given.name("role")
    kind = given.text("permission") if "permission" in given.given else given.text("type")
    if kind not in KINDS:
        raise ParseFailed("perm_type should be one of 'insert', 'select', 'update', 'delete'", "$.args.type")
    table = work.table(given.source, key)
    entry = named(table.get(f"{kind}_permissions", ()), role, "role")
    if entry is None:
        raise PermissionDenied(
            f"'{kind}' permission on {quoted(key)} for role \"{role}\" does not exist", "$.args"
        )
    if given.comment() is None:
        entry.pop("comment", None)
    else:
        entry["comment"] = given.comment()
    return Outcome(about=of_table(f"{kind}_permission", role, key, given.source))


PERMISSION_OPERATIONS: dict[str, Operation] = {
    **{f"create_{kind}_permission": partial(create_permission, kind) for kind in KINDS},
    **{f"drop_{kind}_permission": partial(drop_permission, kind) for kind in KINDS},
    "set_permission_comment": set_permission_comment,
}
