"""The short form of ``make load``: nothing fails, nothing is lost, everything comes exactly once."""

from __future__ import annotations

import asyncio

import pytest

from tests.load.plan import Plan
from tests.load.report import report
from tests.load.run import Outcome, run
from tests.load.world import World

#: How errors end that say no more than that this machine was too busy to do it in time.
LATE = ("no answer in time", "TimeoutError", "503", "closed with 1006")


@pytest.mark.timeout(300)
async def test_what_many_people_send_arrives_everywhere_exactly_once(world: World, plan: Plan) -> None:
    said: list[str] = []
    outcome = Outcome(plan)
    await run(world, outcome, asyncio.Event(), said.append)
    assert outcome.findings == []
    assert [kind for kind in outcome.figures.errors if not kind.endswith(LATE)] == []
    assert outcome.connections == {"WebSocket": 38, "web UI": 50}
    for kind in outcome.connections:
        for what in ("send → acknowledged", "send → first words", "send → seen by another device"):
            assert outcome.figures.times[f"{kind}: {what}"], f"nobody measured {kind}: {what}"
    assert "broken promises: 0" in report(outcome)
