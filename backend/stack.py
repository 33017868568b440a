"""`make up`: the whole stack on one machine, in the foreground, until Ctrl-C.

    PostgreSQL → migrations → engine, backend ┐
    web UI, built when it has changed ────────┴→ webapp → ready
    console, built when it has changed → served by the engine; without it the rest runs

It stops in the opposite order: whoever still has something to save finds the one it saves to.

The launcher holds the sockets on which engine and backend listen. So either can be followed by another of its kind,
newer perhaps, that shares the socket with it until it has ended: nobody is refused meanwhile (`restart`).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

import httpx
import psycopg

from backend import control, stack_environment
from backend.children import Children, Console, NotReplaced
from backend.embedded_postgres import EmbeddedPostgresError
from backend.installation import DATABASE, OWNER, OWNER_PASSWORD, ROOT, Installation, InstallationError
from backend.listening import listening
from backend.migrations import MigrationError, migrate
from backend.settings import SettingsError, load_settings

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

_HEALTHY_WITHIN = 120.0  # seconds
_PYTHON = sys.executable
#: The servers that can be replaced while they serve, and what they run.
_MODULES = {"engine": "hasura.engine", "backend": "backend"}
#: Seconds beyond its own time for what it has begun, after which one that was replaced is killed.
_PATIENCE = 15.0


class StackError(Exception):
    """The stack cannot start, or one of its processes has ended. The text is one line for a person."""


def up() -> int:
    """Runs the stack until SIGINT or SIGTERM and answers the exit code."""
    console = Console()
    try:
        installation = Installation()
        installation.create_secrets()
        _check_settings(installation)
        with _only_launcher(installation):
            asyncio.run(_Stack(installation, console).run())
    except (StackError, InstallationError, EmbeddedPostgresError, MigrationError) as error:
        console.line("stack", str(error))
        return 1
    except psycopg.Error as error:
        console.line("stack", f"PostgreSQL refused: {str(error).strip().splitlines()[-1]}")
        return 1
    except OSError as error:
        console.line("stack", f"{error.filename or 'CHAT_DATA_DIR'}: {error.strerror}")
        return 1
    return 0


class _Stack:
    def __init__(self, installation: Installation, console: Console) -> None:
        self._installation = installation
        self._console = console
        self._children = Children(
            console,
            installation.data_dir / "processes.json",
            hasty=dict.fromkeys(_MODULES, signal.SIGINT),
        )
        self._listeners: dict[str, socket.socket] = {}
        self._ready = asyncio.Event()
        self._restarting = asyncio.Lock()
        self._postgres_exits = contextlib.AsyncExitStack()
        self._started = time.monotonic()

    async def run(self) -> None:
        await self._children.end_leftovers()
        _check_ports(self._installation)
        work = asyncio.create_task(self._serve())
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(signum, self._interrupt, work)
        try:
            await work
        except asyncio.CancelledError:
            pass
        finally:
            self._say("stopping")
            await self._children.stop_all()
            await self._postgres_exits.aclose()
        self._say("stopped")

    def _interrupt(self, work: asyncio.Task[None]) -> None:
        if work.cancelling() or work.done():
            self._children.kill_all()  # asked a second time: no more patience
        else:
            work.cancel()

    async def _serve(self) -> None:
        installation = self._installation
        webapp = stack_environment.of("webapp", installation)
        building = asyncio.create_task(
            self._children.run_to_end("build", [_PYTHON, "-m", "webapp.build"], webapp, ROOT)
        )
        bundling = asyncio.create_task(
            self._children.run_to_end("console", [_PYTHON, "-m", "hasura.console.build"], webapp, ROOT)
        )
        database = await self._start_postgres() if installation.is_embedded else None
        applied = await asyncio.to_thread(migrate, installation.database_url)
        self._say(f"schema migrated: {', '.join(applied)}" if applied else "schema is up to date")

        await self._start_server("engine", "CHAT_GRAPHQL_PORT", installation.ports.graphql_port)
        await self._start_server("backend", "CHAT_API_PORT", installation.ports.api_port)
        if await building != 0:
            raise StackError("the web UI could not be built: the lines of `build` above say why")
        await self._children.start("webapp", [_PYTHON, "-m", "webapp"], webapp, ROOT)
        if await bundling != 0:
            self._say(
                "the console is missing: the lines of `console` above say why; `make console` tries again"
            )
        watched = [self._fail_when_ended(name) for name in ("engine", "backend", "webapp")]
        if database is not None:
            watched.append(self._fail_when_postgres_ended(database))
        async with control.serving(installation.data_dir, self._restart):
            await asyncio.gather(self._wait_until_ready(), *watched)

    async def _start_server(self, name: str, setting: str, port: int) -> None:
        try:
            listener = self._listeners[name] = listening(self._installation.ports.host, port)
        except OSError as error:
            raise _cannot_listen(setting, port, self._installation.ports.host, error) from error
        await self._children.start(
            name,
            self._command(name),
            stack_environment.of(name, self._installation),
            ROOT,
            pass_fds=[listener.fileno()],
        )

    def _command(self, name: str) -> list[str]:
        return [_PYTHON, "-m", _MODULES[name], "--fd", str(self._listeners[name].fileno())]

    async def _restart(self, name: str, say: Callable[[str], None]) -> None:
        """Another process of that name takes over, with the settings and the code of now. Raises control.Refused."""
        if name not in _MODULES:
            raise control.Refused(f"{name!r} cannot be restarted alone: {' or '.join(_MODULES)} can")
        if not self._ready.is_set():
            raise control.Refused("the stack is still starting")
        if self._restarting.locked():
            raise control.Refused("another restart is under way")
        async with self._restarting:
            try:
                environment = stack_environment.of(name, Installation())
            except InstallationError as error:
                raise control.Refused(str(error)) from error
            try:
                former = await self._children.replace(
                    name,
                    self._command(name),
                    environment,
                    ROOT,
                    pass_fds=[self._listeners[name].fileno()],
                    ready_within=_HEALTHY_WITHIN,
                )
            except NotReplaced as error:
                raise control.Refused(str(error)) from error
            say(f"a new {name} serves; the old one finishes what it has begun")
            await self._children.retire(
                former, stack_environment.drain_seconds(name, environment) + _PATIENCE
            )
            say(f"the old {name} has ended")

    async def _start_postgres(self) -> subprocess.Popen[bytes]:
        postgres = self._installation.postgres
        self._say("starting PostgreSQL" if postgres.data_dir.exists() else "making the database")
        output, printing = self._console.pipe("postgres")
        running = postgres.running(output=output)
        starting = asyncio.create_task(asyncio.to_thread(running.__enter__))

        async def stop() -> None:
            # Also when Ctrl-C came while it was starting: a thread cannot be cancelled.
            with contextlib.suppress(EmbeddedPostgresError):
                await starting
                await asyncio.to_thread(running.__exit__, None, None, None)
            await printing

        self._postgres_exits.push_async_callback(stop)
        starting.add_done_callback(lambda _: os.close(output))
        server = await asyncio.shield(starting)
        password = self._installation.environment[OWNER_PASSWORD]
        await asyncio.to_thread(postgres.ensure_database, DATABASE, OWNER, password)
        return server

    async def _fail_when_ended(self, name: str) -> None:
        code = await self._children.ended(name)
        raise self._death(name, code)

    async def _fail_when_postgres_ended(self, server: subprocess.Popen[bytes]) -> None:
        while server.poll() is None:  # noqa: ASYNC110  (a plain Popen tells nobody when it ends)
            await asyncio.sleep(0.5)
        raise self._death("postgres", server.returncode)

    def _death(self, name: str, code: int) -> StackError:
        if code < 0:  # no time for a last word: its last line was about something else
            return StackError(f"{name} was ended by {signal.Signals(-code).name}")
        last = self._console.last_line.get(name)
        return StackError(f"{name} ended with exit code {code}{f': {last}' if last else ''}")

    async def _wait_until_ready(self) -> None:
        installation, ports = self._installation, self._installation.ports
        graphql = f"http://{ports.address}:{ports.graphql_port}"
        api, web = f"http://{ports.address}:{ports.api_port}", f"http://{ports.address}:{ports.web_port}"
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            await asyncio.gather(
                self._wait_until_healthy(client, "engine", f"{graphql}/healthz"),
                self._wait_until_healthy(client, "backend", f"{api}/readyz"),
                self._wait_until_healthy(client, "webapp", f"{web}/ping"),
            )
        self._ready.set()
        self._say(f"ready after {time.monotonic() - self._started:.1f} s; Ctrl-C stops it")
        self._say(f"  web UI   {web}")
        self._say(f"  API      {api}/docs")
        self._say(f"  GraphQL  {graphql}/v1/graphql")
        self._say(f"  console  {graphql}/console, with the secret that `chat-sessions admin-secret` prints")
        self._say(f"  secrets  {installation.secrets_file}")

    async def _wait_until_healthy(self, client: httpx.AsyncClient, name: str, url: str) -> None:
        deadline = time.monotonic() + _HEALTHY_WITHIN
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(url)).is_success:
                    return
            await asyncio.sleep(0.1)
        raise StackError(f"{name} is not healthy after {_HEALTHY_WITHIN:.0f} s: {url} does not answer 200")

    def _say(self, text: str) -> None:
        self._console.line("stack", text)


@contextlib.contextmanager
def _only_launcher(installation: Installation) -> Iterator[None]:
    with (installation.data_dir / "stack.lock").open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise StackError(
                f"the stack already runs from {installation.data_dir}: stop it first, or give this one its own "
                "CHAT_DATA_DIR and ports"
            ) from cause
        yield


def _check_settings(installation: Installation) -> None:
    """What the backend would refuse is said before anything starts, not among the lines of the others."""
    try:
        load_settings(stack_environment.of("backend", installation))
    except SettingsError as error:
        raise StackError("; ".join(str(error).splitlines())) from None


def _check_ports(installation: Installation) -> None:
    ports = installation.ports
    settings = {
        "CHAT_WEB_PORT": ports.web_port,
        "CHAT_API_PORT": ports.api_port,
        "CHAT_GRAPHQL_PORT": ports.graphql_port,
    }
    if installation.is_embedded:
        settings["CHAT_POSTGRES_PORT"] = ports.postgres_port
    for setting, port in settings.items():
        twins = [other for other, taken in settings.items() if taken == port and other != setting]
        if twins:
            raise StackError(f"{setting} and {twins[0]} are both {port}: each needs a port of its own")
        host = ports.host
        if setting == "CHAT_POSTGRES_PORT":
            host = installation.postgres.host
            if (installation.postgres.data_dir / "postmaster.pid").exists():
                continue  # perhaps held by the server of a killed stack, which its next start ends
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as cause:
                raise _cannot_listen(setting, port, host, cause) from cause


def _cannot_listen(setting: str, port: int, host: str, cause: OSError) -> StackError:
    return StackError(
        f"port {port} on {host} cannot be used ({os.strerror(cause.errno or 0)}): "
        f"free it, or set {setting} to another"
    )
