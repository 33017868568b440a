"""The short form of ``make faults``: each process but the web UI is killed once, over either bus."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.faults.run import Plan, run


@pytest.mark.parametrize("redis", [False, True], ids=["PostgreSQL's bus", "Redis"])
async def test_whatever_is_killed_every_promise_is_kept(redis: bool) -> None:
    if redis and shutil.which("redis-server") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Redis is missing: apt-get install redis-server")
        pytest.skip("no Redis on this machine (Debian: apt install redis-server)")
    outcome = await run(Plan(seed=7, kills=5 if redis else 4, redis=redis, rest_users=3, websocket_users=2))
    assert outcome.findings == []
    assert outcome.ledger.count > 10
    assert outcome.ledger.resumed > 0
