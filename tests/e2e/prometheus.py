"""A real Prometheus before the running services, on loopback: with the compose deployment's jobs and alerts."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import yaml

from tests.conftest import free_port, tool
from tests.e2e.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.stack import Stack

FOLDER = ROOT / "observability" / "prometheus"
STARTS_WITHIN = 60.0


class NotReady(Exception):
    """It is starting."""


class Prometheus:
    """Its HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/"""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=30)

    def get(self, path: str, **parameters: str) -> Any:
        found = self._http.get(path, params=parameters)
        if found.status_code == 503:
            raise NotReady
        answer = found.json()
        assert answer["status"] == "success", f"{parameters}: {answer}"
        return answer["data"]

    def query(self, expression: str) -> list[float]:
        """The values now."""
        return [float(found["value"][1]) for found in self.get("/query", query=expression)["result"]]

    def after_another_scrape(self) -> None:
        """Returns when everything that happened before is known."""
        self._until(f"min(timestamp(up)) > {time.time()}", "it scrapes nothing more")

    def until_all_answer(self, services: int) -> None:
        self._until(f"count(up == 1) == {services}", "not all services answer it")

    def _until(self, expression: str, problem: str) -> None:
        end = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                if self.query(expression):
                    return
            except (httpx.TransportError, NotReady):
                pass
            assert time.monotonic() < end, problem
            time.sleep(0.1)


@contextmanager
def prometheus(stack: Stack, database_url: str, folder: Path) -> Iterator[Prometheus]:
    """Scrapes once a second; PostgreSQL's exporter is started too."""
    exporter_port, port = free_port(), free_port()
    targets = {name: urlsplit(stack.url(name)).netloc for name in ("engine", "backend", "webapp")}
    targets["postgres"] = f"127.0.0.1:{exporter_port}"
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FOLDER / name) for name in config["rule_files"]]
    for job in config["scrape_configs"]:
        for discovery in ("dns_sd_configs", "file_sd_configs", "authorization"):
            job.pop(discovery, None)
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    commands: list[tuple[list[str], dict[str, str]]] = [
        (
            [tool("prometheus-postgres-exporter"), f"--web.listen-address=127.0.0.1:{exporter_port}"],
            {"DATA_SOURCE_NAME": f"{database_url}?sslmode=disable"},
        ),
        (
            [
                tool("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=error",
            ],
            {},
        ),
    ]
    running: list[subprocess.Popen[bytes]] = []
    try:
        with (folder / "log").open("wb") as log:
            running += [
                subprocess.Popen(command, env=os.environ | extra, stdout=log, stderr=log, cwd=folder)
                for command, extra in commands
            ]
        found = Prometheus(f"http://127.0.0.1:{port}")
        try:
            found.until_all_answer(len(targets))
        except AssertionError:
            raise AssertionError((folder / "log").read_text()[-3000:]) from None
        yield found
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(10)
