"""Child processes: their output is prefixed, they are stopped in order, and nothing of them stays behind."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from backend.children import Children, Console, NotReplaced

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
POLITE = "import time; print('up', flush=True); time.sleep(60)"
WITH_CHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What clients of other tests log meanwhile is no child's output."""
    with capture_logs():
        yield


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def children(console: Console, tmp_path: Path) -> Children:
    return Children(console, tmp_path / "processes.json", grace=0.5)


async def start(children: Children, name: str, program: str) -> None:
    await children.start(name, [sys.executable, "-c", program], dict(os.environ), Path("/"))
    async with asyncio.timeout(20):
        while name not in children.console.last_line:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def recorded(children: Children) -> list[int]:
    return [entry["pid"] for entry in json.loads(children.record.read_text())]


async def test_every_line_carries_the_name_of_who_said_it(
    children: Children, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "import sys; print('one'); print('two', file=sys.stderr); sys.stdout.write('no line end')"
    code = await children.run_to_end(
        "engine", [sys.executable, "-u", "-c", program], dict(os.environ), Path("/")
    )
    await children.stop_all()
    assert code == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines) == ["engine   | no line end", "engine   | one", "engine   | two"]


async def test_a_line_longer_than_any_buffer_and_bytes_that_are_no_text_are_printed(
    children: Children, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "import sys; sys.stdout.buffer.write(b'x' * 300_000 + b'\\n\\xff\\n')"
    await children.run_to_end("engine", [sys.executable, "-c", program], dict(os.environ), Path("/"))
    await children.stop_all()
    assert capsys.readouterr().out.splitlines() == [f"engine   | {'x' * 300_000}", "engine   | \ufffd"]


async def test_the_last_one_started_is_the_first_one_stopped(
    children: Children, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.1), print('down', flush=True), sys.exit()))\n"
        "print('up', flush=True); time.sleep(60)"
    )
    for name in ("engine", "backend", "webapp"):
        await start(children, name, program)
    capsys.readouterr()
    await children.stop_all()
    order = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert order == ["webapp", "backend", "engine"]


@pytest.mark.parametrize("program", [POLITE, STUBBORN], ids=["polite", "ignores SIGTERM"])
async def test_a_child_is_gone_after_stop_all(children: Children, program: str) -> None:
    await start(children, "engine", program)
    (pid,) = recorded(children)
    await children.stop_all()
    assert not psutil.pid_exists(pid)
    assert not children.record.exists()


async def test_what_a_child_has_started_goes_with_it(children: Children) -> None:
    await start(children, "engine", WITH_CHILD)
    grandchild = psutil.Process(int(children.console.last_line["engine"]))
    await children.stop_all()
    psutil.wait_procs([grandchild], timeout=10)
    assert not grandchild.is_running()


async def test_a_child_that_has_ended_already_does_not_disturb_the_stop(children: Children) -> None:
    await start(children, "engine", "print('bye')")
    assert await children.ended("engine") == 0
    await children.stop_all()


async def test_asked_twice_everything_is_killed_at_once(children: Children) -> None:
    patient = Children(children.console, children.record, grace=60)
    await start(patient, "engine", STUBBORN)
    stopping = asyncio.create_task(patient.stop_all())
    await asyncio.sleep(0.1)
    assert not stopping.done()
    patient.kill_all()
    await asyncio.wait_for(stopping, 10)


SAYS_SO = (
    "import os, sys, time\n"
    "os.write(int(sys.argv[sys.argv.index('--ready-fd') + 1]), b'ready\\n'); time.sleep(60)"
)


async def replace(children: Children, program: str, within: float = 20) -> asyncio.subprocess.Process:
    command = [sys.executable, "-c", program]
    return await children.replace(
        "engine", command, dict(os.environ), Path("/"), pass_fds=[], ready_within=within
    )


async def test_one_that_says_that_it_serves_follows_another_whose_end_is_no_end(children: Children) -> None:
    await start(children, "engine", POLITE)
    (first,) = recorded(children)
    ended = asyncio.create_task(children.ended("engine"))
    former = await replace(children, SAYS_SO)
    assert former.pid == first
    assert len(recorded(children)) == 2
    await children.retire(former, 10)
    assert not psutil.pid_exists(first)
    (second,) = recorded(children)
    assert not ended.done()
    await children.stop_all()
    assert not psutil.pid_exists(second)
    await ended


@pytest.mark.parametrize("program", ["", POLITE], ids=["ends", "says nothing"])
async def test_one_that_never_serves_leaves_the_other_as_it_was(children: Children, program: str) -> None:
    await start(children, "engine", POLITE)
    (first,) = recorded(children)
    with pytest.raises(NotReplaced):
        await replace(children, program, within=0.5)
    assert recorded(children) == [first]
    assert psutil.pid_exists(first)
    await children.stop_all()


@pytest.mark.parametrize("program", [POLITE, STUBBORN], ids=["polite", "ignores SIGTERM"])
async def test_the_next_start_ends_what_a_killed_launcher_has_left(children: Children, program: str) -> None:
    await start(children, "engine", program)
    (pid,) = recorded(children)
    await Children(Console(), children.record, grace=0.5).end_leftovers()
    await children.ended("engine")
    assert not psutil.pid_exists(pid)
    assert not children.record.exists()
    await children.stop_all()


async def test_a_process_that_only_has_a_leftovers_number_is_left_alone(children: Children) -> None:
    children.record.write_text(json.dumps([{"name": "engine", "pid": os.getpid(), "started": 1.0}]))
    await children.end_leftovers()
    assert not children.record.exists()


@pytest.mark.parametrize("content", ["", "{", "[]"])
async def test_a_broken_record_does_not_stop_a_start(children: Children, content: str) -> None:
    children.record.write_text(content)
    await children.end_leftovers()
