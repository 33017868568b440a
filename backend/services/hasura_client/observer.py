"""Who is told what becomes of requests and live queries: metrics are this protocol's reason."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Observer(Protocol):
    """An `operation` is the name of one of this client's own documents: there are few of them."""

    def answered(self, operation: str, seconds: float, outcome: str, /) -> None:
        """One request: ``ok``, ``Cancelled`` or the name of a `HasuraError`; a repeated request is told each time."""

    def watched(self, operation: str, /) -> AbstractContextManager[None]:
        """Entered for as long as a live query lasts."""

    def interrupted(self) -> None:
        """A live query was cut off, and is tried again."""

    def waited(self, seconds: float, /) -> None:
        """A request got its place among those that are under way, after so long, or waited in vain."""


class Unobserved:
    """Tells nobody."""

    def answered(self, _operation: str, _seconds: float, _outcome: str, /) -> None: ...

    def watched(self, _operation: str, /) -> AbstractContextManager[None]:
        return nullcontext()

    def interrupted(self) -> None: ...

    def waited(self, _seconds: float, /) -> None: ...
