"""Sources. This engine serves the tables of one, the database that it was started on; others can be named.

Source: https://hasura.io/docs/2.0/api-reference/metadata-api/source/
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psycopg.conninfo

from hasura.engine.errors import AlreadyExists, InvalidConfiguration, NotExists

from .arguments import Arguments
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
    name = Arguments(args).name("name")
    entry = work.source(name)
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
    return Outcome()


def connection_url(source: dict[str, Any]) -> str:
    """Where a source's database is.

    :raises InvalidConfiguration: its metadata does not say, or names an environment variable that is not set.
    """
    url = source.get("configuration", {}).get("connection_info", {}).get("database_url")
    if isinstance(url, dict) and isinstance(url.get("from_env"), str):
        name = url["from_env"]
        url = os.environ.get(name)
        if url is None:
            raise InvalidConfiguration(
                f"Inconsistent object: environment variable '{name}' not set", "$.args"
            )
    if isinstance(url, dict) and "connection_parameters" in url:
        parameters = {name: str(value) for name, value in url["connection_parameters"].items()}
        parameters["user"] = parameters.pop("username", "")
        parameters["dbname"] = parameters.pop("database", "")
        return psycopg.conninfo.make_conninfo("", **parameters)
    if not isinstance(url, str):
        raise InvalidConfiguration("Inconsistent object: the source has no database_url", "$.args")
    return url


SOURCE_OPERATIONS: dict[str, Operation] = {
    "add_source": add_source,
    "update_source": update_source,
    "drop_source": drop_source,
    "rename_source": rename_source,
}
