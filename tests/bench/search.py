"""``make bench-search``: how long one user waits for a search among everybody's messages, over HTTP and the engine.

The table goes to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import random
import secrets
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import psycopg
from rich.console import Console

from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import migrate
from backend.services.hasura_client import operations
from tests.bench import search_text
from tests.bench.world import ROOT, engine, token, user_id
from tests.conftest import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.world import Server

REPORT = ROOT / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- search -->", "<!-- /search -->"
_CHUNK = 50_000

#: What people type, made of the words of one of their messages; how often, in a hundred searches.
KINDS: dict[str, tuple[int, Callable[[random.Random, list[str]], str]]] = {
    "a word that may go on": (25, lambda dice, words: dice.choice(words)),
    "the first letter of a word": (5, lambda dice, words: dice.choice(words)[:1]),
    "two letters": (10, lambda dice, words: dice.choice(words)[:2]),
    "three letters": (10, lambda dice, words: dice.choice(words)[:3]),
    "four or five letters": (15, lambda dice, words: dice.choice(words)[: dice.randint(4, 5)]),
    "two words": (15, lambda dice, words: " ".join(dice.choices(words, k=2))),
    "a word and two letters": (10, lambda dice, words: f"{dice.choice(words)} {dice.choice(words)[:2]}"),
    "a phrase": (10, lambda dice, words: f'"{_neighbours(dice, words)}"'),
}


def _neighbours(dice: random.Random, words: list[str]) -> str:
    place = dice.randrange(len(words) - 1)
    return " ".join(words[place : place + 2])


def main() -> None:
    """Prints the table, and with ``--write`` keeps it."""
    parser = argparse.ArgumentParser(prog="make bench-search")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--searches", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help=f"keep the table in {REPORT.relative_to(ROOT)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        cluster = EmbeddedPostgres(folder / "postgres", free_port(), secrets.token_hex(16))
        log = stack.enter_context((folder / "log").open("wb"))
        stack.enter_context(cluster.running(output=log))
        url = cluster.ensure_database("chat", "chat", secrets.token_hex(16))
        migrate(url)
        words = search_text.vocabulary()
        _fill(url, cluster, options.messages, words)
        with engine(url, folder) as server:
            times = _search(server, url, options.searches)
        lines = [*_heading(url, options), *_rows(times), "", *_inserts(url)]
    text = "\n".join(lines)
    Console(soft_wrap=True, highlight=False).print(text, markup=False)
    if options.write:
        page = REPORT.read_text()
        before, after = page.split(_BEGIN)[0], page.split(_END)[1]
        REPORT.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def _fill(url: str, cluster: EmbeddedPostgres, messages: int, words: list[str]) -> None:
    dice = random.Random(4)  # noqa: S311
    with psycopg.connect(url, autocommit=True) as db, db.cursor() as cursor:
        with cursor.copy("COPY users (id, username, password_hash, display_name) FROM STDIN") as copy:
            for number in range(search_text.USERS):
                copy.write_row((user_id(number), f"user{number}", "!", f"User {number}"))
        with cursor.copy("COPY chat_sessions (session_id, user_id, title) FROM STDIN") as copy:
            for number, own in enumerate(search_text.sizes(messages)):
                for place in range((own - 1) // search_text.OF_A_SESSION + 1):
                    title = " ".join(dice.choices(words[:3000], k=4))
                    copy.write_row((search_text.session_id(number, place), user_id(number), title))
        # The index is quicker made of all than word by word.
        index = db.execute("SELECT pg_get_indexdef('chat_messages_search'::regclass)").fetchone()
        assert index is not None
        db.execute("DROP INDEX chat_messages_search")
        rows = search_text.messages(messages, search_text.sentences(words))
        for chunk in _chunks(rows):
            with cursor.copy("COPY chat_messages (session_id, user_id, role, content) FROM STDIN") as copy:
                for row in chunk:
                    copy.write_row(row)
        db.execute(index[0].encode())
    with psycopg.connect(cluster.url("chat"), autocommit=True) as db:
        db.execute("VACUUM ANALYZE")


def _chunks(rows: Iterator[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    while chunk := list(itertools.islice(rows, _CHUNK)):
        yield chunk


def _search(server: Server, url: str, searches: int) -> dict[str, list[float]]:
    """Milliseconds of each search, by its kind; whoever writes much searches much."""
    dice = random.Random(5)  # noqa: S311
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with httpx.Client() as client, psycopg.connect(url, autocommit=True) as db:
        newest = db.execute("SELECT max(id) FROM chat_messages").fetchone()
        assert newest is not None
        for _ in range(searches):
            row = db.execute(
                "SELECT user_id, content FROM chat_messages WHERE id >= %s ORDER BY id LIMIT 1",
                [dice.randint(1, newest[0])],
            ).fetchone()
            assert row is not None
            (kind,) = dice.choices(list(KINDS), [share for share, _ in KINDS.values()])
            query = KINDS[kind][1](dice, row[1].replace(".", "").split())
            body = {"query": operations.SEARCH.text, "variables": {"args": {"query": query}}}
            headers = {"authorization": f"Bearer {token(int(str(row[0])[-12:]))}"}
            client.post(server.url, json={"query": "{ __typename }"}, headers=headers)  # the token is known
            start = time.perf_counter()
            answer = client.post(server.url, json=body, headers=headers, timeout=60)
            times[kind].append((time.perf_counter() - start) * 1000)
            if not answer.json().get("data", {}).get("search_chat"):
                raise RuntimeError(f"{query!r} of {row[0]} found nothing: {answer.text[:500]}")
    return times


def _heading(url: str, options: argparse.Namespace) -> list[str]:
    with psycopg.connect(url, autocommit=True) as db:
        row = db.execute(
            "SELECT avg(char_length(content))::int, pg_size_pretty(pg_table_size('chat_messages')),"
            " pg_size_pretty(pg_relation_size('chat_messages_search')) FROM chat_messages TABLESAMPLE SYSTEM (10)"
        ).fetchone()
    assert row is not None
    busiest, *_, quietest = search_text.sizes(options.messages)
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, Python {sys.version.split()[0]},"
        f" PostgreSQL 18; {options.messages:,} messages of {search_text.USERS:,} users ({busiest:,} of the busiest,"
        f" {quietest:,} of the quietest), {row[0]} characters on average; the table has {row[1]}, its index {row[2]}.",
        "",
        "| what is typed | searches | p50 ms | p95 ms | p99 ms | worst ms |",
        "|---|---|---|---|---|---|",
    ]


def _rows(times: dict[str, list[float]]) -> list[str]:
    return [
        f"| {kind} | {len(found)} | "
        + " | ".join(f"{_part(found, share):.1f}" for share in (50, 95, 99, 100))
        + " |"
        for kind, found in (*times.items(), ("**all**", list(itertools.chain(*times.values()))))
        if found
    ]


def _part(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


def _inserts(url: str) -> list[str]:
    """What it costs to keep a message searchable."""
    lines = ["| an insert of one message | p50 ms | p95 ms | p99 ms |", "|---|---|---|---|"]
    with psycopg.connect(url, autocommit=True) as db:
        found = _insert(db)
        lines.append(_insert_row("searchable", found))
        db.execute("DROP INDEX chat_messages_search")
        db.execute("ALTER TABLE chat_messages DROP COLUMN search")
        db.execute("ALTER TABLE chat_sessions DROP COLUMN search")
        lines.append(_insert_row("without the column and the index", _insert(db)))
    return lines


def _insert_row(name: str, times: list[float]) -> str:
    return f"| {name} | " + " | ".join(f"{_part(times, share):.2f}" for share in (50, 95, 99)) + " |"


def _insert(db: psycopg.Connection, count: int = 3000) -> list[float]:
    texts = db.execute("SELECT session_id, user_id, content FROM chat_messages LIMIT %s", [count]).fetchall()
    times = []
    for session, user, content in texts:
        start = time.perf_counter()
        db.execute(
            "INSERT INTO chat_messages (message_id, session_id, user_id, content) VALUES (%s, %s, %s, %s)",
            [uuid4(), session, user, content],
        )
        times.append((time.perf_counter() - start) * 1000)
    return times


if __name__ == "__main__":
    main()
