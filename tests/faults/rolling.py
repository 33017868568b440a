"""Engine and backend as the launcher runs them: each can be followed by another while it serves."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Self

from backend.children import Children, Console
from backend.listening import listening
from backend.migrations import migrate
from tests.e2e.stack import ROOT
from tests.faults.world import World

if TYPE_CHECKING:
    import socket
    from pathlib import Path

_READY_WITHIN = 60.0  # seconds
_ENDS_WITHIN = 60.0  # seconds


class RollingWorld(World):
    """One backend and one engine, over PostgreSQL's bus."""

    def __init__(self, folder: Path, *, model_url: str) -> None:
        super().__init__(folder, model_url=model_url, redis=False, webapp=False)
        del self._modules["backend-b"]
        self._environments["backend"] |= {"CHAT_DRAIN_SECONDS": "30", "CHAT_LOG_LEVEL": "warning"}
        self._environments["engine"]["HASURA_GRAPHQL_LOG_LEVEL"] = "warn"
        self._children = Children(Console(), folder / "processes.json")
        self._listeners: dict[str, socket.socket] = {}

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._start_postgres)
            await asyncio.to_thread(migrate, self._cluster.ensure_database("chat", "chat", self._password))
            for name in self._modules:
                self._listeners[name] = listening("127.0.0.1", self._ports[name])
                await self._children.start(*self._process(name), pass_fds=[self._listeners[name].fileno()])
                async with asyncio.timeout(_READY_WITHIN):
                    while not await asyncio.to_thread(self._answers, name):  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._children.stop_all()
        for listener in self._listeners.values():
            listener.close()
        await asyncio.to_thread(self._exits.close)

    async def restart(self, name: str) -> None:
        """Returns when the old one has ended."""
        former = await self._children.replace(
            *self._process(name), pass_fds=[self._listeners[name].fileno()], ready_within=_READY_WITHIN
        )
        await self._children.retire(former, _ENDS_WITHIN)
        assert former.returncode == 0, f"{name} had to be killed"

    def _process(self, name: str) -> tuple[str, list[str], dict[str, str], Path]:
        command = [sys.executable, "-m", self._modules[name], "--fd", str(self._listeners[name].fileno())]
        return name, command, self._environment(name), ROOT
