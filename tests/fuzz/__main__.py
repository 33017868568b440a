"""``python -m tests.fuzz``: the long form, on a stack of its own; what it found is printed, and fails it.

``--requests`` is for the API: about so many, over all that ask.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from pathlib import Path

from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import migrate
from tests.conftest import free_port
from tests.fuzz import api
from tests.fuzz.places import places
from tests.fuzz.roles import RoleFuzzer
from tests.fuzz.sockets import attack
from tests.fuzz.world import FuzzWorld

#: GraphQL comes last: as an admin it deletes everybody.
_PARTS = ("api", "sockets", "graphql")
_OPERATIONS = 37  # of the API, about: what `--max-examples` is for each of them


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=…", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*_PARTS, []], help="all unless given")
    parser.add_argument("--requests", type=int, default=13_000)
    parser.add_argument("--rounds", type=int, default=40, help="documents for each root field of a role")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="chat-fuzz-") as folder:
        cluster = EmbeddedPostgres(
            Path(folder) / "postgres", free_port(), secrets.token_hex(16), durable=False
        )
        with (Path(folder) / "postgres.log").open("wb") as log, cluster.running(output=log):
            url = cluster.ensure_database("chat", "chat", secrets.token_hex(16))
            migrate(url)
            with FuzzWorld(url, Path(folder), webapp=True) as world:
                for part in arguments.parts or _PARTS:
                    found = asyncio.run(_watched(world, part, arguments))
                    for each in found:
                        print(f"\n{each}", file=sys.stderr, flush=True)
                    wrong += found
    print(f"{len(wrong)} findings" if wrong else "nothing found")
    return 1 if wrong else 0


async def _watched(world: FuzzWorld, part: str, arguments: argparse.Namespace) -> list[str]:
    theirs, usage, connections = world.of_the_victim(), world.usage(), world.database_connections()
    started = time.monotonic()
    match part:
        case "api":
            wrong = _api(world, arguments.requests, arguments.seed)
        case "graphql":
            wrong = await _graphql(world, arguments.rounds, arguments.seed)
        case _:
            wrong = await _sockets(world)
    if part != "graphql" and world.of_the_victim() != theirs:
        wrong.append("something of the victim's has changed")
    wrong += await world.settle(usage, connections)
    wrong += world.defects()
    memory = ", ".join(
        f"{name} {usage[name].megabytes:.0f} → {now.megabytes:.0f} MB" for name, now in world.usage().items()
    )
    print(f"{part}: {time.monotonic() - started:.0f} s; {memory}", flush=True)
    return wrong


def _api(world: FuzzWorld, requests: int, seed: int) -> list[str]:
    wrong = []
    # The coverage phase is some 1,300 requests each time.
    each = max(1, (requests - 3 * 1300) // _OPERATIONS)
    runs = (
        (api.as_somebody, each * 4 // 5),
        (api.as_nobody, each // 10),
        (api.with_a_token_that_is_none, each // 10),
    )
    for run, examples in runs:
        options = ["--max-examples", str(max(1, examples)), "--seed", str(seed)]
        try:
            answers = run(world, options)
        except AssertionError as found:
            wrong.append(str(found))
            continue
        by_status: dict[str, int] = {}
        for key, count in answers.items():
            status = key.rpartition(" ")[2]
            by_status[status] = by_status.get(status, 0) + count
        print(
            f"api: {run.__name__}: {answers.total()} requests {dict(sorted(by_status.items()))}", flush=True
        )
    return wrong


async def _graphql(world: FuzzWorld, rounds: int, seed: int) -> list[str]:
    wrong = []
    theirs = world.of_the_victim()
    for role in ("user", "assistant", "nobody", "admin"):
        if role == "admin" and world.of_the_victim() != theirs:
            wrong.append("something of the victim's has changed")
        fuzzer = RoleFuzzer(world, world.headers_of(role), seed, reference=role == "admin")
        found = await fuzzer.run(rounds)
        wrong += found.wrong
        answered = sum(1 for outcomes in found.roots.values() if outcomes["data"])
        slowest = max(found.slowest, key=lambda way: found.slowest[way])
        print(
            f"graphql: {role}: {found.requests.total()} requests; {answered} of {len(found.roots)} root fields"
            f" gave data; the slowest was {slowest}, {found.slowest[slowest]:.1f} s",
            flush=True,
        )
    return wrong


async def _sockets(world: FuzzWorld) -> list[str]:
    wrong = []
    for place in places(world, webapp=True):
        found = await attack(place)
        wrong += found.wrong
        print(f"sockets: {place.name}: {found.tried} attacks", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
