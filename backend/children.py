"""Child processes of the one-machine stack: started in a session of their own, their output prefixed, stopped whole.

Not honcho: it ends all processes at once, and an answer that is being saved while the stack stops needs the engine
and the database a moment longer than the API.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_WIDTH = len("postgres")
_COLOURS = {"stack": 1, "postgres": 36, "engine": 35, "backend": 32, "webapp": 34, "build": 33}  # ANSI


class Console:
    """One line of output at a time, each with the name of the process that said it."""

    def __init__(self) -> None:
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.last_line: dict[str, str] = {}

    def line(self, name: str, text: str) -> None:
        if text.strip():
            self.last_line[name] = text.strip()
        prefix = f"{name:<{_WIDTH}} | "
        if self._coloured:
            prefix = f"\033[{_COLOURS[name]}m{prefix}\033[0m"
        # A terminal that is gone must not keep the stack from stopping in order.
        with contextlib.suppress(BrokenPipeError, OSError):
            sys.stdout.write(f"{prefix}{text}\n")
            sys.stdout.flush()

    def pipe(self, name: str) -> tuple[int, asyncio.Task[None]]:
        """A descriptor to give to a process as its output (and then to close here), and the task that prints it."""
        reading, writing = os.pipe()
        return writing, asyncio.create_task(self._print(name, reading))

    async def _print(self, name: str, descriptor: int) -> None:
        reader = asyncio.StreamReader()
        with os.fdopen(descriptor, "rb") as pipe:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), pipe
            )
            rest = b""
            while chunk := await reader.read(65_536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self.line(name, line.decode(errors="replace").rstrip("\r"))
            if rest:
                self.line(name, rest.decode(errors="replace"))
            transport.close()


@dataclass
class Children:
    """The processes of one stack, in the order in which they were started.

    `record` is a file that names them, so that the next start can end what a killed launcher left behind;
    `grace` are the seconds from SIGTERM to SIGKILL.
    """

    console: Console
    record: Path
    grace: float = 5.0
    _running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _printing: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path
    ) -> None:
        output, printing = self.console.pipe(name)
        try:
            self._running[name] = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=cwd,
                start_new_session=True,
            )
        finally:
            os.close(output)
        self._printing.append(printing)
        self._write_record()

    async def run_to_end(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path
    ) -> int:
        """For a step of the start; answers its exit code."""
        await self.start(name, command, environment, cwd)
        code = await self.ended(name)
        del self._running[name]
        return code

    async def ended(self, name: str) -> int:
        """Waits for the process to end and answers its exit code."""
        return await self._running[name].wait()

    async def stop_all(self) -> None:
        """The last one started first, each with what it has started itself. Leaves nothing running."""
        for process in reversed(list(self._running.values())):
            await self._stop(process)
        if self._printing:
            # Bounded: a process that left the session may still hold the other end of a pipe.
            await asyncio.wait(self._printing, timeout=1)
        self.record.unlink(missing_ok=True)

    def kill_all(self) -> None:
        """Without asking, and in no order."""
        for process in self._running.values():
            _kill_session(process.pid)

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), self.grace)
        _kill_session(process.pid)
        await process.wait()

    def _write_record(self) -> None:
        entries = []
        for name, process in self._running.items():
            with contextlib.suppress(psutil.NoSuchProcess):
                started = psutil.Process(process.pid).create_time()
                entries.append({"name": name, "pid": process.pid, "started": started})
        self.record.write_text(json.dumps(entries))

    async def end_leftovers(self) -> None:
        """Ends what a launcher that was killed has left running. Only for the one launcher of a data directory."""
        try:
            entries = json.loads(self.record.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return
        for entry in entries:
            try:
                process = psutil.Process(entry["pid"])
                if process.create_time() != entry["started"]:
                    continue  # the number has gone to another process
                self.console.line("stack", f"ending {entry['name']} of a stack that was killed")
                process.terminate()
                await asyncio.to_thread(process.wait, self.grace)
            except psutil.NoSuchProcess:
                pass
            except psutil.TimeoutExpired:
                _kill_session(entry["pid"])
        self.record.unlink(missing_ok=True)


def _kill_session(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
