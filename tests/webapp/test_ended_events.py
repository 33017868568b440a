"""What a background event of a page knew is freed when it is cancelled, not when the collector comes by."""

from __future__ import annotations

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
import reflex as rx
from reflex.istate.manager.memory import StateManagerMemory
from reflex.middleware import Middleware
from reflex_base.event import Event
from reflex_base.event.processor import BaseStateEventProcessor

from webapp.ended_events import EmptyEndedEvents


class Messages:
    """What a live query of a page holds."""


held: list[weakref.ref[Messages]] = []


class Follower(rx.State):
    @rx.event(background=True)
    async def follow(self) -> None:
        messages = Messages()
        held.append(weakref.ref(messages))
        await asyncio.Event().wait()


async def _left_after_cancelling(*middleware: Middleware) -> int:
    """How many still hold their messages."""
    held.clear()

    async def preprocess(state: Any, event: Event) -> None:
        for each in middleware:
            await each.preprocess(app=None, state=state, event=event)  # type: ignore[arg-type]

    processor = BaseStateEventProcessor(middleware=SimpleNamespace(_preprocess=preprocess))  # type: ignore[arg-type]
    async with processor.configure(state_manager=StateManagerMemory()):
        event = Event(name=f"{Follower.get_full_name()}.follow", payload={})
        futures = [await processor.enqueue(f"token-{n}", event) for n in range(10)]
        async with asyncio.timeout(20):
            while len(held) < len(futures):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            running = set(processor._tasks.values())
            for future in futures:
                future.cancel()
            await asyncio.wait(running)
            running.clear()
        return sum(each() is not None for each in held)


@pytest.mark.parametrize(("middleware", "left"), [((EmptyEndedEvents(),), 0), ((), 10)])
async def test_it_is_freed_at_once(middleware: tuple[Middleware, ...], left: int) -> None:
    gc.disable()
    try:
        # The second line is Reflex alone: once it leaves nothing behind, `ended_events` can go.
        assert await _left_after_cancelling(*middleware) == left
    finally:
        gc.enable()
