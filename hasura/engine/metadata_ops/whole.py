"""Metadata documents as a whole: completed, cleared, and freed of what does not fit the database."""

from __future__ import annotations

from typing import Any

from hasura.engine.errors import NotSupported, ParseFailed

from .arguments import DEFAULT_SOURCE, expect, field, qualified
from .dependencies import Dependent, purge
from .permissions import KINDS
from .working import find, named, remove


def completed(stored: dict[str, Any], given: dict[str, Any], path: str) -> dict[str, Any]:
    """A document of version 3. Versions 1 and 2 know tables only: they are the default source's.

    :raises ParseFailed: it is of another version or form, or says something twice.
    :raises NotSupported: there is no default source for a document of version 1 or 2.
    """
    version = given.get("version", 1)
    if type(version) is not int or version not in (1, 2, 3):
        raise ParseFailed(f"unexpected metadata version: {version!s:.20}", f"{path}.version")
    _check_allowlist(given, path)
    if version == 3:
        sources = field(given, "sources", path)
        for source in sources if isinstance(sources, list) else ():
            if isinstance(source, dict):
                source.setdefault("kind", "postgres")
        _check_names(sources, f"{path}.sources")
        return given
    default = named(stored.get("sources", []), DEFAULT_SOURCE)
    if default is None:
        raise NotSupported("cannot import metadata without sources since no default source is defined")
    functions = given.get("functions", [])
    if version == 1 and isinstance(functions, list):
        functions = [{"function": each} for each in functions]
    source = {**default, "tables": given.get("tables", []), "functions": functions}
    rest = {name: value for name, value in given.items() if name not in ("version", "tables", "functions")}
    return {"version": 3, "sources": [source], **rest}


def _check_allowlist(given: dict[str, Any], path: str) -> None:
    entries = given.get("allowlist") or []
    names = [
        entry.get("collection") if isinstance(entry, dict) else None
        for entry in expect(list, entries, f"{path}.allowlist", "Allowlist")
    ]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ParseFailed(
            f"multiple declarations exist for the following allowlist entries: {', '.join(twice)}", path
        )


def _check_names(sources: Any, path: str) -> None:
    names = (
        [each.get("name") for each in sources if isinstance(each, dict)] if isinstance(sources, list) else []
    )
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ParseFailed(f"multiple declarations exist for the following sources: {', '.join(twice)}", path)


def cleared(document: dict[str, Any]) -> dict[str, Any]:
    """The default source with nothing tracked."""
    source = named(document.get("sources", []), DEFAULT_SOURCE)
    kept = ("name", "kind", "configuration", "customization")
    sources = [] if source is None else [{name: source[name] for name in kept if name in source}]
    return {"version": 3, "sources": [{**each, "tables": []} for each in sources]}


def without_inconsistent(document: dict[str, Any], inconsistencies: list[dict[str, Any]]) -> dict[str, Any]:
    """The document, changed in place, without the objects that the reports name."""
    gone = {each["definition"] for each in inconsistencies if each["type"] == "source"}
    document["sources"] = [each for each in document.get("sources", []) if each["name"] not in gone]
    for source in document["sources"]:
        own = f" in source {source['name']}"
        for inconsistency in inconsistencies:
            definition = inconsistency.get("definition")
            if inconsistency["name"].endswith(own) and isinstance(definition, dict):
                _drop(source, inconsistency["type"], definition)
    return document


def _drop(source: dict[str, Any], kind: str, definition: dict[str, Any]) -> None:
    if kind in {"table", "function"}:
        entry = find(source.get(f"{kind}s", []), kind, qualified(definition.get(kind, definition), "$"))
        if entry is not None:
            remove(source, f"{kind}s", entry)
            source.setdefault("tables", [])
        return
    if "table" not in definition:
        return
    key = qualified(definition["table"], "$")
    operation = kind.removesuffix("_permission")
    if operation in KINDS:
        purge(source, Dependent("permission", key, definition["role"], operation))
    elif kind == "computed_field":
        purge(source, Dependent("computed field", key, definition["name"]))
    elif kind == "remote_relationship":
        table = find(source.get("tables", []), "table", key)
        entry = named(table.get("remote_relationships", []), definition["name"]) if table else None
        if table and entry:
            remove(table, "remote_relationships", entry)
    else:
        purge(source, Dependent("relationship", key, definition["name"]))
