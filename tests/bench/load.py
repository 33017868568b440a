"""Loads, bounded in time: wrk against GraphQL, pgbench against PostgreSQL."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from tests.bench.world import PGBENCH

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.bench.world import Server

_SCRIPT = """
local requests, place = {}, 0
function init(args)
  for line in io.lines(args[1]) do
    local token, body = line:match("([^\\t]*)\\t(.*)")
    local headers = {["content-type"] = "application/json", ["authorization"] = "Bearer " .. token}
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end
function request()
  place = place % #requests + 1
  return requests[place]
end
local wrong = 0
function response(status, headers, body)
  if status ~= 200 or body:find('"errors"', 1, true) then
    wrong = wrong + 1
    if wrong == 1 then print("WRONG " .. body) end
  end
end
"""
#: Clients of pgbench: more would only wait for the cores, and the server takes a hundred connections in all.
_MOST = 32
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Load:
    """Answers a second, how long they took, in milliseconds, and what an answer cost, in microseconds of its server's
    CPU, without PostgreSQL's."""

    rate: float
    p50: float
    p99: float
    cpu: float


def graphql(server: Server, lines: Iterable[str], folder: Path, *, connections: int, seconds: int) -> Load:
    """Raises RuntimeError where an answer is wrong, or wrk is missing (Debian: apt install wrk)."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("the load generator is missing (Debian: apt install wrk)")
    requests, script = folder / "requests", folder / "load.lua"
    requests.write_text("\n".join(lines))
    script.write_text(_SCRIPT)
    command = [
        wrk,
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
        "-s",
        str(script),
        server.url,
        "--",
        str(requests),
    ]
    before = _cpu(server.pid)
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = _cpu(server.pid) - before
    if "WRONG" in text or "Non-2xx" in text:
        raise RuntimeError(text)
    rate, answers = re.search(r"Requests/sec:\s+([\d.]+)", text), re.search(r"(\d+) requests in", text)
    assert rate, text
    assert answers, text
    return Load(float(rate[1]), _percentile(text, 50), _percentile(text, 99), used / int(answers[1]) * 1e6)


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _percentile(text: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", text)
    assert found, text
    return float(found[1]) * _UNITS[found[2]]


def floor(database_url: str, script: str, folder: Path, *, connections: int, seconds: int) -> float:
    """Answers a second of pgbench, prepared: what PostgreSQL alone does."""
    file = folder / "floor.sql"
    file.write_text(script)
    parts = urlsplit(database_url)
    command = [
        str(PGBENCH), "-n", "-M", "prepared", "-f", str(file), "-T", str(seconds),
        "-c", str(min(connections, _MOST)), "-j", "1",
        "-h", str(parts.hostname), "-p", str(parts.port), "-U", str(parts.username), "chat",
    ]  # fmt: skip
    environment = {"PGPASSWORD": str(parts.password)}
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    rate = re.search(r"tps = ([\d.]+)", text)
    assert rate, text
    return float(rate[1])
