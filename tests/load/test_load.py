"""The short form of ``make load``: nothing fails, nothing is lost, everything comes exactly once."""

from __future__ import annotations

import asyncio

import pytest

from tests.load.plan import Plan
from tests.load.report import report
from tests.load.run import run
from tests.load.world import World


@pytest.mark.timeout(300)
async def test_what_many_people_send_arrives_everywhere_exactly_once(world: World, plan: Plan) -> None:
    said: list[str] = []
    outcome = await run(world, plan, asyncio.Event(), said.append)
    assert outcome.findings == []
    assert outcome.figures.errors == {}
    assert outcome.connections == {"WebSocket": 50, "web UI": 50}
    for kind in outcome.connections:
        for what in ("send → acknowledged", "send → first words", "send → seen by another device"):
            assert outcome.figures.times[f"{kind}: {what}"], f"nobody measured {kind}: {what}"
    assert "broken promises: 0" in report(outcome)
