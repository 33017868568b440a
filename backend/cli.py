"""The command `chat-sessions`: what the Makefile, the containers and an operator call."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict
from pathlib import Path  # noqa: TC003  typer reads it
from typing import Annotated

import typer

from backend import control, stack
from backend import doctor as checks
from backend.backup import BackupError
from backend.backup import backup as write_backup
from backend.backup import restore as restore_backup
from backend.development_token import TokenRefused, token_of
from backend.embedded_postgres import EmbeddedPostgresError
from backend.installation import ADMIN_SECRET, Installation, InstallationError
from backend.metadata_export import ExportFailed, export_metadata
from backend.migrations import MigrationError, expected_version
from backend.migrations import migrate as apply_migrations
from backend.reachable_database import to_restore, to_save

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Named chat sessions over Hasura and PostgreSQL."
)

_COLOURS = {"ok": "green", "note": "yellow", "wrong": "red"}


@app.callback()
def quiet_libraries() -> None:
    logging.getLogger("yoyo").setLevel(logging.WARNING)


@app.command()
def up() -> None:
    """Run the whole stack on this machine, in the foreground, until Ctrl-C."""
    raise typer.Exit(stack.up())


@app.command()
def restart(name: Annotated[str, typer.Argument(help="engine or backend.")]) -> None:
    """Replace a process of the stack that runs here, while it serves: nobody is refused, nothing is cut off."""
    try:
        for said in control.request(Installation().data_dir, name):
            typer.echo(said)
    except (InstallationError, control.Refused) as error:
        raise _failure(error) from None


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date (CHAT_DATABASE_URL, else the database of this installation)."""
    try:
        applied = apply_migrations(Installation().database_url)
    except (InstallationError, MigrationError) as error:
        raise _failure(error) from None
    for name in applied:
        typer.echo(f"applied {name}")
    typer.echo(f"the schema is at {expected_version()}")


@app.command()
def token(username: Annotated[str, typer.Argument(help="Who the token is for.")]) -> None:
    """Print an access token of a user, without a password: for development on this machine."""
    try:
        made = token_of(Installation(), username)
    except (InstallationError, TokenRefused) as error:
        raise _failure(error) from None
    typer.echo(made.warning, err=True)
    typer.echo(made.token)


@app.command()
def admin_secret() -> None:
    """Print the admin secret of this installation, with which one signs in to the console."""
    try:
        secret = Installation().environment.get(ADMIN_SECRET)
    except InstallationError as error:
        raise _failure(error) from None
    if not secret:
        raise _failure(
            InstallationError(f"there is no {ADMIN_SECRET} yet: start the stack once with `make up`")
        )
    typer.echo(secret)


@app.command("export-metadata")
def export_metadata_files() -> None:
    """Bring what was changed in a console into the files of hasura/metadata, which a start applies."""
    try:
        done = export_metadata(Installation())
    except (InstallationError, ExportFailed, OSError) as error:
        raise _failure(error) from None
    typer.echo("\n".join(done) or "the files are up to date")


@app.command()
def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Recount the sessions whose counters have drifted.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program: one JSON object.")] = False,
) -> None:
    """Look for what is wrong with the database, the permissions and the services; exit code 1 when something is."""
    try:
        findings = asyncio.run(_examined(repair=repair, quiet=as_json))
    except InstallationError as error:
        raise _failure(error) from None
    healthy = all(finding.level != "wrong" for finding in findings)
    if as_json:
        typer.echo(
            json.dumps({"ok": healthy, "findings": [asdict(finding) for finding in findings]}, indent=2)
        )
    raise typer.Exit(0 if healthy else 1)


async def _examined(*, repair: bool, quiet: bool) -> list[checks.Finding]:
    """Each is shown as soon as it is known, unless `quiet`."""
    findings = []
    async for finding in checks.examine(
        Installation(), (lambda _: None) if quiet else _progress, repair=repair
    ):
        findings.append(finding)
        if not quiet:
            mark = typer.style(f"{finding.level:5}", fg=_COLOURS[finding.level])
            typer.echo("\n         ".join([f"{mark}  {finding.subject}: {finding.text}", *finding.details]))
    return findings


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file when it is there.")] = False,
) -> None:
    """Save the whole database in one compressed file, while everything runs."""
    if file.exists() and not force:
        raise _failure(BackupError(f"{file} is there already: --force replaces it"))
    try:
        with to_save(Installation()) as url:
            made = write_backup(url, file, _progress)
    except (InstallationError, EmbeddedPostgresError, BackupError, OSError) as error:
        raise _failure(error) from None
    typer.echo(
        f"{file}: {sum(made.rows.values()):,} rows in {len(made.rows)} tables, schema {made.schema_version}"
    )


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `chat-sessions backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace everything that is in the database.")
    ] = False,
) -> None:
    """Bring a backup back into the database, all or nothing. The stack must be stopped."""
    try:
        with to_restore(Installation()) as url:
            restored = restore_backup(url, file, _progress, replace=force)
            applied = apply_migrations(url)
    except (InstallationError, EmbeddedPostgresError, BackupError, MigrationError, OSError) as error:
        raise _failure(error) from None
    for name in applied:
        typer.echo(f"applied {name}")
    typer.echo(f"restored and counted: {sum(restored.rows.values()):,} rows in {len(restored.rows)} tables")


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _failure(error: Exception) -> typer.Exit:
    typer.echo(f"chat-sessions: {error}", err=True)
    return typer.Exit(1)


if __name__ == "__main__":
    app()
