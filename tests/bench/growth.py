"""``make bench-growth``: what a person's requests cost while the service grows around them.

Services of 10⁴ to 10⁷ messages stand side by side, each with an engine of its own, and are asked in turns, so that
whatever else the machine does meets all of them alike. The table goes to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import psycopg
from rich.console import Console

from backend.embedded_postgres import EmbeddedPostgres
from backend.services.hasura_client import operations, session_operations
from tests.bench import growth_world
from tests.bench.world import ROOT, engine, token
from tests.conftest import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backend.services.hasura_client.operations import Operation

REPORT = ROOT / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- growth -->", "<!-- /growth -->"
_PASSWORD = "of-a-benchmark"
_WARM = 20


@dataclass
class Service:
    """One size: its engine, its database, and the milliseconds of each kind of request."""

    messages: int
    url: str
    database: psycopg.Connection[Any]
    client: httpx.Client
    times: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, user: int, operation: Operation, variables: dict[str, Any]) -> float:
        """Milliseconds until the whole answer is here. Raises RuntimeError when it is an error, or empty."""
        headers = {"authorization": f"Bearer {token(user)}"}
        # The engine knows the token then: verifying it has nothing to do with what is stored.
        self.client.post(self.url, json={"query": "{ __typename }"}, headers=headers)
        body = {"query": operation.text, "variables": variables}
        started = time.perf_counter()
        answer = self.client.post(self.url, json=body, headers=headers)
        taken = (time.perf_counter() - started) * 1000
        data = answer.json().get("data")
        if not data or not all(data.values()):
            raise RuntimeError(f"of {self.messages} messages: {answer.text[:300]}")
        return taken

    def word(self, user: int, dice: random.Random) -> str:
        """One that the user has written or read."""
        row = self.database.execute(
            "SELECT content FROM chat_messages WHERE session_id = %s ORDER BY place DESC LIMIT 1 OFFSET %s",
            [growth_world.session_id(user, dice.randrange(growth_world.SESSIONS)), dice.randrange(40)],
        ).fetchone()
        assert row is not None
        return max(dice.choices(row[0].replace(".", "").split(), k=3), key=len)


def _history(service: Service, user: int, dice: random.Random) -> float:
    session = growth_world.session_id(user, dice.randrange(growth_world.SESSIONS))
    where = {"session_id": {"_eq": session}, "off_path": {"_eq": False}}
    variables = {"session_id": session, "where": where, "order_by": [{"place": "desc"}], "limit": 50}
    return service.ask(user, operations.LIST_MESSAGES, variables)


def _list(service: Service, user: int, _: random.Random) -> float:
    variables = {"where": {"shelf": {"_eq": "active"}}, "limit": growth_world.SESSIONS}
    return service.ask(user, session_operations.LIST_SESSIONS, variables)


def _search(service: Service, user: int, dice: random.Random) -> float:
    return service.ask(user, operations.SEARCH, {"args": {"query": service.word(user, dice)}})


def _send(service: Service, user: int, dice: random.Random) -> float:
    session = growth_world.session_id(user, dice.randrange(growth_world.SESSIONS))
    new = {"message_id": str(uuid4()), "session_id": session, "content": "One more message, as people write."}
    return service.ask(user, operations.ADD_MESSAGE, {"object": new})


KINDS: dict[str, Callable[[Service, int, random.Random], float]] = {
    "a page of history (50)": _history,
    f"the list of chats ({growth_world.SESSIONS})": _list,
    "send a message": _send,
    "search": _search,
}


def main() -> None:
    """Prints the table, and with ``--write`` keeps it."""
    parser = argparse.ArgumentParser(prog="make bench-growth")
    parser.add_argument("--messages", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--keep", type=Path, help="a folder for the databases; a later run finds them filled")
    parser.add_argument("--fill", action="store_true", help="fill them and stop")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {REPORT.relative_to(ROOT)}")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        cluster = EmbeddedPostgres(folder / "postgres", free_port(), _PASSWORD)
        log = stack.enter_context((folder / "log").open("ab"))
        stack.enter_context(cluster.running(output=log))
        urls = {}
        for messages in options.messages:
            Console(stderr=True).print(f"{messages:,} messages …")
            urls[messages] = growth_world.fill(cluster, f"growth_{messages}", _PASSWORD, messages)
        if options.fill:
            return
        _read(cluster.data_dir / "base")
        services = [
            Service(
                messages,
                stack.enter_context(engine(url, folder)).url,
                stack.enter_context(psycopg.connect(url, autocommit=True)),
                stack.enter_context(httpx.Client(timeout=60)),
            )
            for messages, url in urls.items()
        ]
        _measure(services, options.rounds)
        lines = list(_report(services, options.rounds))
    text = "\n".join(lines)
    Console(soft_wrap=True, highlight=False).print(text, markup=False)
    if options.write:
        page = REPORT.read_text()
        before, after = page.split(_BEGIN)[0], page.split(_END)[1]
        REPORT.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def _read(folder: Path) -> None:
    """Everything lies in memory then, as it does in a service that runs: what a disk takes is not the question."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as content:
                while content.read(2**24):
                    pass


def _measure(services: list[Service], rounds: int) -> None:
    dice = random.Random(6)  # noqa: S311
    for turn in range(-_WARM, rounds):
        for kind, ask in KINDS.items():
            for service in dice.sample(services, len(services)):
                taken = ask(service, dice.randrange(growth_world.users(service.messages)), dice)
                if turn >= 0:
                    service.times.setdefault(kind, []).append(taken)


def _report(services: list[Service], rounds: int) -> Iterator[str]:
    yield (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, Python {sys.version.split()[0]},"
        " PostgreSQL 18 as `make up` starts it, everything in memory;"
        f" {growth_world.OF_A_USER:,} messages of each user in {growth_world.SESSIONS} chats;"
        f" {rounds} requests of each kind, one at a time, over HTTP and through the permissions;"
        " p50 / p95 in milliseconds."
    )
    yield ""
    sizes = [f"{service.messages:,}" for service in services]
    yield f"| messages | {' | '.join(sizes)} | last : first (p50) | last : first (p95) |"
    yield "|---" * (len(services) + 3) + "|"
    for kind in KINDS:
        halves = [statistics.median(service.times[kind]) for service in services]
        tails = [statistics.quantiles(service.times[kind], n=20)[-1] for service in services]
        cells = [f"{half:.1f} / {tail:.1f}" for half, tail in zip(halves, tails, strict=True)]
        ratios = [f"{values[-1] / values[0]:.2f}" for values in (halves, tails)]
        yield f"| {kind} | {' | '.join(cells)} | {' | '.join(ratios)} |"
    yield ""
    found = [service.database.execute(_SIZES).fetchone() for service in services]
    rows = ("all messages and indexes", "of these, the index of words")
    for name, values in zip(rows, itertools.zip_longest(*(row for row in found if row)), strict=True):
        yield f"- {name}: {', '.join(values)}"


_SIZES = """
SELECT pg_size_pretty(pg_total_relation_size('chat_messages')), pg_size_pretty(pg_relation_size('chat_messages_search'))
"""

if __name__ == "__main__":
    main()
