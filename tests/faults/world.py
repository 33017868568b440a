"""A deployment as processes: PostgreSQL, Redis where wanted, the engine, two backends and the web UI."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

import psycopg

from backend.embedded_postgres import EmbeddedPostgres
from backend.migrations import migrate
from tests.conftest import free_port
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from pathlib import Path

BACKENDS = ("backend", "backend-b")
_REDIS_READY_WITHIN = 10.0  # seconds


class World(Stack):
    """What runs, by name: each can be killed without warning and started again.

    :param folder: for the cluster, other data and logs.
    :param model_url: of an OpenAI-compatible server.
    :param redis: whether the backends talk to each other through Redis, or through PostgreSQL.
    :param webapp: without it there is no browser to serve.
    """

    def __init__(self, folder: Path, *, model_url: str, redis: bool, webapp: bool) -> None:
        self._exits = contextlib.ExitStack()
        self._redis_port = free_port() if redis else None
        # Durable: a database that forgets what it acknowledged is not what is tried here.
        self._cluster = EmbeddedPostgres(folder / "postgres", free_port(), secrets.token_hex(16))
        self._password = secrets.token_hex(16)
        self.database_url = self._cluster.url("chat", "chat", self._password)
        super().__init__(self.database_url, folder, model_url=model_url)
        self._ports["backend-b"] = free_port()
        self._modules["backend-b"] = "backend"
        self._healths["backend-b"] = f"{self.url('backend-b')}/healthz"
        port = {"CHAT_API_PORT": str(self._ports["backend-b"])}
        self._environments["backend-b"] = self._environments["backend"] | port
        if redis:
            for name in (*BACKENDS, "webapp"):
                self._environments[name]["CHAT_REDIS_URL"] = f"redis://127.0.0.1:{self._redis_port}/0"
        if not webapp:
            del self._modules["webapp"]

    @property
    def names(self) -> list[str]:
        """Everything that can be killed, in the order in which it is started."""
        return ["postgres", *(["redis"] if self._redis_port else []), *self._modules]

    def __enter__(self) -> Self:
        try:
            self._start_postgres()
            migrate(self._cluster.ensure_database("chat", "chat", self._password))
            for name in self.names[1:]:
                self.start(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(self._modules):
            self.stop(name, signal.SIGKILL)
        self.kill("redis")
        self._exits.close()

    def kill(self, name: str) -> None:
        """SIGKILL, and nothing else is told."""
        if name == "postgres":
            self._postgres.kill()
            self._postgres.wait()
            self._exits.close()
        elif name == "redis":
            if (redis := self._processes.pop("redis", None)) is not None:
                redis.kill()
                redis.wait()
        else:
            self.stop(name, signal.SIGKILL)

    def start(self, name: str) -> None:
        """Returns when it answers."""
        if name == "postgres":
            self._start_postgres()
        elif name == "redis":
            self._start_redis()
        else:
            super().start(name)

    def _start_postgres(self) -> None:
        log = self._exits.enter_context((self._folder / "postgres.log").open("ab"))
        self._postgres = self._exits.enter_context(self._cluster.running(output=log))

    def _start_redis(self) -> None:
        server = shutil.which("redis-server")
        if server is None:
            raise AssertionError("no redis-server on this machine (Debian: apt install redis-server)")
        options = f"--port {self._redis_port} --bind 127.0.0.1 --appendonly yes --dir {self._folder} --save"
        with (self._folder / "redis.log").open("ab") as log:
            self._processes["redis"] = subprocess.Popen([server, *options.split(), ""], stdout=log)
        deadline = time.monotonic() + _REDIS_READY_WITHIN
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._redis_port), 1):
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"Redis did not start:\n{self.log('redis')[-2000:]}")
            time.sleep(0.05)

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """As the owner of the schema: what the database says, past every permission."""
        return psycopg.connect(self.database_url, autocommit=True)
