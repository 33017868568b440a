"""Rows of a live query's states."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from backend.services.hasura_client import UnexpectedAnswer
from backend.services.hasura_client.rows import Reread


class Fruit(BaseModel):
    id: int
    name: str


def test_a_row_that_has_not_changed_is_the_same_object_again() -> None:
    reread = Reread(Fruit)
    apple, pear = reread([{"id": 1, "name": "apple"}, {"id": 2, "name": "pear"}])
    again = reread([{"id": 3, "name": "fig"}, {"id": 2, "name": "quince"}, {"id": 1, "name": "apple"}])
    assert [fruit.name for fruit in again] == ["fig", "quince", "apple"]
    assert again[2] is apple
    assert again[1] is not pear
    assert reread([]) == []
    assert reread([{"id": 1, "name": "apple"}])[0] is not apple, "what is gone is forgotten"


def test_a_row_that_is_none_says_so() -> None:
    with pytest.raises(UnexpectedAnswer, match="Fruit"):
        Reread(Fruit)([{"id": 1}])
