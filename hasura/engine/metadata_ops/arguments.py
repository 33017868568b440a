"""A command's ``args``, read field by field and refused in Hasura's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasura.engine.errors import ParseFailed

if TYPE_CHECKING:
    from .names import Key

DEFAULT_SOURCE = "default"

_KINDS: dict[type, str] = {
    dict: "Object",
    list: "Array",
    str: "String",
    bool: "Boolean",
    int: "Number",
    float: "Number",
    type(None): "Null",
}


def expect(kind: type, value: Any, path: str, what: str) -> Any:
    """:raises ParseFailed: the value is of another JSON type."""
    if type(value) is not kind:
        wanted, found = _KINDS[kind], _KINDS[type(value)]
        raise ParseFailed(f"parsing {what} failed, expected {wanted}, but encountered {found}", path)
    return value


def field(value: dict[str, Any], name: str, path: str) -> Any:
    """:raises ParseFailed: the object lacks the field."""
    if name not in value:
        raise ParseFailed(f'key "{name}" not found', path)
    return value[name]


def qualified(value: Any, path: str) -> Key:
    """``"name"`` or ``{"schema"?, "name"}`` as ``(schema, name)``.

    :raises ParseFailed: it is neither.
    """
    if isinstance(value, str):
        return ("public", value)
    given = Arguments(value, path, "QualifiedObject")
    return (given.text("schema", "public"), given.text("name"))


class Arguments:
    """An object of the request at a path; every reader raises ``ParseFailed``, naming the place."""

    def __init__(self, value: Any, path: str = "$.args", what: str = "args") -> None:
        self.given: dict[str, Any] = expect(dict, value, path, what)
        self.path = path

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}"

    def value(self, name: str) -> Any:
        """A field that must be there."""
        return field(self.given, name, self.path)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; needed unless there is a default."""
        if default is not None and self.given.get(name) is None:
            return default
        text: str = expect(str, self.value(name), self.at(name), "Text")
        return text

    def name(self, name: str) -> str:
        """A text that is not empty."""
        text = self.text(name)
        if not text:
            raise ParseFailed("empty string not allowed", self.at(name))
        return text

    def comment(self) -> str | None:
        """The optional ``comment``."""
        return None if self.given.get("comment") is None else self.text("comment")

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean; null is the default."""
        given = self.given.get(name)
        return default if given is None else bool(expect(bool, given, self.at(name), "Bool"))

    def whole(self, name: str, default: int | None = None) -> int | None:
        """An integer, or the default."""
        given = self.given.get(name)
        return default if given is None else int(expect(int, given, self.at(name), "Int"))

    def object(self, name: str, *, needed: bool = True) -> dict[str, Any]:
        """An object; an empty one where it is not needed and not there."""
        if not needed and self.given.get(name) is None:
            return {}
        found: dict[str, Any] = expect(dict, self.value(name), self.at(name), "Object")
        return found

    def list(self, name: str) -> list[Any]:
        """An array."""
        found: list[Any] = expect(list, self.value(name), self.at(name), "Array")
        return found

    def key(self, name: str) -> Key:
        """The qualified name of a table or function."""
        return qualified(self.value(name), self.at(name))

    @property
    def source(self) -> str:
        """The optional ``source``."""
        return self.text("source", DEFAULT_SOURCE)
