"""Values on their way out, and rows of an answer as models, or the error that says they are none."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from backend.services.hasura_client.errors import NotFound, UnexpectedAnswer

Row = TypeVar("Row", bound=BaseModel)


def read(model: type[Row], row: dict[str, Any]) -> Row:
    try:
        return model.model_validate(row)
    except ValidationError as exc:
        raise UnexpectedAnswer(f"GraphQL answered with something that is no {model.__name__}") from exc


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
