"""What is fuzzed: a stack of processes with two people in it, one of whom nobody else may ever hear of."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
import psutil
import psycopg

from backend.settings import Settings, variable_of
from tests.e2e.stack import Stack

#: More than any run sends, so that what is tried is the route and not the limit before it.
_NO_LIMIT = "100000000"
_LIMITS = ("limit_", "login_attempts", "messages_per_minute", "replies_per_user", "sockets_per_user")
_CLAIMS = "https://hasura.io/jwt/claims"
#: Tables with rows of one person, by the column that says whose.
_OWNED = {
    "users": "id",
    "chat_sessions": "user_id",
    "chat_messages": "user_id",
    "chat_read_marks": "user_id",
    "refresh_tokens": "user_id",
}
#: What the log says of a defect, in any of the processes.
_DEFECTS = re.compile(
    r"unexpected_error|Traceback \(most recent|was never (?:awaited|retrieved)|Unclosed|\"unexpected\""
    # A library's, which is logged as a line of ours.
    r"|\"level\": \"(?:error|critical)\".*\"exc_type\"|Exception in ASGI"
)


#: A session in each of these.
_EVERYWHERE = ({}, {"is_archived": True}, {"is_pinned": True}, {"is_active": False})


@dataclass(frozen=True)
class Person:
    id: str
    token: str
    sessions: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    #: Of further sessions and messages: the fuzzers do not know these, so whoever sees one was shown it.
    unheard_of: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [self.id, *self.sessions, *self.messages]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Usage:
    """Of one process."""

    files: int
    threads: int
    megabytes: float


class FuzzWorld(Stack):
    """Engine and backend over a migrated database.

    `ada` is whom the fuzzers sign in as; `eve` attacks the sockets, whatever they deleted of ada's; `victim` has
    something in every place, with `canary` in each text of it.
    """

    ada: Person
    eve: Person
    victim: Person

    def __init__(self, database_url: str, folder: Path, *, webapp: bool = False) -> None:
        super().__init__(database_url, folder)
        self.database_url = database_url
        self.folder = folder
        self.canary = f"canary{secrets.token_hex(8)}"
        limits = [name for name in Settings.model_fields if name.startswith(_LIMITS)]
        self._environments["backend"] |= {variable_of(name): _NO_LIMIT for name in limits}
        if not webapp:
            del self._modules["webapp"]

    def __enter__(self) -> FuzzWorld:
        super().__enter__()
        try:
            self.ada = self._somebody("ada", "of her own", _EVERYWHERE)
            self.eve = self._somebody("eve", "of her own", [{}])
            self.victim = self._somebody("victim", self.canary, _EVERYWHERE, unheard_of=_EVERYWHERE)
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def hidden(self) -> list[str]:
        """What nobody but the victim may be shown."""
        return [self.canary, *self.victim.unheard_of]

    @property
    def admin(self) -> dict[str, str]:
        return {"x-hasura-admin-secret": self._environments["engine"]["HASURA_GRAPHQL_ADMIN_SECRET"]}

    def headers_of(self, role: str) -> dict[str, str]:
        """Of ada as `user` or `assistant`, of `admin`, or of `nobody`."""
        if role == "nobody":
            return {}
        return self.admin if role == "admin" else {"Authorization": f"Bearer {self.token(self.ada.id, role)}"}

    def token(self, user_id: str, role: str = "user") -> str:
        """As the backend signs them, but for a day."""
        roles = {
            "x-hasura-default-role": role,
            "x-hasura-allowed-roles": [role],
            "x-hasura-user-id": user_id,
        }
        now = int(time.time())
        payload = {"sub": user_id, "iat": now, "exp": now + 86_400, "iss": "chat-sessions", _CLAIMS: roles}
        secret = json.loads(self._environments["engine"]["HASURA_GRAPHQL_JWT_SECRET"])
        return jwt.encode(payload, secret["key"], secret["type"])

    def usage(self) -> dict[str, Usage]:
        """What each process holds, after what it let go by itself."""
        return {name: _usage(psutil.Process(process.pid)) for name, process in self._processes.items()}

    def database_connections(self) -> int:
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid()"
            ).fetchone()
        assert row is not None
        return int(row[0])

    def of_the_victim(self) -> dict[str, str]:
        """A digest of all that is theirs, by table: it changes when somebody else changed it."""
        with psycopg.connect(self.database_url) as connection:
            return {
                table: str(
                    connection.execute(
                        f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t"
                        f" WHERE {column} = %s",
                        [self.victim.id],
                    ).fetchone()
                )
                for table, column in _OWNED.items()
            }

    async def settle(self, before: dict[str, Usage], connections: int) -> list[str]:
        """Waits until files, threads and connections are what they were; what stays more is what was leaked."""
        leaks = ["not looked yet"]
        for _ in range(60):
            leaks = [
                f"{name}: {kind} {getattr(before[name], kind)} → {getattr(now, kind)}"
                for name, now in self.usage().items()
                for kind, spare in (("files", 6), ("threads", 8))
                if getattr(now, kind) > getattr(before[name], kind) + spare
            ]
            held = self.database_connections()
            leaks += [f"database: {connections} → {held} connections"] if held > connections + 10 else []
            if not leaks:
                break
            await asyncio.sleep(0.5)
        return leaks

    def defects(self) -> list[str]:
        """Lines of the logs that only a defect of ours writes."""
        return [
            f"{name}: {line[:2000]}"
            for name in self._modules
            for line in self.log(name).splitlines()
            if _DEFECTS.search(line)
        ]

    def _somebody(
        self,
        name: str,
        text: str,
        places: Sequence[Mapping[str, bool]],
        unheard_of: Sequence[Mapping[str, bool]] = (),
    ) -> Person:
        """With a session in each place, questions, answers, versions, and a device."""
        account = {"username": f"{name}-{secrets.token_hex(4)}", "password": secrets.token_hex(16)}
        with httpx.Client(base_url=self.url("backend"), timeout=20) as api:
            signed_in = _of(
                api.post("/auth/register", json=account | {"display_name": f"{name} {text}"[:100]})
            )
            person = Person(signed_in["user"]["id"], self.token(signed_in["user"]["id"]))
            api.headers.update(person.headers | {"accept": "application/json"})
            for number, place in enumerate([*places, *unheard_of]):
                session = {"title": f"{text} title", "category": text, "system_prompt": f"Say {text}."}
                made = _of(api.post("/api/chat/sessions/create", json=session))["session_id"]
                turn = _of(api.post("/api/chat", json={"session_id": made, "content": f"{text}?"}))
                edit = {"session_id": made, "content": f"{text}!", "edit_of": turn["user_message_id"]}
                edited = _of(api.post("/api/chat", json=edit))["user_message_id"]
                messages = [turn["user_message_id"], turn["assistant_message_id"], edited]
                if number < len(places):
                    person.sessions.append(made)
                    person.messages.extend(messages)
                else:
                    person.unheard_of.extend([made, *messages])
                if place:
                    _of(api.put(f"/api/chat/sessions/{made}", json=place))
        return person


def _of(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def _usage(process: psutil.Process) -> Usage:
    return Usage(process.num_fds(), process.num_threads(), process.memory_info().rss / 2**20)
