"""Each role's whole schema against the engine: what fits, what nearly fits, over HTTP and as subscriptions."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets
from graphql import build_client_schema, get_introspection_query

from tests.fuzz.documents import Grammar
from tests.fuzz.spoiling import BODIES, spoiled, whole
from tests.fuzz.world import FuzzWorld

_HANGS_AFTER = 20.0  # seconds, of one request
_AT_ONCE = 4
_PROTOCOLS = ("graphql-transport-ws", "graphql-ws")

#: What an error's sentence never has; only an admin is told the statement, in `extensions.internal`.
_INSIDES = re.compile(
    r"Traceback|File \"/|\.py\b|psycopg|sqlalchemy|SELECT |INSERT INTO|pg_catalog|site-packages"
)
_OUR_FAULT = {"unexpected", "internal-error"}


@dataclass
class Found:
    """What a run came across."""

    requests: Counter[str] = field(default_factory=Counter)
    #: Root fields, as ``query users``, by what came back: data, or an error's code.
    roots: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    #: Seconds, by the way in which it was spoiled.
    slowest: dict[str, float] = field(default_factory=dict)


class RoleFuzzer:
    """As one role: `headers` sign it in. `reference` is the admin, who may see everything."""

    def __init__(
        self, world: FuzzWorld, headers: Mapping[str, str], seed: int, *, reference: bool = False
    ) -> None:
        self._world = world
        self._headers = dict(headers)
        self._chance = random.Random(seed)
        self._reference = reference
        self._hidden = [] if reference else world.hidden
        self._url = f"{world.url('engine')}/v1/graphql"
        self.found = Found()

    async def run(self, rounds: int) -> Found:
        """Every root field of the role, `rounds` times in order and as often spoiled."""
        async with httpx.AsyncClient(timeout=_HANGS_AFTER, headers=self._headers) as client:
            described = await client.post(self._url, json={"query": get_introspection_query()})
            schema = described.json()
            if "data" not in schema:
                await self._without_a_schema(client)
                return self.found
            ids = [*self._world.ada.ids, *self._world.victim.ids]
            grammar = Grammar(build_client_schema(schema["data"]), ids, self._chance)
            work = [root for _ in range(rounds) for root in grammar.roots()]
            self._chance.shuffle(work)
            requests = (each for operation, root in work for each in self._of(grammar, operation, root))
            await asyncio.gather(*(self._send_each(client, requests) for _ in range(_AT_ONCE)))
            await self._bodies(client)
        for protocol in _PROTOCOLS:
            await self._subscribe(grammar, rounds, protocol)
        return self.found

    def _of(self, grammar: Grammar, operation: str, root: str) -> list[tuple[str, str, dict[str, Any]]]:
        document = grammar.document(operation, root)
        key = f"{operation} {root}"
        self.found.roots.setdefault(key, Counter())
        if operation == "subscription":
            return [("in order", key, whole(document))]  # over HTTP it is refused, in good form
        return [("in order", key, whole(document)), (*self._spoiled(document),)]

    def _spoiled(self, document: Any) -> tuple[str, str, dict[str, Any]]:
        way, body = spoiled(document, self._chance)
        return way, "", body

    async def _send_each(self, client: httpx.AsyncClient, requests: Any) -> None:
        for way, key, body in requests:
            # As the standard library writes it: surrogates that are alone too.
            await self._send(client, way, key, json.dumps(body).encode())

    async def _send(self, client: httpx.AsyncClient, way: str, key: str, content: bytes) -> None:
        self.found.requests[way] += 1
        started = time.monotonic()
        try:
            answer = await client.post(
                self._url, content=content, headers={"content-type": "application/json"}
            )
        except httpx.HTTPError as exc:
            self._wrong(f"{type(exc).__name__} {exc}", content, b"")
            return
        took = time.monotonic() - started
        self.found.slowest[way] = max(took, self.found.slowest.get(way, 0.0))
        if answer.status_code not in (200, 400, 413):
            self._wrong(f"HTTP {answer.status_code}", content, answer.content)
            return
        try:
            body = answer.json()
        except json.JSONDecodeError:
            self._wrong("no JSON", content, answer.content)
            return
        for each in body if isinstance(body, list) else [body]:
            self._look_at(each, key, content)

    def _look_at(self, body: Any, key: str, asked: bytes) -> None:
        text = json.dumps(body, ensure_ascii=False)
        if key and key in self.found.roots:
            self.found.roots[key][_outcome(body)] += 1
        for reason in self._faults(body, text):
            self._wrong(reason, asked, text.encode("utf-8", "replace"))

    def _faults(self, body: Any, text: str) -> list[str]:
        if isinstance(body, dict) and "data" in body and "errors" not in body:
            return [f"it has {each}" for each in self._hidden if each in text]
        errors = body.get("errors") if isinstance(body, dict) else None
        if not isinstance(errors, list) or not errors:
            return ["neither data nor errors"]
        faults = []
        for error in errors:
            extensions = error.get("extensions", {})
            if not (isinstance(error.get("message"), str) and {"path", "code"} <= extensions.keys()):
                faults.append("an error that is not of Hasura's form")
            if extensions.get("code") in _OUR_FAULT:
                faults.append(f"our own fault: {extensions['code']}")
            if not self._reference and "internal" in extensions:
                faults.append("the inside is told")
            if not self._reference and (inside := _INSIDES.search(str(error.get("message")))):
                faults.append(f"its message has {inside[0]!r}")
        faults += [f"it has {each}" for each in self._hidden if each in text]
        return faults

    def _wrong(self, reason: str, asked: bytes, answered: bytes) -> None:
        self.found.wrong.append(f"{reason}\n  asked: {asked[:1500]!r}\n  answered: {answered[:1500]!r}")

    async def _bodies(self, client: httpx.AsyncClient) -> None:
        for body in BODIES:
            await self._send(client, "no request at all", "", body)

    async def _without_a_schema(self, client: httpx.AsyncClient) -> None:
        """Nobody: no schema to go by, so the user's documents."""
        answer = await client.post(
            self._url, json={"query": get_introspection_query()}, headers=self._world.ada.headers
        )
        grammar = Grammar(build_client_schema(answer.json()["data"]), self._world.victim.ids, self._chance)
        for operation, root in grammar.roots():
            for way, key, body in self._of(grammar, operation, root):
                await self._send(client, way, key, json.dumps(body).encode())
        await self._bodies(client)
        if answered := [key for key, outcomes in self.found.roots.items() if outcomes["data"]]:
            self.found.wrong.append(f"nobody was answered: {answered}")

    async def _subscribe(self, grammar: Grammar, rounds: int, protocol: str) -> None:
        """One subscription after the other: the first that each says, then it is ended."""
        roots = [each for each in grammar.roots() if each[0] == "subscription"] * rounds
        url = self._url.replace("http://", "ws://")
        numbered = enumerate(roots)
        while left := [*itertools.islice(numbered, 200)]:
            async for socket in websockets.connect(url, subprotocols=[protocol], max_size=None):  # type: ignore[list-item]
                # Who breaks the protocol is disconnected with a code of it, and comes back with the next.
                with contextlib.suppress(websockets.ConnectionClosed):
                    init = {"type": "connection_init", "payload": {"headers": self._headers}}
                    await socket.send(json.dumps(init))
                    while left:
                        await self._subscribe_to(socket, grammar, *left.pop(), protocol)
                if socket.close_code == 1011:
                    self._wrong(f"{protocol}: closed with 1011", b"", b"")
                if not left:
                    break

    async def _subscribe_to(
        self, socket: Any, grammar: Grammar, number: int, key: tuple[str, str], protocol: str
    ) -> None:
        start, stop = ("subscribe", "complete") if protocol == _PROTOCOLS[0] else ("start", "stop")
        document = grammar.document(*key)
        body = whole(document) if self._chance.random() < 0.6 else spoiled(document, self._chance)[1]
        asked = json.dumps({"id": str(number), "type": start, "payload": body})
        self.found.requests[f"subscription over {protocol}"] += 1
        await socket.send(asked)
        try:
            async with asyncio.timeout(0.5 if key[1].endswith("_stream") else _HANGS_AFTER):
                await self._first(socket, str(number), " ".join(key), asked)
        except TimeoutError:
            if not key[1].endswith("_stream"):  # a stream with nothing in it says nothing
                self._wrong(f"{protocol}: no word of it", asked.encode(), b"")
        await socket.send(json.dumps({"id": str(number), "type": stop}))

    async def _first(self, socket: websockets.ClientConnection, number: str, key: str, asked: str) -> None:
        while True:
            heard = json.loads(await socket.recv())
            if heard["type"] == "connection_error":  # of Apollo's: it was no message of the protocol
                return
            if heard.get("id") != number:
                continue  # keep-alives, and what an earlier one still said
            payload = heard.get("payload")
            match heard["type"]:
                case "next" | "data":
                    self._look_at(payload, key, asked.encode())
                case "error":
                    # One protocol says a list of errors, the other an object that has it.
                    self._look_at(
                        {"errors": payload} if isinstance(payload, list) else payload, key, asked.encode()
                    )
                case "complete":
                    pass  # a query, or a spoiled one: it is over
                case _:
                    continue
            return


def _outcome(body: Any) -> str:
    if not isinstance(body, dict) or "errors" not in body:
        return "data"
    return str(body["errors"][0].get("extensions", {}).get("code"))
