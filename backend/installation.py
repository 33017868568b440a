"""What this installation is: its ports, its data directory, its secrets and the URLs made of them.

For the commands and the one-machine stack. The services have settings of their own, and get what they need of
this through their environment.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, Field, ValidationError

from backend.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent
DATABASE, OWNER = "chat", "chat"

SUPERUSER_PASSWORD = "CHAT_POSTGRES_SUPERUSER_PASSWORD"  # noqa: S105
OWNER_PASSWORD = "CHAT_POSTGRES_PASSWORD"  # noqa: S105
ADMIN_SECRET = "HASURA_GRAPHQL_ADMIN_SECRET"  # noqa: S105
JWT_SECRET = "HASURA_GRAPHQL_JWT_SECRET"  # noqa: S105

_HEAD = """\
# The secrets of this installation, made by `make up`. Whoever has this file is its administrator.
# Further settings (CHAT_LLM_API_KEY, …) may be added. A variable of the environment wins over a line here.
"""


class InstallationError(Exception):
    """The settings do not fit together. The text is one line for a person."""


class Ports(BaseModel):
    """Each is the variable ``CHAT_`` and the field's name."""

    host: str = "127.0.0.1"
    web_port: int = Field(3000, ge=1, le=65535)
    api_port: int = Field(8000, ge=1, le=65535)
    graphql_port: int = Field(8081, ge=1, le=65535)
    postgres_port: int = Field(5433, ge=1, le=65535)

    @property
    def address(self) -> str:
        """Where this machine itself reaches what listens on `host`."""
        return "127.0.0.1" if self.host in {"0.0.0.0", "::", "*"} else self.host  # noqa: S104


class Installation:
    """`environment` holds every variable: the process's own, then those of the secrets file.

    Raises InstallationError.
    """

    def __init__(self) -> None:
        data_dir = Path(os.environ.get("CHAT_DATA_DIR") or ".data").expanduser()
        # Every process of the stack must find the same place, whatever its working directory is.
        self.data_dir = data_dir if data_dir.is_absolute() else ROOT / data_dir
        self.environment = _stored(self.secrets_file) | os.environ
        try:
            given = {name: self.environment.get(f"CHAT_{name.upper()}") for name in Ports.model_fields}
            self.ports = Ports.model_validate({name: value for name, value in given.items() if value})
        except ValidationError as cause:
            wrong = cause.errors(include_input=False)[0]
            raise InstallationError(
                f"CHAT_{str(wrong['loc'][0]).upper()} is wrong: {wrong['msg']}"
            ) from cause
        if self.is_embedded and self.environment.get("CHAT_DATABASE_URL"):
            # The engine would serve one database, the accounts would be in another.
            raise InstallationError("CHAT_DATABASE_URL is set without HASURA_GRAPHQL_DATABASE_URL: set both")
        if not self.is_embedded and not self.environment.get("CHAT_DATABASE_URL"):
            self.environment["CHAT_DATABASE_URL"] = self.environment["HASURA_GRAPHQL_DATABASE_URL"]

    @property
    def secrets_file(self) -> Path:
        return self.data_dir / "secrets.env"

    @property
    def is_embedded(self) -> bool:
        """Whether the database is ours to run: no other one is named."""
        return not self.environment.get("HASURA_GRAPHQL_DATABASE_URL")

    @property
    def postgres(self) -> EmbeddedPostgres:
        password = self.environment[SUPERUSER_PASSWORD]
        return EmbeddedPostgres(self.data_dir / "postgres", self.ports.postgres_port, password)

    @property
    def database_url(self) -> str:
        """For the accounts and the migrations. Raises InstallationError before the first start."""
        if url := self.environment.get("CHAT_DATABASE_URL"):
            return url
        if OWNER_PASSWORD not in self.environment:
            raise InstallationError(
                f"no database is known: {self.secrets_file} does not exist yet (start the stack once with `make up`) "
                "and CHAT_DATABASE_URL is not set"
            )
        return self.postgres.url(DATABASE, OWNER, self.environment[OWNER_PASSWORD])

    @property
    def graphql_url(self) -> str:
        given = self.environment.get("CHAT_GRAPHQL_URL")
        return given or f"http://{self.ports.address}:{self.ports.graphql_port}/v1/graphql"

    @property
    def api_url(self) -> str:
        return self.environment.get("CHAT_API_URL") or f"http://{self.ports.address}:{self.ports.api_port}"

    @property
    def database_is_local(self) -> bool:
        return urlsplit(self.database_url).hostname in {None, "127.0.0.1", "localhost", "::1"}

    def create_secrets(self) -> None:
        """Makes what is in neither the environment nor the file, and keeps it in the file (mode 0600)."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        wanted = {
            ADMIN_SECRET: secrets.token_urlsafe(32),
            JWT_SECRET: json.dumps({"type": "HS256", "key": secrets.token_urlsafe(48)}),
        }
        if self.is_embedded:
            wanted |= {name: secrets.token_urlsafe(32) for name in (SUPERUSER_PASSWORD, OWNER_PASSWORD)}
        missing = {name: value for name, value in wanted.items() if not self.environment.get(name)}
        if not missing:
            return
        kept = self.secrets_file.read_text() if self.secrets_file.exists() else _HEAD
        lines = [f"{name}='{value}'\n" for name, value in missing.items()]
        # Written beside and renamed: a kill half-way loses no secret, and no moment shows it to others.
        unfinished = self.secrets_file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines([kept, *lines])
        unfinished.rename(self.secrets_file)
        self.environment |= missing


def _stored(secrets_file: Path) -> dict[str, str]:
    try:
        values = dotenv_values(secrets_file, interpolate=False)
    except PermissionError as cause:
        raise InstallationError(
            f"{secrets_file} belongs to another user: start the stack as that user, or name another place in "
            "CHAT_DATA_DIR"
        ) from cause
    return {name: value for name, value in values.items() if value is not None}
