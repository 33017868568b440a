"""Sources: databases whose tables can be tracked.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/source/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.errors import AlreadyExists, NotExists

from .arguments import Arguments
from .remote_relationships import check_not_joined
from .working import Outcome, named

if TYPE_CHECKING:
    from .working import Operation, Working

#: what a command may say of a source besides its name
_SETTINGS = ("configuration", "customization", "health_check")


def add_source(work: Working, args: Any) -> Outcome:
    """``{"name", "configuration", "customization"?, "health_check"?, "replace_configuration"?}``."""
    given = Arguments(args)
    name = given.name("name")
    given.object("configuration")
    sources = work.document.setdefault("sources", [])
    entry = named(sources, name)
    if entry is not None:
        if not given.flag("replace_configuration"):
            raise AlreadyExists(f'source with name "{name}" already exists', "$.args")
    else:
        entry = {"name": name, "kind": "postgres", "tables": []}
        sources.append(entry)
    for setting in _SETTINGS:
        entry.pop(setting, None)
    _set(entry, given)
    return Outcome(about=f"source {name}")


def update_source(work: Working, args: Any) -> Outcome:
    """``{"name", "configuration"?, "customization"?, "health_check"?}``: what is not given stays."""
    given = Arguments(args)
    name = given.name("name")
    _set(work.source(name), given)
    return Outcome(about=f"source {name}")


def _set(entry: dict[str, Any], given: Arguments) -> None:
    for setting in _SETTINGS:
        if given.given.get(setting) is not None:
            entry[setting] = given.object(setting)


def drop_source(work: Working, args: Any) -> Outcome:
    """``{"name", "cascade"?}``; what is tracked in it goes too."""
    given = Arguments(args)
    name = given.name("name")
    entry = work.source(name)
    check_not_joined(work, name, cascade=given.flag("cascade"))
    work.document["sources"] = [other for other in work.document["sources"] if other is not entry]
    return Outcome()


def rename_source(work: Working, args: Any) -> Outcome:
    """``{"name", "new_name"}``."""
    given = Arguments(args)
    old, new = given.name("name"), given.name("new_name")
    entry = named(work.document.get("sources", ()), old)
    if entry is None:
        raise NotExists(f'Could not find source with name "{old}"', "$.args")
    if named(work.document["sources"], new) is not None:
        raise AlreadyExists(f'Source with name "{new}" already exists', "$.args")
    entry["name"] = new
    return Outcome(about=f"source {new}")


SOURCE_OPERATIONS: dict[str, Operation] = {
    "add_source": add_source,
    "update_source": update_source,
    "drop_source": drop_source,
    "rename_source": rename_source,
}
