"""Metadata follows what was renamed: tables and columns by SQL, relationships by a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arguments import qualified
from .expressions import Renaming, Target, new_key, new_name, renamed
from .names import as_json
from .permissions import KINDS
from .working import relationships

if TYPE_CHECKING:
    from hasura.engine.resolve.model import Source

    from .names import Key


def rename_in_permissions(document_source: dict[str, Any], source: Source, change: Renaming) -> None:
    """Follows the change in every permission; ``source`` is the same metadata resolved, before the change."""
    for entry in document_source.get("tables", ()):
        key = qualified(entry["table"], "$")
        for kind in KINDS:
            for held in entry.get(f"{kind}_permissions", ()):
                held["permission"] = _permission(source, key, held["permission"], change)


def _permission(source: Source, key: Key, permission: dict[str, Any], change: Renaming) -> dict[str, Any]:
    result = dict(permission)
    for condition in ("filter", "check"):
        if condition in result:
            result[condition] = renamed(source, key, result[condition], change)
    if isinstance(result.get("columns"), list):
        result["columns"] = [_column(key, column, change) for column in result["columns"]]
    if result.get("set"):
        result["set"] = {_column(key, column, change): value for column, value in result["set"].items()}
    return result


def _column(key: Key, column: str, change: Renaming) -> str:
    return new_name(Target("column", key, column), change)


def rename_column(document_source: dict[str, Any], source: Source, key: Key, old: str, new: str) -> None:
    """A column was renamed: permissions, relationships and the table's configuration follow."""
    change = Renaming(Target("column", key, old), new)
    rename_in_permissions(document_source, source, change)
    for entry in document_source.get("tables", ()):
        here = qualified(entry["table"], "$")
        for _, relationship in relationships(entry):
            _rename_in_using(here, relationship, change)
        if here == key:
            configuration = entry.get("configuration", {})
            for field in ("column_config", "custom_column_names"):
                if old in configuration.get(field, {}):
                    configuration[field][new] = configuration[field].pop(old)


def _rename_in_using(here: Key, relationship: dict[str, Any], change: Renaming) -> None:
    using = relationship["using"]
    manual = using.get("manual_configuration")
    if manual is not None:
        there = qualified(manual["remote_table"], "$")
        manual["column_mapping"] = {
            _column(here, ours, change): _column(there, its, change)
            for ours, its in manual["column_mapping"].items()
        }
        return
    foreign = using.get("foreign_key_constraint_on")
    if isinstance(foreign, dict):
        there = qualified(foreign["table"], "$")
        if "column" in foreign:
            foreign["column"] = _column(there, foreign["column"], change)
        if "columns" in foreign:
            foreign["columns"] = [_column(there, column, change) for column in foreign["columns"]]
    elif isinstance(foreign, list):
        using["foreign_key_constraint_on"] = [_column(here, column, change) for column in foreign]
    elif isinstance(foreign, str):
        using["foreign_key_constraint_on"] = _column(here, foreign, change)


def rename_tables(document_source: dict[str, Any], source: Source, names: dict[Key, Key]) -> None:
    """Tables were renamed: relationships to them, conditions that name them and their entries follow."""
    for old, new in names.items():
        change = Renaming(Target("table", old), new)
        rename_in_permissions(document_source, source, change)
        for entry in document_source.get("tables", ()):
            for _, relationship in relationships(entry):
                _rename_target(relationship["using"], change)
    # Last: until here the entries are found by the names that `source` knows.
    for entry in document_source.get("tables", ()):
        key = qualified(entry["table"], "$")
        entry["table"] = as_json(names.get(key, key))


def _rename_target(using: dict[str, Any], change: Renaming) -> None:
    manual, foreign = using.get("manual_configuration"), using.get("foreign_key_constraint_on")
    if manual is not None:
        manual["remote_table"] = as_json(new_key(qualified(manual["remote_table"], "$"), change))
    elif isinstance(foreign, dict):
        foreign["table"] = as_json(new_key(qualified(foreign["table"], "$"), change))
