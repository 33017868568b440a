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


class NotReplaced(Exception):
    """Everything is as it was. The text is one line for a person."""


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
    `grace` are the seconds from the signal to SIGKILL; `hasty` names those that take their time on SIGTERM, and the
    signal on which they do not: at the end of all nobody is there to take over.
    """

    console: Console
    record: Path
    grace: float = 5.0
    hasty: Mapping[str, signal.Signals] = field(default_factory=dict)
    _running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _leaving: dict[asyncio.subprocess.Process, str] = field(default_factory=dict)
    _printing: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        *,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._running[name] = await self._spawn(name, command, environment, cwd, pass_fds)
        self._write_record()

    async def replace(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        *,
        pass_fds: Sequence[int],
        ready_within: float,
    ) -> asyncio.subprocess.Process:
        """Starts another process of that name, which serves beside the first once it is ready; answers the first.

        The command gets ``--ready-fd``, a descriptor on which it says so. Raises NotReplaced; the first is as it was.
        """
        reading, writing = os.pipe()
        try:
            process = await self._spawn(
                name,
                [*command, "--ready-fd", str(writing)],
                environment,
                cwd,
                [*pass_fds, writing],
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._leaving[process] = name  # for as long as it may have to be stopped
        self._write_record()
        if not await _said_something(reading, ready_within):
            await self._stop(process)
            self._forget(process)
            raise NotReplaced(f"the new {name} was not ready: its lines above say why; the old one serves on")
        del self._leaving[process]
        former, self._running[name] = self._running[name], process
        self._leaving[former] = name
        self._write_record()
        return former

    async def retire(self, process: asyncio.subprocess.Process, patience: float) -> None:
        """SIGTERM for one that was replaced; after so many seconds it is killed."""
        await self._stop(process, signal.SIGTERM, patience)
        self._forget(process)

    async def run_to_end(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path
    ) -> int:
        """For a step of the start; answers its exit code."""
        await self.start(name, command, environment, cwd)
        code = await self.ended(name)
        del self._running[name]
        return code

    async def ended(self, name: str) -> int:
        """Waits for the process to end and answers its exit code; one that was replaced may."""
        while True:
            process = self._running[name]
            code = await process.wait()
            if self._running.get(name) is process:
                return code

    async def stop_all(self) -> None:
        """The last one started first, each with what it has started itself. Leaves nothing running."""
        leaving = [self._stop(process, signal.SIGINT) for process in self._leaving]
        await asyncio.gather(*leaving)
        for name, process in reversed(list(self._running.items())):
            await self._stop(process, self.hasty.get(name, signal.SIGTERM))
        if self._printing:
            # Bounded: a process that left the session may still hold the other end of a pipe.
            await asyncio.wait(self._printing, timeout=1)
        self.record.unlink(missing_ok=True)

    def kill_all(self) -> None:
        """Without asking, and in no order."""
        for process in [*self._running.values(), *self._leaving]:
            _kill_session(process.pid)

    async def _spawn(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        pass_fds: Sequence[int],
    ) -> asyncio.subprocess.Process:
        output, printing = self.console.pipe(name)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=cwd,
                start_new_session=True,
                pass_fds=pass_fds,
            )
        finally:
            os.close(output)
        self._printing.append(printing)
        return process

    async def _stop(
        self,
        process: asyncio.subprocess.Process,
        how: signal.Signals = signal.SIGTERM,
        patience: float | None = None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), self.grace if patience is None else patience)
        _kill_session(process.pid)
        await process.wait()

    def _forget(self, process: asyncio.subprocess.Process) -> None:
        self._leaving.pop(process, None)
        self._write_record()

    def _write_record(self) -> None:
        entries = []
        running = list(self._running.items())
        leaving = [(name, process) for process, name in self._leaving.items()]
        for name, process in running + leaving:
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


async def _said_something(descriptor: int, within: float) -> bool:
    """Whether there was a line on a pipe in time, before it ended; closes it."""
    reader = asyncio.StreamReader()
    with os.fdopen(descriptor, "rb") as pipe:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            async with asyncio.timeout(within):
                return bool(await reader.readline())
        except TimeoutError:
            return False
        finally:
            transport.close()


def _kill_session(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
