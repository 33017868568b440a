"""One run: a load, kills in a random order while it goes on, and the verdict."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.model import Model
from tests.e2e.stack import ROOT
from tests.faults import verdict
from tests.faults.account import Account
from tests.faults.browser_user import BrowserUser
from tests.faults.ledger import Ledger
from tests.faults.rest_user import RestUser
from tests.faults.watcher import LiveQuery, Socket, stragglers
from tests.faults.websocket_user import WebSocketUser
from tests.faults.world import BACKENDS, World

if TYPE_CHECKING:
    from playwright.async_api import Browser

#: Between a kill and the start after it, and between that and the next kill: seconds, at random.
DOWN = (0.0, 2.0)
UP = (0.5, 3.0)
#: Pictures of the pages of a run that broke a promise.
EVIDENCE = ROOT / ".build" / "faults"
#: An answer takes its time, so that most kills hit one half-way. PACE is in seconds.
WORDS, PACE = 60, 0.03


@dataclass(frozen=True)
class Plan:
    """What is run. The order of the kills follows from ``seed``; without a browser there is no web UI."""

    seed: int
    kills: int
    redis: bool
    browser: Browser | None = None
    rest_users: int = 4
    websocket_users: int = 2
    browser_users: int = 2


@dataclass(frozen=True)
class Outcome:
    """What a run gave: ``findings`` is empty when every promise was kept."""

    findings: list[str]
    ledger: Ledger
    rows: dict[str, int]
    kills: dict[str, int]
    settled_after: float
    seconds: float

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {times}" for name, times in sorted(self.kills.items()))
        rows = ", ".join(f"{count} {kind}" for kind, count in self.rows.items())
        return (
            f"{sum(self.kills.values())} kills ({killed}) in {self.seconds:.0f} s; {self.ledger.count} messages "
            f"acknowledged, {self.ledger.streams} streams read to their end, {self.ledger.resumed} times taken up "
            f"again; stored: {rows}; the last answer ended {self.settled_after:.1f} s after the load; "
            f"{len(self.findings)} broken promises"
        )


async def run(plan: Plan) -> Outcome:
    """Takes about five seconds a kill."""
    chance = random.Random(plan.seed)  # noqa: S311  (it must repeat)
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-faults-")))
        model = await stack.enter_async_context(Model())
        model.words, model.pause = [f"{number} ü😀 " for number in range(WORDS)], PACE
        world = World(folder, model_url=model.url, redis=plan.redis, webapp=plan.browser is not None)
        await asyncio.to_thread(world.__enter__)
        stack.push(world)
        ledger = Ledger()
        kills, settled_after = await _load(world, plan, ledger, chance)
        with world.connect() as connection:
            return Outcome(
                list(verdict.findings(connection, ledger)),
                ledger,
                verdict.figures(connection),
                kills,
                settled_after,
                time.monotonic() - began,
            )


async def _load(
    world: World, plan: Plan, ledger: Ledger, chance: random.Random
) -> tuple[dict[str, int], float]:
    """The kills, and the seconds until the last answer had ended after them."""

    def own() -> random.Random:
        return random.Random(chance.random())  # noqa: S311

    def account(kind: str, number: int) -> Account:
        return Account(f"{kind}-{number}", [world.url(name) for name in BACKENDS], own())

    rest = [RestUser(account("rest", n), ledger, own()) for n in range(plan.rest_users)]
    sockets = [WebSocketUser(account("socket", n), ledger, own()) for n in range(plan.websocket_users)]
    people = []
    if plan.browser is not None:
        people = [
            BrowserUser(account("browser", n), world.url("webapp"), plan.browser, ledger, own())
            for n in range(plan.browser_users)
        ]
    users = [*rest, *sockets, *people]
    queries = [LiveQuery(f"{world.url('engine')}/v1/graphql", user.account) for user in (*rest, *sockets)]
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        listening = [group.create_task(each.run()) for each in queries]
        listening += [group.create_task(each.listen()) for each in sockets]
        working = [group.create_task(user.run(stopping)) for user in users]
        kills = await _kill(world, plan.kills, chance)
        stopping.set()
        await asyncio.gather(*working)
        with world.connect() as connection:
            settled_after = await verdict.settled(connection, ledger)
            clients = [*queries, *(Socket(user) for user in sockets), *people]
            ledger.complaints += await stragglers(clients, connection)
            if any(verdict.findings(connection, ledger)):
                for person in people:
                    await person.give_evidence(EVIDENCE / f"seed-{plan.seed}")
        for task in listening:
            task.cancel()
    for user in users:
        await user.account.http.aclose()
    for person in people:
        await person.aclose()
    return kills, settled_after


async def _kill(world: World, kills: int, chance: random.Random) -> dict[str, int]:
    """One process after the other, in an order that is shuffled anew for each round."""
    killed: dict[str, int] = {}
    names: list[str] = []
    await asyncio.sleep(UP[1])
    for _ in range(kills):
        names = names or chance.sample(world.names, len(world.names))
        name = names.pop()
        await asyncio.to_thread(world.kill, name)
        killed[name] = killed.get(name, 0) + 1
        await asyncio.sleep(chance.uniform(*DOWN))
        await asyncio.to_thread(world.start, name)
        await asyncio.sleep(chance.uniform(*UP))
    return killed
