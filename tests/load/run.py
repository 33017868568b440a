"""One run: people arrive, live for a while, stop; then what was promised is compared with what is there."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
import psutil

from tests.load import verdict
from tests.load.browser import Browser
from tests.load.browser_user import BrowserUser
from tests.load.figures import Figures, percentile
from tests.load.ledger import Ledger
from tests.load.plan import SECOND_DEVICE
from tests.load.tab import KIND as WEB_UI
from tests.load.tab import built_state
from tests.load.websocket_user import KIND as WEBSOCKET
from tests.load.websocket_user import WebSocketUser

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.load.habits import Habits
    from tests.load.plan import Plan
    from tests.load.world import Taken, World

#: Seconds between two lines of progress.
_SAY_EVERY = 10.0


@dataclass
class Outcome:
    """What a run gave. Memory and CPU are by service, at the moments named."""

    plan: Plan
    figures: Figures = field(default_factory=Figures)
    sent: int = 0
    findings: list[str] = field(default_factory=list)
    connections: dict[str, int] = field(default_factory=dict)
    before: dict[str, Taken] = field(default_factory=dict)
    arrived: dict[str, Taken] = field(default_factory=dict)
    after: dict[str, Taken] = field(default_factory=dict)
    #: Seconds that were measured, and of CPU that the generator took in them.
    seconds: float = 0.0
    own_cpu: float = 0.0


async def run(world: World, outcome: Outcome, stopping: asyncio.Event, say: Callable[[str], None]) -> None:
    """Fills the `outcome`. Ends early, and in order, when `stopping` is set."""
    plan, figures = outcome.plan, outcome.figures
    ledgers = [Ledger(figures, WEBSOCKET), Ledger(figures, WEB_UI)]
    chance = random.Random(plan.seed)  # noqa: S311  (it must repeat)
    # What lives for the whole run is looked through over and over otherwise.
    gc.set_threshold(50_000, 50, 1_000)
    async with AsyncExitStack() as stack:
        users = await _users(world, plan, figures, ledgers, chance, stack)
        outcome.before = world.taken()
        lag = asyncio.create_task(figures.watch_lag())
        lives: list[asyncio.Task[None]] = []
        try:
            say(f"{len(users)} people arrive over {plan.ramp:.0f} s")
            for user in users:
                if await _stopped(stopping, plan.ramp / len(users)):
                    break
                lives.append(asyncio.create_task(user.live(stopping, plan.haste)))
            await _arrived(users, stopping, say)
            for kind in (WEBSOCKET, WEB_UI):
                outcome.connections[kind] = sum(
                    user.connections for user in users if user.kind == kind and user.arrived.is_set()
                )
            say(f"everybody is there ({_counts(outcome.connections)}); measuring for {plan.seconds:.0f} s")
            await _measure(world, plan, stopping, outcome, ledgers, say)
            stopping.set()
            await _gather(lives, say)
            say("waiting until everything has arrived")
            with world.connect() as connection:
                await verdict.settled(connection, ledgers)
                for ledger in ledgers:
                    outcome.findings += verdict.findings(connection, ledger)
        finally:
            outcome.sent = sum(len(ledger.messages) for ledger in ledgers)
            lag.cancel()
            for life in lives:
                life.cancel()
            await asyncio.gather(*lives, return_exceptions=True)
            await asyncio.gather(*(user.leave() for user in users), return_exceptions=True)


async def _users(
    world: World,
    plan: Plan,
    figures: Figures,
    ledgers: list[Ledger],
    chance: random.Random,
    stack: AsyncExitStack,
) -> list[Habits]:
    """In the order in which they arrive."""

    # Who thinks for longer than a server keeps an idle connection (5 s) comes with a new one each time.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    http = await stack.enter_async_context(
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    )

    def own() -> random.Random:
        return random.Random(chance.random())  # noqa: S311

    def devices(number: int) -> int:
        return 2 if number % SECOND_DEVICE == 0 else 1

    url = world.url("backend")
    users: list[Habits] = [
        WebSocketUser(person, url, http, ledgers[0], figures, own(), devices=devices(number))
        for number, person in enumerate(world.programs)
    ]
    if world.readers:
        built, home = built_state(), world.url("webapp")
        for number, person in enumerate(world.readers):
            browser = Browser(home, http, person.login_id, built, figures, ledgers[1], own())
            users.append(BrowserUser(person, browser, tabs=devices(number)))
    chance.shuffle(users)
    return users


async def _measure(
    world: World,
    plan: Plan,
    stopping: asyncio.Event,
    outcome: Outcome,
    ledgers: list[Ledger],
    say: Callable[[str], None],
) -> None:
    outcome.arrived = world.taken()
    outcome.figures.begin()
    began, own = time.monotonic(), psutil.Process().cpu_times()
    cpu = outcome.arrived
    while (left := began + plan.seconds - time.monotonic()) > 0 and not stopping.is_set():
        moment = time.monotonic()
        await _stopped(stopping, min(_SAY_EVERY, left))
        now, passed = world.taken(), time.monotonic() - moment
        busy = ", ".join(f"{name} {(now[name].cpu - cpu[name].cpu) / passed:.0%}" for name in now)
        cpu = now
        say(f"{time.monotonic() - began:4.0f} s: {progress(outcome.figures, ledgers)}; CPU {busy}")
    outcome.figures.end()
    outcome.seconds = time.monotonic() - began
    spent = psutil.Process().cpu_times()
    outcome.own_cpu = spent.user + spent.system - own.user - own.system
    outcome.after = world.taken()


def progress(figures: Figures, ledgers: list[Ledger]) -> str:
    """One line."""
    parts = [f"{sum(len(ledger.messages) for ledger in ledgers)} sent"]
    for what, times in figures.times.items():
        if what.endswith("acknowledged"):
            parts.append(f"{what} p95 {percentile(sorted(times), 0.95) * 1000:.0f} ms")
    lag = percentile(sorted(figures.lag), 0.99) * 1000 if figures.lag else 0
    parts.append(f"{sum(figures.errors.values())} errors; own lag p99 {lag:.0f} ms")
    return ", ".join(parts)


async def _gather(lives: list[asyncio.Task[None]], say: Callable[[str], None]) -> None:
    """Everybody finishes what they are doing, within a minute."""
    _, late = await asyncio.wait(lives, timeout=60) if lives else (set(), set())
    if late:
        say(f"{len(late)} people could not finish what they were doing")


async def _arrived(users: list[Habits], stopping: asyncio.Event, say: Callable[[str], None]) -> None:
    """Returns when all are there, or after a minute with those who are."""
    for _ in range(60):
        missing = sum(not user.arrived.is_set() for user in users)
        if not missing or await _stopped(stopping, 1.0):
            return
    say(f"{missing} people could not get in")


async def _stopped(stopping: asyncio.Event, seconds: float) -> bool:
    """After so long, or sooner when it is set; whether it is."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _counts(connections: dict[str, int]) -> str:
    return ", ".join(f"{count} connections of the {kind}" for kind, count in connections.items())
