"""Hasura's own test cases, where they are present, against the embedded engine on a full PostgreSQL: `make cases`.

The cases are not part of the repository: `../shared/hasura-cases`, or the folder that HASURA_CASES names. PostgreSQL is
Debian's 15 with its contrib extensions. Further arguments go to the runner, e.g. `ARGS="--area run_sql -v"`.
"""

import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from backend.embedded_postgres import EmbeddedPostgres
from tests.conftest import DEBIAN_POSTGRES_15, free_port

ROOT = Path(__file__).parents[1]
_LAST = re.compile(r"^cases: (\d+)/(\d+) passed \(([\d.]+)%\)$", re.MULTILINE)
_EXACT = re.compile(r"^exact: (\d+)/", re.MULTILINE)
_LOCALE = "en_US.utf8"


def main() -> int:
    """Prints the runner's table and, last, `cases: P/T passed (X%), E exact`; 0 when it could run."""
    cases = Path(os.environ.get("HASURA_CASES") or ROOT.parent / "shared" / "hasura-cases")
    runner = cases / "run_cases.py"
    if not runner.exists():
        sys.exit(f"no cases in {cases}: name their folder in HASURA_CASES")
    if not (DEBIAN_POSTGRES_15 / "postgres").exists():
        sys.exit(f"no PostgreSQL 15 in {DEBIAN_POSTGRES_15} (Debian: apt install postgresql-15)")
    _ensure_locale()
    directory = Path(tempfile.mkdtemp(prefix="hasura-cases-"))
    cluster = EmbeddedPostgres(
        directory / "postgres",
        free_port(),
        secrets.token_hex(16),
        binaries=DEBIAN_POSTGRES_15,
        durable=False,
    )
    try:
        with (directory / "log").open("wb") as log, cluster.running(output=log):
            return _play(runner, cluster)
    finally:
        shutil.rmtree(directory)


def _ensure_locale() -> None:
    """Some cases order text as en_US does."""
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=True).stdout.split()
    if _LOCALE not in known and shutil.which("localedef") and os.geteuid() == 0:
        subprocess.run(["localedef", "-i", "en_US", "-f", "UTF-8", "en_US.UTF-8"], check=True)


def _play(runner: Path, cluster: EmbeddedPostgres) -> int:
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        for name in ("cases", "cases_1", "cases_2"):
            connection.execute(f"CREATE DATABASE {name}")
    url = cluster.url("cases")
    port = free_port()
    command = [
        sys.executable,
        str(runner),
        f"--serve-cmd={shlex.quote(sys.executable)} -m hasura.engine",
        f"--url=http://127.0.0.1:{port}",
        "--admin-secret=the admin secret of the cases",
        f"--database-url={url}",
        *sys.argv[1:],
    ]
    environment = {
        **os.environ,
        "HASURA_GRAPHQL_DATABASE_URL": url,
        "HASURA_GRAPHQL_PG_SOURCE_URL_1": cluster.url("cases_1"),
        "HASURA_GRAPHQL_PG_SOURCE_URL_2": cluster.url("cases_2"),
        "HASURA_GRAPHQL_SERVER_HOST": "127.0.0.1",
        "HASURA_GRAPHQL_SERVER_PORT": str(port),
        "HASURA_GRAPHQL_LOG_LEVEL": "error",
        "PYTHONPATH": str(ROOT),
    }
    result = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    last, exact = _LAST.search(result.stdout), _EXACT.search(result.stdout)
    sys.stdout.write(_LAST.sub("", result.stdout).rstrip("\n") + "\n")
    if last is None or exact is None:
        return result.returncode or 1
    sys.stdout.write(f"cases: {last[1]}/{last[2]} passed ({last[3]}%), {exact[1]} exact\n")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
