"""``make load``: people use everything at once, for ten minutes; prints what they noticed.

Ctrl-C ends a run early, in order, and what was measured by then is printed all the same.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import structlog
import uvloop

from tests.e2e.stack import ROOT
from tests.load.plan import Plan
from tests.load.report import report
from tests.load.run import Outcome, run
from tests.load.world import World

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- load -->", "<!-- /load -->"
KEPT = ROOT / ".build" / "load"


def main() -> int:
    """The exit code: 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--websocket", type=int, default=Plan.websocket, help="people on the WebSocket API")
    parser.add_argument("--browser", type=int, default=Plan.browser, help="people before the web UI")
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="that are measured")
    parser.add_argument("--ramp", type=float, default=Plan.ramp, help="seconds over which people arrive")
    parser.add_argument("--haste", type=float, default=Plan.haste, help="how much shorter they think")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    plan = Plan(given.websocket, given.browser, given.seconds, given.ramp, given.haste)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    _allow_files(4 * plan.people + 1000)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)  # noqa: T201

    outcome = Outcome(plan)
    with tempfile.TemporaryDirectory(prefix="chat-load-") as name:
        folder = Path(name)
        say(f"filling a database with the chats of {plan.people} people and starting everything")
        try:
            with World(folder, plan) as world:
                uvloop.run(_run(world, outcome, say))
        except Exception as exc:  # noqa: BLE001  what was measured by then is told all the same
            outcome.findings.append(f"the run broke off: {exc!r}")
        finally:
            KEPT.mkdir(parents=True, exist_ok=True)
            for log in folder.glob("*.log"):
                (KEPT / log.name).write_bytes(log.read_bytes()[-5_000_000:])
    table = report(outcome)
    print(f"\n{table}\n")  # noqa: T201
    for finding in outcome.findings[:50]:
        say(f"broken: {finding}")
    (KEPT / "report.md").write_text(f"{table}\n")
    if given.write:
        text = PAGE.read_text()
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
    say(f"done; the services' logs are in {KEPT.relative_to(ROOT)}")
    return 1 if outcome.findings else 0


async def _run(world: World, outcome: Outcome, say: Callable[[str], None]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await run(world, outcome, stopping, say)


def _allow_files(wanted: int) -> None:
    """Sockets are files, and the services inherit how many they may open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))


if __name__ == "__main__":
    sys.exit(main())
