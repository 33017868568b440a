"""The WebSocket API of one session's status: who has it open, who is typing, and what its answers depend on."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import asdict
from uuid import UUID, uuid4

from fastapi import APIRouter, WebSocket

from backend.deps import CurrentServices
from backend.routes.ws_connection import Socket, serve, until_one_ends
from backend.routes.ws_events import STATUS_CLIENT, Auth, Connected, Health, PresenceSeen
from backend.services.bus import BusDown
from backend.services.hasura_client import HasuraError
from backend.services.presence import Room

router = APIRouter()

#: Seconds between two looks at what answers depend on.
LOOK_EVERY = 10.0


@router.websocket("/ws/status/{session_id}")
async def status(websocket: WebSocket, session_id: UUID, services: CurrentServices) -> None:
    async def talk(socket: Socket) -> None:
        connection_id = uuid4().hex
        await socket.greet(connection_id)
        async with services.presence.room(session_id) as room:
            await until_one_ends(
                _listen(socket, connection_id),
                _show_presence(socket, room),
                _show_health(socket),
                _until_deleted(socket),
                socket.until_expiry(),
            )

    await serve(websocket, services, session_id, talk)


async def _listen(socket: Socket, connection_id: str) -> None:
    while True:
        event = await socket.receive(STATUS_CLIENT)
        if isinstance(event, Auth):
            await socket.authenticate(event.token)
            await socket.greet(connection_id)
        else:
            await socket.pong(event)


async def _show_presence(socket: Socket, room: Room) -> None:
    async for present in room.states():
        await socket.send(PresenceSeen(present=[Connected.model_validate(asdict(each)) for each in present]))


async def _show_health(socket: Socket) -> None:
    shown = None
    while True:
        now = await _health(socket)
        if now != shown:
            shown = now
            await socket.send(now)
        await asyncio.sleep(LOOK_EVERY)


async def _health(socket: Socket) -> Health:
    health = Health(graphql="ok", bus="ok")
    try:
        await socket.services.hasura.ping(socket.user.token)
    except HasuraError:
        health.graphql = "down"
    try:
        await socket.services.bus.ping()
    except BusDown:
        health.bus = "down"
    return health


async def _until_deleted(socket: Socket) -> None:
    async with aclosing(socket.states(1)) as states:
        async for _ in states:
            pass
