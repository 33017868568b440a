"""The short form of ``make load``: nothing fails, nothing is lost, everything comes exactly once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.e2e.stack import ROOT
from tests.load.plan import Plan
from tests.load.report import report
from tests.load.run import run
from tests.load.world import World


@pytest.fixture(scope="session")
def built_webapp() -> None:
    subprocess.run([sys.executable, "-m", "webapp.build"], cwd=ROOT, check=True)


async def test_what_many_people_send_arrives_everywhere_exactly_once(
    built_webapp: None,
) -> None:
    said: list[str] = []
    plan = Plan(websocket=40, browser=40, seconds=10, ramp=3, haste=4, durable=False)
    # Not pytest's folder, which the database's own account may not enter.
    with tempfile.TemporaryDirectory(prefix="chat-load-") as folder:
        world = World(Path(folder), plan)
        await asyncio.to_thread(world.__enter__)
        try:
            outcome = await run(world, plan, asyncio.Event(), said.append)
        finally:
            await asyncio.to_thread(world.__exit__)
    assert outcome.findings == []
    assert outcome.figures.errors == {}
    assert outcome.connections == {"WebSocket": 50, "web UI": 50}
    for kind in outcome.connections:
        for what in ("send → acknowledged", "send → first words", "send → seen by another device"):
            assert outcome.figures.times[f"{kind}: {what}"], f"nobody measured {kind}: {what}"
    assert "broken promises: 0" in report(outcome)
