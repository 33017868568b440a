"""What a run gave, as Markdown."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil

from tests.load.figures import percentile
from tests.load.plan import THINK, WORD_EVERY, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.load.run import Outcome

#: Milliseconds, of 95 of 100 messages.
PROMISED = 100


def report(outcome: Outcome) -> str:
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    plan, figures = outcome.plan, outcome.figures
    kinds = " and ".join(
        f"{count:,} connections of the {kind}" for kind, count in outcome.connections.items() if count
    )
    yield (
        f"{datetime.now(UTC):%Y-%m-%d}, {psutil.cpu_count()} cores shared by all services, the model and the generator,"
        f" {platform.machine()}, Python {sys.version.split()[0]}, PostgreSQL 18; {plan.websocket:,} people on the "
        f"WebSocket API, {plan.browser:,} before the web UI ({kinds}); {outcome.seconds:.0f} s measured after "
        f"{plan.ramp:.0f} s of arriving. Somebody does something every {THINK[0] / plan.haste:.0f} to "
        f"{THINK[1] / plan.haste:.0f} s and sends a message every fourth time; answers have {WORDS[0]} to {WORDS[1]} "
        f"words, {1 / WORD_EVERY:.0f} a second."
    )
    yield ""
    yield "| what | times | p50 ms | p95 ms | p99 ms | worst ms |"
    yield "|---|---|---|---|---|---|"
    for what in sorted(figures.times):
        yield _row(what, figures.times[what])
    for what in sorted(set(figures.arrivals) - set(figures.times)):
        yield _row(f"{what} (while all arrive)", figures.arrivals[what])
    yield _row("(the generator's own lag)", figures.lag)
    yield ""
    errors = ", ".join(f"{count} × {kind}" for kind, count in figures.errors.most_common(12)) or "none"
    yield (
        f"{outcome.sent:,} messages sent, {sum(figures.done.values()):,} things done, errors: {errors} "
        f"({figures.error_share:.2%}); broken promises: {len(outcome.findings)}. "
        f"{figures.frames / max(outcome.seconds, 1):,.0f} frames a second arrived."
    )
    for what, times in figures.times.items():
        if what.endswith("acknowledged"):
            p95 = percentile(sorted(times), 0.95) * 1000
            yield f"Promised are {PROMISED} ms at p95: {what} {'kept' if p95 < PROMISED else 'missed'} ({p95:.0f} ms)."
    yield ""
    yield "| service | CPU, of one core | MiB before | MiB with everybody | MiB at the end | per connection, KiB |"
    yield "|---|---|---|---|---|---|"
    for name, now in outcome.after.items():
        before, arrived = outcome.before[name], outcome.arrived[name]
        share = (now.cpu - arrived.cpu) / max(outcome.seconds, 1)
        connections = sum(outcome.connections.values())
        if name == "webapp":
            connections = outcome.connections.get("web UI", 0)
        each = (arrived.memory - before.memory) / max(connections, 1) / 1024
        yield (
            f"| {name} | {share:.0%} | {before.memory / 2**20:.0f} | {arrived.memory / 2**20:.0f} "
            f"| {now.memory / 2**20:.0f} | {each:.0f} |"
        )
    yield f"| (the generator) | {outcome.own_cpu / max(outcome.seconds, 1):.0%} | | | | |"


def _row(what: str, times: list[float]) -> str:
    ordered = sorted(times) or [0.0]
    values = " | ".join(f"{percentile(ordered, share) * 1000:.0f}" for share in (0.5, 0.95, 0.99, 1.0))
    return f"| {what} | {len(times):,} | {values} |"
