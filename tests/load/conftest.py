"""One world for all tests of this folder: to start it takes longer than they do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.stack import ROOT
from tests.load.plan import Plan
from tests.load.world import World


@pytest.fixture(scope="session")
def plan() -> Plan:
    """Two of those before the web UI are newcomers."""
    return Plan(websocket=30, browser=40, seconds=12, ramp=5, haste=3, durable=False)


@pytest.fixture(scope="session")
async def world(plan: Plan) -> AsyncIterator[World]:
    build = [sys.executable, "-m", "webapp.build"]
    await asyncio.to_thread(subprocess.run, build, cwd=ROOT, check=True)
    # Not pytest's folder, which the database's own account may not enter.
    with tempfile.TemporaryDirectory(prefix="chat-load-") as folder:
        world = World(Path(folder), plan)
        await asyncio.to_thread(world.__enter__)
        yield world
        await asyncio.to_thread(world.__exit__)
