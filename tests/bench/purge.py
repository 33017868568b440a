"""``python -m tests.bench.purge``: what people notice while the sweep deletes 200,000 messages beside them.

PostgreSQL alone, in two processes: people who send, each a message every 20 ms, and some of them delete one now and
then; and the sweep of the API. Half the time nothing is purged. The figures go to docs/benchmarks.md by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import secrets
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import AsyncConnectionPool
from rich.console import Console

from backend.embedded_postgres import EmbeddedPostgres
from backend.metrics import Metrics
from backend.migrations import migrate
from backend.services import deletion
from tests.conftest import free_port

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

#: Sessions of so many messages are purged.
OF_EACH = 100
_USERS = 100

_FILL = """
INSERT INTO users (username, password_hash, display_name)
SELECT 'user' || n, '!', 'User' FROM generate_series(1, %(users)s) AS n;
"""
_SESSIONS = """
INSERT INTO chat_sessions (user_id, title)
SELECT u.id, %(title)s FROM users AS u CROSS JOIN generate_series(1, %(each)s)
"""
_MESSAGES = """
INSERT INTO chat_messages (session_id, user_id, content)
SELECT s.session_id, s.user_id, repeat('a word and another ', 10) FROM chat_sessions AS s
 CROSS JOIN generate_series(1, %(each)s) WHERE s.title = %(title)s
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.purge")
    parser.add_argument("--messages", type=int, default=200_000, help="to purge")
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[5000], help="messages a batch, one run each"
    )
    parser.add_argument("--quiet", type=float, default=15, help="seconds that are measured without a purge")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as place, ExitStack() as stack:
        cluster = EmbeddedPostgres(Path(place) / "postgres", free_port(), secrets.token_hex(16))
        stack.enter_context(cluster.running(output=stack.enter_context((Path(place) / "log").open("wb"))))
        url = cluster.ensure_database("chat", "chat", secrets.token_hex(16))
        migrate(url)
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(_FILL, {"users": _USERS})
            db.execute(_SESSIONS, {"title": "open", "each": 1})
            for batch in options.batches:
                _fill_trash(db, options.messages)
                db.execute("VACUUM ANALYZE")

                _run(url, options.senders, options.quiet, batch)


def _fill_trash(db: psycopg.Connection, messages: int) -> None:
    db.execute(_SESSIONS, {"title": "old", "each": max(messages // OF_EACH // _USERS, 1)})
    db.execute(_MESSAGES, {"title": "old", "each": OF_EACH})
    db.execute("ALTER TABLE chat_sessions DISABLE TRIGGER USER")
    db.execute(
        "UPDATE chat_sessions SET is_active = false, title = 'trash', deleted_at = now() - interval '31 days'"
        " WHERE title = 'old'"
    )
    db.execute("ALTER TABLE chat_sessions ENABLE TRIGGER USER")


def _run(url: str, senders: int, quiet: float, batch: int) -> None:
    context = multiprocessing.get_context("spawn")
    warm, ended, results = context.Event(), context.Event(), context.Queue()
    people = context.Process(target=_people, args=(url, senders, warm, ended, results))
    people.start()
    warm.wait()
    began = time.perf_counter()
    time.sleep(quiet)
    purging = time.perf_counter()
    took = asyncio.run(_purge(url, batch))
    ended.set()
    times = results.get()
    people.join()
    said = Console(soft_wrap=True)
    said.print(f"\nbatches of about {batch:,} messages: the purge took {took:.1f} s")
    for what, samples in times.items():
        for name, since, until in (("quiet", began, purging), ("purge", purging, purging + took)):
            said.print(
                f"  {what:6} {name}  {_figures([each for at, each in samples if since <= at < until])}"
            )


def _figures(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    if not ordered:
        return "none"
    places = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    parts = [
        f"{name} {1000 * ordered[min(int(part * len(ordered)), len(ordered) - 1)]:7.1f} ms"
        for name, part in places.items()
    ]
    return f"{len(ordered):6,} times  " + "  ".join(parts)


async def _purge(url: str, batch: int) -> float:
    async with AsyncConnectionPool(url, min_size=1, max_size=2, open=False) as pool:
        sweep = deletion.Deletion(pool, Metrics(), trash_days=30, max_days=None, audit_days=365)
        deletion.BATCH = batch
        began = time.perf_counter()
        await sweep.sweep()
        return time.perf_counter() - began


def _people(url: str, senders: int, warm: Event, ended: Event, results: Any) -> None:
    async def both() -> dict[str, list[tuple[float, float]]]:
        times: dict[str, list[tuple[float, float]]] = {"send": [], "delete": []}
        await asyncio.gather(*(_person(url, number, warm, ended, times) for number in range(senders)))
        return times

    results.put(asyncio.run(both()))


async def _person(
    url: str, number: int, warm: Event, ended: Event, times: dict[str, list[tuple[float, float]]]
) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT session_id, user_id FROM chat_sessions WHERE title = 'open' ORDER BY id OFFSET %s LIMIT 1",
            [number],
        )
        owner = await cursor.fetchone()
        sent = 0
        while not ended.is_set():
            began = time.perf_counter()
            cursor = await connection.execute(
                "INSERT INTO chat_messages (session_id, user_id, content) VALUES (%s, %s, 'hello') RETURNING id",
                owner,
            )
            times["send"].append((began, time.perf_counter() - began))
            row = await cursor.fetchone()
            sent += 1
            if sent == 50:
                warm.set()
            if sent % 20 == 0 and row is not None:
                began = time.perf_counter()
                await connection.execute("DELETE FROM chat_messages WHERE id = %s", row)
                times["delete"].append((began, time.perf_counter() - began))
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    main()
