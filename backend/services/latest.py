"""An endless source, read at once whatever its reader does: only the latest item waits for a slow one."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from backend.services.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

Item = TypeVar("Item")


async def latest(source: AsyncGenerator[Item, None]) -> AsyncGenerator[Item, None]:
    """The items of `source`, without those that were replaced before they were asked for. Raises what it raises."""
    waiting: list[Item] = []
    changed = asyncio.Event()

    async def read() -> None:
        try:
            async with aclosing(source) as items:
                async for item in items:
                    waiting[:] = [item]
                    changed.set()
        finally:
            changed.set()

    reading = asyncio.create_task(read())
    try:
        while True:
            await changed.wait()
            changed.clear()
            if waiting:
                yield waiting.pop()
            elif reading.done():
                await reading
                return
    finally:
        await end(reading)
