"""`chat-sessions backup` and `restore`: the whole database in one file, and back.

The file is a zip of two members: `database.dump` (pg_dump's custom format, compressed) and `manifest.json`, which says
how many rows each table has and what the dump's SHA-256 is. Dump and counts are of one moment: they share a snapshot.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import zipfile
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

import psycopg
from psycopg import sql
from pydantic import BaseModel, ValidationError

from backend.migrations import expected_version, schema_version
from backend.postgres_programs import ProgramError, Programs, Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_DUMP, _MANIFEST = "database.dump", "manifest.json"
_CHUNK = 1 << 20
_LOCK_TIMEOUT = "10s"
#: Sent by pg_restore of 17 and newer, unknown to older servers; it is off anyway.
_UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"

_TABLES = """
SELECT c.relname FROM pg_class AS c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
   AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e')
 ORDER BY c.relname
"""

# All that is ours in `public`. Not the schema itself: extensions live there that others have installed.
_DROP_ALL = """
DO $$
DECLARE
    statement text;
BEGIN
    -- All names before the first is dropped: they would be bare numbers after it.
    FOREACH statement IN ARRAY ARRAY(
        SELECT format('DROP %s IF EXISTS %s CASCADE',
                      CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                                     WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, c.oid::regclass)
          FROM pg_class AS c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass
                                                   AND deptype IN ('e', 'a', 'i'))
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) FROM pg_proc AS p
         WHERE p.pronamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND classid = 'pg_proc'::regclass
                                                   AND deptype = 'e')
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS %s CASCADE', t.oid::regtype) FROM pg_type AS t
         WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = t.oid AND classid = 'pg_type'::regclass
                                                   AND deptype = 'e'))
    LOOP
        EXECUTE statement;
    END LOOP;
END;
$$;
"""


class BackupError(Exception):
    """A backup cannot be made, read or restored. The text is one line for a person."""


class Manifest(BaseModel):
    schema_version: str
    server_version: str
    made_at: datetime
    rows: dict[str, int]
    sha256: str


def backup(database_url: str, file: Path, progress: Callable[[str], None]) -> Manifest:
    """Writes `file` (mode 0600), which is there whole or not at all. Raises BackupError and OSError."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as target:
            with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
                manifest = _dump(database_url, archive, progress)
                archive.writestr(_MANIFEST, manifest.model_dump_json(indent=2))
            target.flush()
            os.fsync(target.fileno())
        unfinished.rename(file)
    except (psycopg.Error, ProgramError) as error:
        raise BackupError(_line(error)) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return manifest


def _dump(database_url: str, archive: zipfile.ZipFile, progress: Callable[[str], None]) -> Manifest:
    with psycopg.connect(database_url, connect_timeout=10) as connection:
        programs = Programs.for_server(database_url, connection.info.server_version)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        version = schema_version(connection)
        if version is None:
            raise BackupError("this database was never migrated: there is nothing to back up")
        snapshot = connection.execute("SELECT pg_export_snapshot()").fetchone()
        if snapshot is None:
            raise AssertionError("unreachable: a function answers one row")
        rows = {}
        for table in _tables(connection):
            rows[table] = _count(connection, table)
            progress(f"{table}: {rows[table]:,} rows")
        options = ["--format=custom", "--schema=public", "--no-owner", "--no-privileges"]
        digest, written, said = hashlib.sha256(), 0, time.monotonic()
        with (
            programs.start("pg_dump", *options, f"--snapshot={snapshot[0]}") as running,
            archive.open(_DUMP, "w", force_zip64=True) as member,
        ):
            for part in _parts(running.output):
                digest.update(part)
                member.write(part)
                written += len(part)
                if time.monotonic() - said > 1:
                    said = time.monotonic()
                    progress(f"written: {_size(written)}")
            running.finish()
        progress(f"written: {_size(written)}, of {sum(rows.values()):,} rows")
        return Manifest(
            schema_version=version,
            server_version=connection.info.parameter_status("server_version") or "",
            made_at=datetime.now(UTC),
            rows=rows,
            sha256=digest.hexdigest(),
        )


