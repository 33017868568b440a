"""Query collections, and which of them are allowed.

Sources: https://hasura.io/docs/2.0/api-reference/metadata-api/query-collections/ and …/allowlist/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.errors import (
    AlreadyExists,
    DependencyError,
    NotExists,
    NotFound,
    NotSupported,
    ParseFailed,
)

from .arguments import Arguments, expect
from .working import SUCCESS, Outcome, named, remove

if TYPE_CHECKING:
    from .working import Operation, Working


def create_query_collection(work: Working, args: Any) -> Outcome:
    """``{"name", "definition": {"queries": [{"name", "query"}]}, "comment"?}``."""
    given = Arguments(args)
    name = given.name("name")
    known = work.document.setdefault("query_collections", [])
    if named(known, name) is not None:
        raise AlreadyExists(f'query collection with name "{name}" already exists', "$.args.name")
    definition = Arguments(given.object("definition"), "$.args.definition")
    queries = [
        _query(Arguments(each, f"$.args.definition.queries[{place}]"), "name")
        for place, each in enumerate(definition.list("queries"))
    ]
    names = [query["name"] for query in queries]
    twice = list(dict.fromkeys(each for each in names if names.count(each) > 1))
    if twice:
        told = ", ".join(f'"{each}"' for each in twice)
        raise NotSupported(f"found duplicate query names {told}", "$.args.definition.queries")
    entry: dict[str, Any] = {"name": name, "definition": {"queries": queries}}
    if given.comment() is not None:
        entry["comment"] = given.comment()
    known.append(entry)
    return Outcome()


def _query(given: Arguments, name: str) -> dict[str, str]:
    return {"name": given.name(name), "query": given.text("query")}


def rename_query_collection(work: Working, args: Any) -> Outcome:
    """``{"name", "new_name"}``; the allowlist follows."""
    given = Arguments(args)
    old, new = given.name("name"), given.name("new_name")
    entry = _collection(work, old)
    if named(work.document["query_collections"], new) is not None:
        raise AlreadyExists(f'query collection with name "{new}" already exists', "$.args.new_name")
    entry["name"] = new
    allowed = named(work.document.get("allowlist", ()), old, "collection")
    if allowed is not None:
        allowed["collection"] = new
    return Outcome()


def drop_query_collection(work: Working, args: Any) -> Outcome:
    """``{"collection", "cascade"?}``; ``cascade`` takes it off the allowlist too."""
    given = Arguments(args)
    name = given.name("collection")
    entry = _collection(work, name, "$.args.collection")
    allowed = named(work.document.get("allowlist", ()), name, "collection")
    if allowed is not None:
        if not given.flag("cascade"):
            raise DependencyError(
                f'query collection with name "{name}" is present in the allowlist; cannot proceed to drop. '
                "please use cascade to confirm you wish to drop it from the allowlist as well",
                "$.args.collection",
            )
        remove(work.document, "allowlist", allowed)
    remove(work.document, "query_collections", entry)
    return Outcome()


def add_query_to_collection(work: Working, args: Any) -> Outcome:
    """``{"collection_name", "query_name", "query"}``."""
    given = Arguments(args)
    name = given.name("collection_name")
    queries = _collection(work, name)["definition"]["queries"]
    query = _query(given, "query_name")
    if named(queries, query["name"]) is not None:
        raise AlreadyExists(
            f'query with name "{query["name"]}" already exists in collection "{name}"', "$.args"
        )
    queries.append(query)
    return Outcome()


def drop_query_from_collection(work: Working, args: Any) -> Outcome:
    """``{"collection_name", "query_name"}``."""
    given = Arguments(args)
    name, query_name = given.name("collection_name"), given.name("query_name")
    definition = _collection(work, name)["definition"]
    query = named(definition["queries"], query_name)
    if query is None:
        raise NotFound(f'query with name "{query_name}" not found in collection "{name}"', "$.args")
    definition["queries"].remove(query)
    return Outcome()


def _collection(work: Working, name: str, path: str = "$.args") -> dict[str, Any]:
    entry = named(work.document.get("query_collections", ()), name)
    if entry is None:
        raise NotExists(f'query collection with name "{name}" does not exist', path)
    return entry


def add_collection_to_allowlist(work: Working, args: Any) -> Outcome:
    """``{"collection", "scope"?: {"global", "roles"?}}``."""
    given = Arguments(args)
    name = given.name("collection")
    scope = _scope(given, {"global": True})
    _collection(work, name, "$.args.collection")
    if named(work.document.get("allowlist", ()), name, "collection") is not None:
        return Outcome(
            {
                "message": f'collection "{name}" already exists in the allowlist, scope ignored; '
                "to change scope, use update_scope_of_collection_in_allowlist"
            }
        )
    work.document.setdefault("allowlist", []).append({"collection": name, "scope": scope})
    return Outcome(SUCCESS)


def update_scope_of_collection_in_allowlist(work: Working, args: Any) -> Outcome:
    """``{"collection", "scope"}``."""
    given = Arguments(args)
    name = given.name("collection")
    scope = _scope(given, None)
    _collection(work, name, "$.args.collection")
    _allowed(work, name)["scope"] = scope
    return Outcome()


def drop_collection_from_allowlist(work: Working, args: Any) -> Outcome:
    """``{"collection"}``."""
    record = "Hasura.RQL.Types.Allowlist.DropCollectionFromAllowlist(DropCollectionFromAllowlist)"
    if isinstance(args, dict) and "collection" not in args:
        # Hasura names its type here, as of all records that it reads by their declaration.
        raise ParseFailed(f'parsing {record} failed, key "collection" not found', "$.args")
    name = Arguments(args).name("collection")
    _collection(work, name, "$.args.collection")
    remove(work.document, "allowlist", _allowed(work, name))
    return Outcome()


def _allowed(work: Working, name: str) -> dict[str, Any]:
    entry = named(work.document.get("allowlist", ()), name, "collection")
    if entry is None:
        raise NotFound(f'collection "{name}" doesn\'t exist in the allowlist', "$.args")
    return entry


def _scope(given: Arguments, default: dict[str, Any] | None) -> dict[str, Any]:
    if default is not None and given.given.get("scope") is None:
        return default
    path = given.at("scope")
    scope = Arguments(given.value("scope"), path)
    scope.value("global")
    if scope.flag("global"):
        if scope.given.get("roles") is not None:
            raise ParseFailed("roles are not allowed when global is true", path)
        return {"global": True}
    roles = [expect(str, role, scope.at("roles"), "RoleName") for role in scope.list("roles")]
    if not roles:
        raise ParseFailed("parsing NonEmpty failed, unexpected empty list", scope.at("roles"))
    if len(set(roles)) < len(roles):
        raise ParseFailed("duplicate roles are not allowed", path)
    return {"global": False, "roles": roles}


COLLECTION_OPERATIONS: dict[str, Operation] = {
    "create_query_collection": create_query_collection,
    "rename_query_collection": rename_query_collection,
    "drop_query_collection": drop_query_collection,
    "add_query_to_collection": add_query_to_collection,
    "drop_query_from_collection": drop_query_from_collection,
    "add_collection_to_allowlist": add_collection_to_allowlist,
    "update_scope_of_collection_in_allowlist": update_scope_of_collection_in_allowlist,
    "drop_collection_from_allowlist": drop_collection_from_allowlist,
}
