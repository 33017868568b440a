"""Values on their way out, and rows of an answer as models, or the error that says they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from backend.services.hasura_client.errors import NotFound, UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = TypeVar("Row", bound=BaseModel)


def read(model: type[Row], row: dict[str, Any]) -> Row:
    try:
        return model.model_validate(row)
    except ValidationError as exc:
        raise UnexpectedAnswer(f"GraphQL answered with something that is no {model.__name__}") from exc


class Reread(Generic[Row]):
    """Reads the states of one live query: a row that has not changed since the last one is the same object again.

    Of fifty rows one has changed, mostly; to read all of them anew took a quarter of what a change cost the web UI.
    """

    def __init__(self, model: type[Row]) -> None:
        self._model = model
        self._known: dict[Any, tuple[dict[str, Any], Row]] = {}

    def __call__(self, rows: Iterable[dict[str, Any]]) -> list[Row]:
        """:param rows: with an ``id`` each."""
        known, self._known = self._known, {}
        for row in rows:
            before = known.get(row.get("id"))
            unchanged = before is not None and before[0] == row
            self._known[row.get("id")] = before if before and unchanged else (row, read(self._model, row))
        return [model for _, model in self._known.values()]


def first(model: type[Row], rows: list[dict[str, Any]]) -> Row | None:
    return read(model, rows[0]) if rows else None


def only(model: type[Row], rows: list[dict[str, Any]], otherwise: str) -> Row:
    """Raises NotFound with the text `otherwise`."""
    if not rows:
        raise NotFound(otherwise)
    return read(model, rows[0])


def given(**values: Any) -> dict[str, Any]:
    """Without those that are None."""
    return {name: value for name, value in values.items() if value is not None}