def read_manifest(file: Path, progress: Callable[[str], None]) -> Manifest:
    """After the whole dump was read, and is what was written. Raises BackupError and OSError."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = Manifest.model_validate_json(archive.read(_MANIFEST))
            digest = hashlib.sha256()
            with archive.open(_DUMP) as dump:
                for part in _parts(dump):
                    digest.update(part)
    except (zipfile.BadZipFile, KeyError, ValidationError, EOFError) as error:
        raise BackupError(f"{file} is no whole backup: {_line(error)}") from error
    if digest.hexdigest() != manifest.sha256:
        raise BackupError(f"{file} is damaged: its checksum is another one")
    progress(f"checked: {file.name}, made {manifest.made_at:%Y-%m-%d %H:%M} UTC, is whole")
    return manifest


def restore(
    database_url: str, file: Path, progress: Callable[[str], None], *, replace: bool = False
) -> Manifest:
    """Replaces what is in the database, in one transaction that also counts the rows: all of it or nothing.

    Refuses a database that holds rows, unless `replace`. Raises BackupError and OSError.
    """
    manifest = read_manifest(file, progress)
    if manifest.schema_version > expected_version():
        raise BackupError(
            f"the backup's schema is {manifest.schema_version}, this version knows {expected_version()}: update first"
        )
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
            programs = Programs.for_server(database_url, connection.info.server_version)
            if not replace:
                _check_empty(connection)
        with zipfile.ZipFile(file) as archive, archive.open(_DUMP) as dump:
            size = archive.getinfo(_DUMP).file_size
            with (
                programs.start(
                    "pg_restore",
                    *("--schema=public", "--no-owner", "--no-privileges", "--file=-"),
                    connected=False,
                ) as script,
                programs.start("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1") as session,
            ):
                _run(script, session, _watched(_parts(dump), size, progress), manifest)
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
            progress("counting for the planner")
            connection.execute("ANALYZE")
    except (psycopg.Error, ProgramError) as error:
        raise BackupError(_line(error)) from error
    return manifest


def _run(script: Running, session: Running, dump: Iterator[bytes], manifest: Manifest) -> None:
    threading.Thread(target=_feed, args=(dump, script.input), daemon=True).start()
    try:
        session.input.write(
            f"BEGIN;\nSET lock_timeout = '{_LOCK_TIMEOUT}';\nSET search_path = '';\n{_DROP_ALL}\n".encode()
        )
        before_data = True
        for line in script.output:
            before_data = before_data and not line.startswith(b"CREATE ")
            if not (before_data and line == _UNKNOWN_BEFORE_17):
                session.input.write(line)
        script.finish()
        # Without this COMMIT, for whatever reason, everything stays as it was.
        session.input.write(f"\n{_verification(manifest)}\nCOMMIT;\n".encode())
        session.input.flush()
    except BrokenPipeError:
        raise session.failure() from None
    session.finish()


def _feed(dump: Iterator[bytes], target: IO[bytes]) -> None:
    try:
        for part in dump:
            target.write(part)
        target.close()
    except (BrokenPipeError, ValueError):
        pass  # it has ended: its exit code says why


def _verification(manifest: Manifest) -> str:
    checks = [
        sql.SQL(
            "SELECT count(*) INTO found FROM public.{table}; IF found <> {expected} THEN"
            " RAISE EXCEPTION 'table %: % rows instead of %', {name}, found, {expected}; END IF;"
        )
        .format(table=sql.Identifier(table), expected=sql.Literal(count), name=sql.Literal(table))
        .as_string()
        for table, count in manifest.rows.items()
    ]
    return "\n".join(["DO $verify$ DECLARE found bigint; BEGIN", *checks, "END; $verify$;"])


def _check_empty(connection: psycopg.Connection) -> None:
    for table in _tables(connection):
        if not table.startswith(("_yoyo", "yoyo")) and _holds_rows(connection, table):
            raise BackupError(
                f"this database is not empty ({table} has rows): --force replaces everything that is in it"
            )


def _tables(connection: psycopg.Connection) -> list[str]:
    return [row[0] for row in connection.execute(_TABLES).fetchall()]


def _holds_rows(connection: psycopg.Connection, table: str) -> bool:
    query = sql.SQL("SELECT FROM public.{} LIMIT 1").format(sql.Identifier(table))
    return connection.execute(query).fetchone() is not None


def _count(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(table))
    ).fetchone()
    return int(row[0]) if row else 0


def _parts(source: IO[bytes]) -> Iterator[bytes]:
    while part := source.read(_CHUNK):
        yield part


def _watched(parts: Iterator[bytes], size: int, progress: Callable[[str], None]) -> Iterator[bytes]:
    done, said = 0, time.monotonic()
    for part in parts:
        yield part
        done += len(part)
        if done == size or time.monotonic() - said > 1:
            said = time.monotonic()
            progress(f"restored: {100 * done // max(size, 1)} % of {_size(size)}")


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
