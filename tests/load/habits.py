"""What everybody does, whichever way they come: something, and then they think."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from tests.load.figures import Failure
from tests.load.plan import HABITS, THINK

if TYPE_CHECKING:
    import random

    from tests.load.figures import Figures


class Habits(ABC):
    """One person. What fails is counted, and done again some other time."""

    def __init__(self, kind: str, figures: Figures, chance: random.Random) -> None:
        self.kind = kind
        self.figures = figures
        self.chance = chance
        self.arrived = asyncio.Event()

    @property
    @abstractmethod
    def connections(self) -> int:
        """That somebody who has arrived keeps open."""

    @abstractmethod
    async def arrive(self) -> None:
        """Raises Failure."""

    @abstractmethod
    async def leave(self) -> None: ...

    @abstractmethod
    async def send(self) -> None:
        """A message that asks for an answer. Raises Failure, as the others."""

    @abstractmethod
    async def page(self) -> None:
        """One page back in the history."""

    @abstractmethod
    async def list(self) -> None:
        """The list of sessions."""

    @abstractmethod
    async def switch(self) -> None:
        """Another chat."""

    @abstractmethod
    async def reload(self) -> None: ...

    async def live(self, stopping: asyncio.Event, haste: float) -> None:
        """From the arrival on, until told to stop."""
        while not await self._arrives():
            await self._think(stopping, haste)
            if stopping.is_set():
                return
        names, weights = list(HABITS), list(HABITS.values())
        doings = {name: getattr(self, name) for name in names}
        while True:
            await self._think(stopping, haste)
            if stopping.is_set():
                return
            try:
                await doings[self.chance.choices(names, weights)[0]]()
            except Failure:
                continue  # it has been counted

    async def _arrives(self) -> bool:
        try:
            await self.arrive()
        except Failure:
            return False
        self.arrived.set()
        return True

    async def _think(self, stopping: asyncio.Event, haste: float) -> None:
        try:
            await asyncio.wait_for(stopping.wait(), self.chance.uniform(*THINK) / haste)
        except TimeoutError:
            return
