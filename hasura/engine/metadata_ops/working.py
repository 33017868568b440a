"""The working copy that operations change, and what they say of the change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import NotExists

from .arguments import qualified
from .names import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hasura.engine.resolve.model import Source
    from hasura.engine.snapshot import Snapshot

    from .names import Key

    Operation = Callable[["Working", Any], "Outcome"]

SUCCESS: dict[str, Any] = {"message": "success"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """``answer`` goes to the caller, unless the object named ``about`` turns out inconsistent: then that is said.

    ``about`` is None where no single object is at stake, as when one is dropped.
    """

    answer: Any = field(default_factory=lambda: SUCCESS)
    about: str | None = None


@dataclass(slots=True)
class Working:
    """``document`` is the operation's own; ``snapshot`` is what the document was when the operation began."""

    document: dict[str, Any]
    snapshot: Snapshot

    def source(self, name: str, path: str = "$.args") -> dict[str, Any]:
        """:raises NotExists: there is no such source."""
        for source in self.document.get("sources", ()):
            if source["name"] == name:
                found: dict[str, Any] = source
                return found
        raise NotExists(f'source with name "{name}" does not exist', path)

    def resolved(self, name: str) -> Source:
        """A source as it was when the operation began, with what of it fits its database."""
        return self.snapshot.source(name)

    def table(self, source: str, key: Key, path: str = "$.args") -> dict[str, Any]:
        """The entry of a tracked table.

        :raises NotExists: it is not tracked, or there is no such source.
        """
        entry = find(self.source(source, path).get("tables", ()), "table", key)
        if entry is None:
            raise NotExists(f"table {quoted(key)} does not exist in source: {source}", path)
        return entry

    def function(self, source: str, key: Key, path: str = "$.args") -> dict[str, Any]:
        """The entry of a tracked function.

        :raises NotExists: it is not tracked, or there is no such source.
        """
        entry = find(self.source(source, path).get("functions", ()), "function", key)
        if entry is None:
            raise NotExists(f"function {quoted(key)} does not exist in source: {source}", path)
        return entry


def find(entries: list[dict[str, Any]], field: str, key: Key) -> dict[str, Any] | None:
    """The entry of a table or function among ``entries``."""
    return next((entry for entry in entries if qualified(entry[field], "$") == key), None)


def named(entries: list[dict[str, Any]], name: str, field: str = "name") -> dict[str, Any] | None:
    """The entry whose ``field`` is ``name``."""
    return next((entry for entry in entries if entry[field] == name), None)


def remove(owner: dict[str, Any], field: str, entry: dict[str, Any]) -> None:
    """Takes an entry out of a list of ``owner``; an empty list goes too, as in Hasura's exports."""
    owner[field] = [other for other in owner[field] if other is not entry]
    if not owner[field]:
        del owner[field]


def relationships(table: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All relationships of a table with the field that lists them."""
    for field_name in ("object_relationships", "array_relationships"):
        for entry in table.get(field_name, ()):
            yield field_name, entry
