"""A subscription, ready for the refreshes of ``live``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hasura.engine.catalog.model import QualifiedName


@dataclass(frozen=True, slots=True)
class LiveKey:
    """Of ``table``, only rows whose ``column`` has the value at ``place`` matter to a subscriber."""

    table: QualifiedName
    column: str
    #: the SQL type of the value
    type: str
    place: int


@dataclass(frozen=True, slots=True)
class LivePlan:
    """One subscriber's part of a multiplexed statement, which the database of ``source`` runs.

    ``sql`` takes ``result_ids`` (uuid[]) and ``result_vars`` (jsonb[], one ``{"values": …, "cursor": …}`` for each
    subscriber) and answers ``(result_id, data)``; a stream's has a third column, the cursor after the batch.
    Subscribers whose ``sql`` is the same share each refresh.
    """

    source: str
    sql: str
    values: list[str | None]
    #: tables whose changes can change the answer
    tables: frozenset[QualifiedName]
    #: where a stream starts; None for a live query
    initial_cursor: dict[str, Any] | None
    #: at most one for each table; all rows of the others matter
    keys: tuple[LiveKey, ...] = ()
