"""How many WebSockets one user may hold open at this process."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID


class TooManySockets(Exception):
    """This user has as many open as are allowed."""


class OpenSockets:
    def __init__(self, per_user: int) -> None:
        self._per_user = per_user
        self._open: Counter[UUID] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    @property
    def users(self) -> int:
        """Who has one open."""
        return len(self._open)

    @contextmanager
    def place(self, user_id: UUID) -> Iterator[None]:
        """Raises TooManySockets."""
        if self._open[user_id] >= self._per_user:
            raise TooManySockets
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]
