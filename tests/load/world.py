"""What is under load: the whole stack as processes of its own, a model, and what each of them takes."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import psutil
import psycopg

from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import migrate
from tests.conftest import free_port
from tests.e2e.stack import ROOT, Stack
from tests.load.people import Person, populate
from webapp.services.login_file import LoginFile
from webapp.services.logins import LIFETIME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.load.plan import Plan

#: All come from one address, and their number of answers at once is what is to be seen, not a limit's. What is limited
#: for each user stays as it is.
LIMITS = {
    "CHAT_LOGIN_ATTEMPTS_PER_ADDRESS": "1000000",
    "CHAT_LIMIT_REFRESHES": "1000000",
    "CHAT_LIMIT_SOCKETS": "1000000",
    "CHAT_REPLIES_AT_ONCE": "1000",
}


@dataclass(frozen=True)
class Taken:
    """By one service so far: seconds of CPU, and bytes of memory now."""

    cpu: float
    memory: int


class World(Stack):
    """PostgreSQL, engine, backend, web UI and a model, full of people's chats."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._exits = ExitStack()
        self._plan = plan
        self._cluster = EmbeddedPostgres(
            folder / "postgres", free_port(), secrets.token_hex(16), durable=plan.durable
        )
        password = secrets.token_hex(16)
        self.database_url = self._cluster.url("chat", "chat", password)
        self._password = password
        self._model_port = free_port()
        super().__init__(self.database_url, folder, model_url=f"http://127.0.0.1:{self._model_port}/v1")
        self._environments["backend"] |= LIMITS
        if not plan.browser:
            del self._modules["webapp"]
        self.programs: list[Person] = []
        self.readers: list[Person] = []

    def __enter__(self) -> Self:
        try:
            log = self._exits.enter_context((self._folder / "postgres.log").open("ab"))
            self._postgres = self._exits.enter_context(self._cluster.running(output=log))
            migrate(self._cluster.ensure_database("chat", "chat", self._password))
            with psycopg.connect(self._cluster.url("chat"), autocommit=True) as connection:
                self.programs, self.readers = populate(connection, self._plan)
            asyncio.run(self._keep_cookies())
            self._exits.callback(self._start_model())
            super().__enter__()
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._exits.close()

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """As the owner of the schema: what the database says, past every permission."""
        return psycopg.connect(self.database_url, autocommit=True)

    def taken(self) -> dict[str, Taken]:
        """By each service, and all together of PostgreSQL's processes."""
        found = {name: _taken(process.pid) for name, process in self._processes.items()}
        found["PostgreSQL"] = _taken(self._postgres.pid, shared=True)
        found["model"] = _taken(self._model.pid)
        return found

    async def _keep_cookies(self) -> None:
        """What a web UI that ran before has left: the sign-ins of its browsers."""
        store = LoginFile(self.logins_file)
        known = [reader for reader in self.readers if reader.login_id]
        await asyncio.gather(*(store.put(r.login_id, r.refresh_token, lifetime=LIFETIME) for r in known))

    def _start_model(self) -> Callable[[], None]:
        self._model = subprocess.Popen(
            [sys.executable, "-m", "tests.load.model", str(self._model_port)], cwd=ROOT
        )

        def stop() -> None:
            self._model.terminate()
            self._model.wait(10)

        return stop


def _taken(pid: int, *, shared: bool = False) -> Taken:
    """Of a process and its children. What PostgreSQL's share is counted once (Linux's proportional set size)."""
    cpu, memory = 0.0, 0
    parent = psutil.Process(pid)
    for process in [parent, *parent.children(recursive=True)]:
        try:
            times = process.cpu_times()
            cpu += times.user + times.system
            memory += process.memory_full_info().pss if shared else process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    # Of processes that have ended: connections that were closed.
    ended = parent.cpu_times()
    return Taken(cpu + ended.children_user + ended.children_system, memory)
