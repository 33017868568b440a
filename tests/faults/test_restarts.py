"""Engine and backend are replaced while they serve, and nobody notices."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

import pytest

from tests.e2e.model import Model
from tests.faults import verdict
from tests.faults.account import Account
from tests.faults.ledger import Ledger
from tests.faults.rest_user import RestUser
from tests.faults.rolling import RollingWorld
from tests.faults.sender import Sender
from tests.faults.watcher import LiveQuery, Socket, stragglers
from tests.faults.websocket_user import WebSocketUser

#: An answer takes two seconds, so that some are being written at each restart.
WORDS, PACE = 60, 0.03
BETWEEN = 0.5  # seconds


@pytest.mark.timeout(400)  # six processes start one after the other, beside whatever else runs
async def test_what_restarts_under_load_fails_no_request_loses_no_word_and_cuts_no_stream() -> None:
    ledger = Ledger()
    with tempfile.TemporaryDirectory(prefix="chat-restarts-") as folder:
        async with Model() as model:
            model.words, model.pause = [f"{number} ü😀 " for number in range(WORDS)], PACE
            async with RollingWorld(Path(folder), model_url=model.url) as world:
                await _load(world, ledger)
                with world.connect() as connection:
                    assert list(verdict.findings(connection, ledger)) == []
                    failed = connection.execute("SELECT count(*) FROM chat_messages WHERE status = 'failed'")
                    assert failed.fetchone() == (0,)
    assert ledger.setbacks == []
    assert ledger.streams > 5
    assert ledger.count > 100
    assert ledger.resumed > 0, "WebSockets were sent away, and came back"


async def _load(world: RollingWorld, ledger: Ledger) -> None:
    chance = random.Random(5)  # noqa: S311  (it must repeat)

    def account(name: str) -> Account:
        return Account(name, [world.url("backend")], chance)

    graphql = f"{world.url('engine')}/v1/graphql"
    asking = [RestUser(account(f"asks-{n}"), ledger, chance) for n in range(2)]
    sockets = [WebSocketUser(account(f"socket-{n}"), ledger, chance) for n in range(2)]
    senders = [Sender(account("rest"), ledger), Sender(account("graphql"), ledger, graphql)]
    queries = [LiveQuery(graphql, user.account) for user in (*asking, *sockets, *senders)]
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        listening = [group.create_task(each.run()) for each in queries]
        listening += [group.create_task(each.listen()) for each in sockets]
        working = [group.create_task(user.run(stopping)) for user in (*asking, *sockets, *senders)]
        await asyncio.gather(*(user.account.made.wait() for user in (*asking, *sockets, *senders)))
        for name in ("backend", "engine") * 2:
            await asyncio.sleep(BETWEEN)
            await world.restart(name)
        stopping.set()
        await asyncio.gather(*working)
        with world.connect() as connection:
            await verdict.settled(connection, ledger)
            ledger.complaints += await stragglers([*queries, *map(Socket, sockets)], connection)
        for task in listening:
            task.cancel()
    for user in (*asking, *sockets, *senders):
        await user.account.http.aclose()
