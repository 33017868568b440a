"""The database of an installation for a command that needs it while the stack may be stopped."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import psycopg

from backend.installation import DATABASE, OWNER, OWNER_PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backend.installation import Installation


@contextmanager
def to_save(installation: Installation) -> Iterator[str]:
    """Its URL; the embedded one is started for as long as this lasts, unless it runs.

    Raises InstallationError and EmbeddedPostgresError.
    """
    url = installation.database_url
    if installation.is_embedded and not _answers(url):
        with _log(installation) as log, installation.postgres.running(output=log):
            yield url
    else:
        yield url


@contextmanager
def to_restore(installation: Installation) -> Iterator[str]:
    """Its URL; the embedded one is made when it is new, and belongs to nobody else for as long as this lasts.

    Raises InstallationError and EmbeddedPostgresError, also where the stack runs.
    """
    if not installation.is_embedded:
        yield installation.database_url
        return
    installation.create_secrets()
    with _log(installation) as log, installation.postgres.running(output=log):
        password = installation.environment[OWNER_PASSWORD]
        yield installation.postgres.ensure_database(DATABASE, OWNER, password)


def _log(installation: Installation) -> IO[bytes]:
    """Of the server while a command runs it: `postgres.log` in the data directory."""
    return (installation.data_dir / "postgres.log").open("wb")


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
