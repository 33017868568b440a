"""The whole stack as processes of their own, each of which a test may stop and start again."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from tests.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
_STARTS_WITHIN = 120.0


class Stack:
    """Engine, backend and web UI over one database.

    :param database_url: of a migrated database.
    :param folder: for data and logs.
    :param model_url: of an OpenAI-compatible server; without it the built-in assistant answers.
    :param environment: of all three, besides.
    :param redis_url: for backend and web UI; without it they keep what they share elsewhere.
    """

    def __init__(
        self,
        database_url: str,
        folder: Path,
        *,
        model_url: str | None = None,
        redis_url: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._for_all = dict(environment or {})
        self._ports = {name: free_port() for name in ("engine", "backend", "webapp")}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        engine, backend, webapp = (self.url(name) for name in self._ports)
        jwt_secret = json.dumps({"type": "HS256", "key": secrets.token_hex(32)})
        redis = {"CHAT_REDIS_URL": redis_url} if redis_url else {}
        self._environments = {
            "engine": {
                "HASURA_GRAPHQL_DATABASE_URL": database_url,
                "HASURA_GRAPHQL_METADATA_DIR": str(ROOT / "hasura" / "metadata"),
                "HASURA_GRAPHQL_SERVER_HOST": "127.0.0.1",
                "HASURA_GRAPHQL_SERVER_PORT": str(self._ports["engine"]),
                "HASURA_GRAPHQL_ADMIN_SECRET": secrets.token_hex(16),
                "HASURA_GRAPHQL_JWT_SECRET": jwt_secret,
            },
            "backend": {
                "CHAT_API_PORT": str(self._ports["backend"]),
                "CHAT_DATABASE_URL": database_url,
                "CHAT_GRAPHQL_URL": f"{engine}/v1/graphql",
                "CHAT_DRAIN_SECONDS": "3",
                "HASURA_GRAPHQL_JWT_SECRET": jwt_secret,
                **redis,
                **({"CHAT_LLM_BASE_URL": model_url, "CHAT_LLM_MODEL": "of-the-tests"} if model_url else {}),
            },
            "webapp": {
                "CHAT_WEB_PORT": str(self._ports["webapp"]),
                "CHAT_API_URL": backend,
                "CHAT_GRAPHQL_URL": f"{engine}/v1/graphql",
                "CHAT_DATA_DIR": str(folder),
                **redis,
            },
        }
        self._modules = {"engine": "hasura.engine", "backend": "backend", "webapp": "webapp"}
        self._healths = {
            "engine": f"{engine}/healthz",
            "backend": f"{backend}/healthz",
            "webapp": f"{webapp}/ping",
        }

    @property
    def logins_file(self) -> Path:
        """Where the web UI keeps who is signed in, without Redis."""
        return self._folder / "webapp" / "logins.sqlite3"

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    def __enter__(self) -> Self:
        try:
            for name in self._modules:
                self.start(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(self._modules):
            self.stop(name)

    def start(self, name: str) -> None:
        """Returns when it answers."""
        with (self._folder / f"{name}.log").open("ab") as log:
            process = self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", self._modules[name]],
                cwd=ROOT,
                env=self._environment(name),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + _STARTS_WITHIN
        while not self._answers(name):
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{name} did not start:\n{self.log(name)[-3000:]}")
            time.sleep(0.05)

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{name} did not stop:\n{self.log(name)[-3000:]}") from None

    def _environment(self, name: str) -> dict[str, str]:
        others = {key: value for key, value in os.environ.items() if not key.startswith(("CHAT_", "HASURA_"))}
        return others | self._for_all | self._environments[name]

    def secret(self, name: str) -> str:
        """A variable of the engine's, or the key that tokens are signed with: ``jwt``."""
        environment = self._environments["engine"]
        key: str = json.loads(environment["HASURA_GRAPHQL_JWT_SECRET"])["key"]
        return key if name == "jwt" else environment[name]

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def _answers(self, name: str) -> bool:
        try:
            return httpx.get(self._healths[name], timeout=2).is_success
        except httpx.TransportError:
            return False
