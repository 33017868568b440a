"""``make bench-engine``: the engine beside its floor, in one run, as ratios with their spread.

Rounds alternate between the two, so that a noisy machine is as noisy for each. The table goes to
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from tests.bench import load, subscribers
from tests.bench.cases import CASES, Case, floor_script, requests
from tests.bench.world import MESSAGES, ROOT, SESSIONS, USERS, World, world

REPORT = ROOT / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- engine -->", "<!-- /engine -->"


def main() -> None:
    """Prints the table, and with ``--write`` keeps it."""
    parser = argparse.ArgumentParser(prog="make bench-engine")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each load")
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=200, help="that they hear of")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {REPORT.relative_to(ROOT)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as made:
        rates = [*_heading(options), *_rates(made, Path(folder), options)]
        live = subscribers.report(
            made, Path(folder), subscribers=options.subscribers, changes=options.changes
        )
        lines = [*rates, "", *live]
    text = "\n".join(lines)
    Console(soft_wrap=True, highlight=False).print(text, markup=False)
    if options.write:
        page = REPORT.read_text()
        before, after = page.split(_BEGIN)[0], page.split(_END)[1]
        REPORT.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def _heading(options: argparse.Namespace) -> list[str]:
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores shared by everything measured, {platform.machine()},"
        f" Python {sys.version.split()[0]}, PostgreSQL 18; {USERS * SESSIONS * MESSAGES:,} messages of {USERS:,} users;"
        f" {options.rounds} rounds of {options.seconds} s each.",
        "",
        "| operation | connections | engine, answers/s | p50 ms | p99 ms | of pgbench, prepared | × PostGraphile |"
        " the same per core |",
        "|---|---|---|---|---|---|---|---|",
    ]


def _rates(made: World, folder: Path, options: argparse.Namespace) -> list[str]:
    rows = []
    for case in CASES:
        for connections in (16, 64):
            rows.append(_row(case, connections, made, folder, options))
            Console(stderr=True, soft_wrap=True).print(rows[-1], markup=False)
    return rows


def _row(case: Case, connections: int, made: World, folder: Path, options: argparse.Namespace) -> str:
    script = asyncio.run(floor_script(case, made.database_url))
    bounds = {"connections": connections, "seconds": options.seconds}
    ours: list[load.Load] = []
    peers: list[load.Load] = []
    floors: list[float] = []
    if case.peer is not None:  # JavaScript is compiled while it runs
        load.graphql(made.peer, requests(case, case.peer), folder, connections=connections, seconds=2)
    for _ in range(options.rounds):
        ours.append(load.graphql(made.engine, requests(case, case.query), folder, **bounds))
        floors.append(load.floor(made.database_url, script, folder, **bounds))
        if case.peer is not None:
            peers.append(load.graphql(made.peer, requests(case, case.peer), folder, **bounds))
    rate, p50, p99 = (
        statistics.median(values) for values in zip(*((o.rate, o.p50, o.p99) for o in ours), strict=True)
    )
    of_floor = _spread([100 * own.rate / floor for own, floor in zip(ours, floors, strict=True)], ".0f")
    of_peer, per_core = "", ""
    if peers:
        of_peer = _spread([own.rate / other.rate for own, other in zip(ours, peers, strict=True)], ".1f")
        per_core = _spread([other.cpu / own.cpu for own, other in zip(ours, peers, strict=True)], ".1f")
    cells = [
        case.name,
        connections,
        f"{rate:,.0f}",
        f"{p50:.1f}",
        f"{p99:.1f}",
        f"{of_floor} %",
        of_peer,
        per_core,
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
