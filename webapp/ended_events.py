"""Lets go of what a background event knew once it has ended.

Reflex keeps the exception that ended an event's handler in a variable of the frame that the exception's own
traceback knows (`BaseStateEventProcessor._execute_event`, 0.10.1). To be cancelled is how every live query of a page
ends, so each page that is left would leave its messages behind, until the collector looks through everything.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

from reflex.middleware import Middleware

if TYPE_CHECKING:
    from reflex.app import App
    from reflex.event import Event
    from reflex.state import BaseState, StateUpdate

_HOLDER = "_execute_event"


class EmptyEndedEvents(Middleware):
    """Reflex calls it at the start of each event, in the event's own task, which ends with it."""

    async def preprocess(self, app: App, state: BaseState, event: Event) -> StateUpdate | None:  # noqa: ARG002
        frame, task = inspect.currentframe(), asyncio.current_task()
        while frame is not None and frame.f_code.co_name != _HOLDER:
            frame = frame.f_back
        if frame is not None and task is not None:
            task.add_done_callback(lambda _, holder=frame: holder.clear())
        return None
