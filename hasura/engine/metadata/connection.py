"""How a source's database is reached: ``configuration.connection_info`` of its metadata.

Source: https://hasura.io/docs/2.0/api-reference/syntax-defs/#pgsourceconnectioninfo
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import psycopg.conninfo
from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping


#: what the Enterprise Edition can do besides
_ENTERPRISE = frozenset({"read_replicas", "connection_template", "connection_set"})


class UnusableConnectionError(Exception):
    """A source's metadata does not say where its database is, or how this engine could reach it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _FromEnvironment(_Part):
    from_env: str


class _Parameters(_Part):
    host: str
    port: int
    username: str
    password: str | None = None
    database: str


class _ConnectionParameters(_Part):
    connection_parameters: _Parameters


class PoolSettings(_Part):
    """Times are in seconds; None is the engine's own setting."""

    max_connections: int | None = Field(default=None, ge=1)
    idle_timeout: float | None = Field(default=None, gt=0)
    pool_timeout: float | None = Field(default=None, gt=0)
    connection_lifetime: float | None = Field(default=None, ge=0)


class _ConnectionInfo(_Part):
    database_url: str | _FromEnvironment | _ConnectionParameters
    pool_settings: PoolSettings | None = None
    use_prepared_statements: bool | None = None
    isolation_level: Literal["read-committed", "repeatable-read", "serializable"] | None = None
    ssl_configuration: Any = None


@dataclass(frozen=True, slots=True)
class Connection:
    """A database as libpq is told of it, and how many connections there may be, and for how long."""

    conninfo: str
    pool: PoolSettings
    #: whether the server may be asked to keep statements
    prepares: bool


def connection(source: Mapping[str, Any], environment: Mapping[str, str]) -> Connection:
    """The connection of a source of the metadata.

    Raises:
        UnusableConnectionError: it has none, or names an environment variable that is not set.
    """
    configuration = source.get("configuration") or {}
    beyond = sorted(_ENTERPRISE & configuration.keys())
    if beyond:
        raise UnusableConnectionError(f"{beyond[0]} is not supported by this engine")
    try:
        info = _ConnectionInfo.model_validate(configuration.get("connection_info"))
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, ("configuration", "connection_info", *first["loc"][:1])))
        raise UnusableConnectionError(f"{where}: {first['msg']}") from None
    if info.ssl_configuration is not None:
        raise UnusableConnectionError(
            "ssl_configuration is not supported by this engine: say sslmode, sslrootcert … in the database_url"
        )
    return Connection(
        _isolated(_conninfo(info, environment), info.isolation_level),
        info.pool_settings or PoolSettings(),
        info.use_prepared_statements is not False,
    )


def _conninfo(info: _ConnectionInfo, environment: Mapping[str, str]) -> str:
    match info.database_url:
        case str(url):
            return url
        case _FromEnvironment(from_env=name):
            if name not in environment:
                raise UnusableConnectionError(f"environment variable '{name}' not set")
            return environment[name]
        case _ConnectionParameters(connection_parameters=given):
            return psycopg.conninfo.make_conninfo(
                host=given.host,
                port=given.port,
                user=given.username,
                password=given.password,
                dbname=given.database,
            )


def _isolated(conninfo: str, level: str | None) -> str:
    """Read committed is PostgreSQL's own default, or the database's."""
    if level is None or level == "read-committed":
        return conninfo
    try:
        options = str(psycopg.conninfo.conninfo_to_dict(conninfo).get("options") or "")
        chosen = f"-c default_transaction_isolation={level.replace('-', chr(92) + ' ')}"
        return psycopg.conninfo.make_conninfo(conninfo, options=f"{options} {chosen}".strip())
    except psycopg.ProgrammingError:
        raise UnusableConnectionError("the database_url cannot be read") from None
