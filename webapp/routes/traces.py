"""What pages have measured themselves: how long what a reader did took, as they saw it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.routing import Route

from telemetry import traces
from webapp.routes.bodies import read_body

if TYPE_CHECKING:
    from starlette.requests import Request

#: Bytes of a report, and how long ago what it tells of may have begun, in seconds.
LARGEST = 4096
LONGEST_AGO = 600


class Measured(BaseModel):
    """What a reader did, as their page saw it; the moments are in ms since 1970."""

    model_config = ConfigDict(extra="forbid")

    traceparent: str = Field(max_length=60)
    name: str = Field(pattern=r"^[a-z][a-z -]{0,60}$")
    began: float = Field(ge=0)
    ended: float = Field(ge=0)


async def report(request: Request) -> Response:
    """204, whatever becomes of it."""
    try:
        told = await read_body(request, Measured, largest=LARGEST)
    except ValueError:
        return Response(status_code=204)
    place, recorder = traces.place_of(told.traceparent), traces.recorder()
    recent = time.time() - LONGEST_AGO <= told.began / 1000 <= told.ended / 1000 <= time.time() + 60
    if place is not None and recorder is not None and recent:
        began, ended = int(told.began * 1e6), int(told.ended * 1e6)
        recorder.reported("chat-sessions-browser", place, told.name, began=began, ended=ended, attributes={})
    return Response(status_code=204)


ROUTES = [Route("/traces", report, methods=["POST"])]
