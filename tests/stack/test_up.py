"""`chat-sessions up` as a person meets it: ready, in use, stopped, killed, started twice."""

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil
import pytest

from tests.conftest import free_port

COMMAND = Path(sys.executable).with_name("chat-sessions")
PORTS = ("CHAT_WEB_PORT", "CHAT_API_PORT", "CHAT_GRAPHQL_PORT", "CHAT_POSTGRES_PORT")


class Launched:
    """One `chat-sessions up`, whose output is read line by line."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.lines: list[str] = []
        self._unread: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [COMMAND, "up"], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(60)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._unread.put(line.rstrip("\n"))
        self._unread.put(None)

    def until(self, text: str | None) -> str:
        """The first further line with `text`; with None: the last line of all."""
        while (line := self._unread.get(timeout=100)) is not None:
            self.lines.append(line)
            if text is not None and text in line:
                return line
        assert text is None, f"no line has {text!r}:\n" + "\n".join(self.lines)
        return self.lines[-1]

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, module: str) -> psutil.Process:
        (found,) = (child for child in self.family() if ["-m", module] == child.cmdline()[1:3])
        return found

    def ended(self) -> int:
        return self.process.wait(60)


@pytest.fixture(scope="module")
def place() -> Iterator[dict[str, str]]:
    """The environment of one installation: a data directory and ports of its own."""
    directory = Path(tempfile.mkdtemp(prefix="chat-tests-"))
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "HASURA_"))}
    ports = {name: str(free_port()) for name in PORTS}
    yield mine | ports | {"CHAT_DATA_DIR": str(directory / "data")}
    shutil.rmtree(directory)


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=10)[1]


def test_the_stack_serves_and_ctrl_c_stops_all_of_it(place: dict[str, str]) -> None:
    with Launched(place) as stack:
        stack.until("ready after")
        family = stack.family()
        for name, path in (("WEB", "/ping"), ("API", "/readyz"), ("GRAPHQL", "/healthz")):
            assert (
                httpx.get(f"http://127.0.0.1:{place[f'CHAT_{name}_PORT']}{path}", timeout=10).status_code
                == 200
            )

        console = stack.until("/console").split("console  ")[1].split(",")[0]
        assert '<div id="root">' in httpx.get(console, timeout=10).text
        secret = run(place, "admin-secret").stdout.strip()
        config = f"http://127.0.0.1:{place['CHAT_GRAPHQL_PORT']}/v1alpha1/config"
        assert httpx.get(config, headers={"x-hasura-admin-secret": secret}, timeout=10).is_success
        assert secret not in "\n".join(stack.lines)

        api = f"http://127.0.0.1:{place['CHAT_API_PORT']}"
        person = {"username": "ada", "password": "correct horse battery"}
        assert httpx.post(f"{api}/auth/register", json=person, timeout=30).status_code == 201

        said = run(place, "doctor")
        assert said.returncode == 0, said.stdout
        assert "wrong" not in said.stdout
        token = run(place, "token", "Ada")
        bearer = {"Authorization": f"Bearer {token.stdout.strip()}"}
        assert "no password was checked" in token.stderr
        assert httpx.get(f"{api}/auth/me", headers=bearer, timeout=10).json()["username"] == "ada"

        other = run(place, "up")
        assert other.returncode == 1
        assert "already runs" in other.stdout.splitlines()[-1]
        assert len(other.stdout.splitlines()) == 1

        before = {module: stack.child(module) for module in ("backend", "hasura.engine")}
        for name, module in (("backend", "backend"), ("engine", "hasura.engine")):
            restarted = run(place, "restart", name)
            assert restarted.returncode == 0, restarted.stderr
            assert stack.child(module).pid != before[module].pid
        assert httpx.get(f"{api}/readyz", timeout=10).is_success
        refused = run(place, "restart", "webapp")
        assert refused.returncode == 1
        assert refused.stderr == "chat-sessions: 'webapp' cannot be restarted alone: engine or backend can\n"

        family = [*family, *stack.family()]
        stack.process.send_signal(signal.SIGINT)
        assert stack.ended() == 0
        assert gone(family)
        assert stack.until(None).endswith("stopped")


def test_a_process_that_dies_ends_the_stack_with_its_name_and_what_it_was(place: dict[str, str]) -> None:
    with Launched(place) as stack:
        stack.until("ready after")
        family = stack.family()
        stack.child("hasura.engine").kill()
        assert stack.ended() == 1
        assert gone(family)
        assert "engine was ended by SIGKILL" in stack.until(None)


def test_after_a_killed_launcher_the_next_start_cleans_up_and_has_every_row(place: dict[str, str]) -> None:
    with Launched(place) as stack:
        stack.until("ready after")
        family = stack.family()
        stack.process.kill()
        stack.ended()
        with Launched(place) as again:
            again.until("ready after")
            assert gone(family)
            assert run(place, "token", "ada").returncode == 0
            again.process.send_signal(signal.SIGTERM)
            assert again.ended() == 0


def test_a_stop_in_the_middle_of_the_start_leaves_nothing(place: dict[str, str]) -> None:
    with Launched(place) as stack:
        stack.until("starting PostgreSQL")
        stack.process.send_signal(signal.SIGINT)
        assert stack.ended() == 0
    record = Path(place["CHAT_DATA_DIR"])
    assert not (record / "processes.json").exists()
    assert not (record / "postgres" / "postmaster.pid").exists()


@pytest.mark.parametrize("setting", PORTS)
def test_a_taken_port_is_one_line_with_port_and_setting_before_anything_starts(
    place: dict[str, str], setting: str
) -> None:
    with socket.create_server(("127.0.0.1", int(place[setting]))):
        said = run(place, "up")
    assert said.returncode == 1
    assert place[setting] in said.stdout.splitlines()[-1]
    assert setting in said.stdout.splitlines()[-1]
    assert len(said.stdout.splitlines()) == 1
    assert "Traceback" not in said.stdout + said.stderr


def test_two_settings_with_one_port_are_named(place: dict[str, str]) -> None:
    said = run(place | {"CHAT_WEB_PORT": place["CHAT_API_PORT"]}, "up")
    assert said.returncode == 1
    assert "CHAT_WEB_PORT and CHAT_API_PORT are both" in said.stdout


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        (
            {"CHAT_LLM_BASE_URL": "http://127.0.0.1:11434/v1"},
            "CHAT_LLM_MODEL is missing: name the model that CHAT_LLM_BASE_URL serves",
        ),
        ({"CHAT_LLM_TOTAL_TIMEOUT": "soon"}, "CHAT_LLM_TOTAL_TIMEOUT is wrong: "),
    ],
)
def test_what_the_backend_would_refuse_is_one_line_before_anything_starts(
    place: dict[str, str], variables: dict[str, str], line: str
) -> None:
    said = run(place | variables, "up")
    assert said.returncode == 1
    (only,) = said.stdout.splitlines()
    assert line in only
    assert "Traceback" not in said.stdout + said.stderr


def test_without_a_running_stack_the_other_commands_say_so(place: dict[str, str]) -> None:
    for command, text in ((["doctor"], "is the stack running?"), (["token", "ada"], "is the stack running")):
        said = run(place, *command)
        assert said.returncode == 1
        assert text in said.stdout + said.stderr
        assert "Traceback" not in said.stdout + said.stderr
    said = run(place, "migrate")
    assert said.returncode == 1
    assert "cannot be reached" in said.stderr


def test_nothing_secret_is_printed_while_starting(place: dict[str, str]) -> None:
    with Launched(place) as stack:
        stack.until("ready after")
        stack.process.send_signal(signal.SIGINT)
        stack.until(None)
    secrets = [
        line.partition("=")[2].strip("'")
        for line in Path(place["CHAT_DATA_DIR"], "secrets.env").read_text().splitlines()
        if line.startswith(("CHAT_", "HASURA_"))
    ]
    key = next(json.loads(secret)["key"] for secret in secrets if secret.startswith("{"))
    output = "\n".join(stack.lines)
    assert not [secret for secret in [*secrets, key] if secret in output]
