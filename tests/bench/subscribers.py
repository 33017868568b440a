"""Many subscribers, one writer: how long after a commit the last of them has heard, and what an idle one costs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests.bench.listeners import Listeners, Subscription, listening
from tests.bench.world import engine, session_id, token, user_id

if TYPE_CHECKING:
    from tests.bench.world import World

PROTOCOLS = ("graphql-transport-ws", "graphql-ws")

_QUERY = """subscription($session: uuid!) {
    chat_messages(where: {session_id: {_eq: $session}}, order_by: {id: desc}, limit: 20)
    { id message_id role content status timestamp } }"""


@dataclass(frozen=True)
class Shape:
    """Who listens, and whom a change concerns: the users ``1 … users`` listen in turn, to a session each."""

    name: str
    users: int
    #: users to whose session each change adds a message
    touched: int

    def listeners(self, subscribers: int) -> int:
        """How many of them hear of a change."""
        return subscribers * min(self.touched, self.users) // self.users


SHAPES = (
    Shape("all watch one session, and hear of every change", 1, 1),
    Shape("each watches a session of their own, one of which changes", 1000, 1),
    Shape("each watches a session of their own, all of which change", 1000, 1000),
)


def report(made: World, folder: Path, *, subscribers: int, changes: int) -> list[str]:
    """Two tables."""
    lines = [
        f"{subscribers:,} subscribers of 20 messages each, one writer, {changes} changes; from the commit until the"
        " kernel has what the last of them waits for:",
        "",
        "| subscribers | p50 ms | p99 ms | worst ms |",
        "|---|---|---|---|",
    ]
    for shape in SHAPES:
        found = sorted(latencies(made, shape, subscribers=subscribers, changes=changes))
        p50, p99, worst = found[len(found) // 2], found[int(len(found) * 0.99)], found[-1]
        lines.append(f"| {shape.name} | {p50:.0f} | {p99:.0f} | {worst:.0f} |")
    lines += ["", "| protocol | memory for each of 2,000 idle subscribers |", "|---|---|"]
    for protocol in PROTOCOLS:
        taken = memory(made.database_url, folder, protocol, subscribers=2_000)
        lines.append(f"| `{protocol}` | {taken:.1f} KiB |")
    return lines


def _subscriptions(users: int, subscribers: int) -> list[Subscription]:
    numbers = [1 + place % users for place in range(subscribers)]
    return [Subscription(token(number), _QUERY, {"session": session_id(number)}) for number in numbers]


def latencies(made: World, shape: Shape, *, subscribers: int, changes: int) -> list[float]:
    """Milliseconds from the writer's word that it is committed to the last listener, of each change."""
    with (
        listening(made.engine.url, PROTOCOLS[0], _subscriptions(shape.users, subscribers)) as listeners,
        psycopg.connect(made.database_url, autocommit=True) as writer,
    ):
        return [
            _latency(
                listeners, writer, shape, subscribers, f"change {place} of {shape.users}-{shape.touched}."
            )
            for place in range(changes)
        ]


def _latency(
    listeners: Listeners, writer: psycopg.Connection, shape: Shape, subscribers: int, text: str
) -> float:
    touched = range(1, 1 + min(shape.touched, shape.users))
    rows = [value for number in touched for value in (session_id(number), user_id(number), text)]
    values = ", ".join(["(%s, %s, %s)"] * len(touched))
    listeners.expect(text, shape.listeners(subscribers))
    # The moment is that of a client with nothing else to do: it is away when the change comes.
    time.sleep(0.05)
    writer.execute(f"INSERT INTO chat_messages (session_id, user_id, content) VALUES {values}".encode(), rows)
    committed = time.time_ns()
    return (listeners.last_heard() - committed) / 1e6


def memory(database_url: str, folder: Path, subprotocol: str, *, subscribers: int) -> float:
    """KiB of a new engine that each idle subscriber takes, all with sessions of their own."""
    with (
        engine(database_url, folder) as fresh,
        # What the first ones take is taken once: pools, plans, keys.
        listening(fresh.url, subprotocol, _subscriptions(1000, 100)),
    ):
        before = _resident(fresh.pid)
        with listening(fresh.url, subprotocol, _subscriptions(1000, subscribers)):
            return (_resident(fresh.pid) - before) / subscribers


def _resident(pid: int) -> int:
    """KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])
