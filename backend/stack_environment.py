"""What each process of the one-machine stack may know: no secret that it does not need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.installation import JWT_SECRET, ROOT

if TYPE_CHECKING:
    from backend.installation import Installation

_FOR_PROMETHEUS = "CHAT_METRICS_TOKEN"
# Ours, and PostgreSQL's client variables. What else the user has set (PATH, HOME, proxies …) every process gets.
_GIVEN_BY_NAME = ("CHAT_", "HASURA_GRAPHQL_", "PG")
#: Which variable says how long a process goes on with what it has begun, and its default here. Seconds.
_DRAINING = {
    "engine": ("HASURA_GRAPHQL_GRACEFUL_SHUTDOWN_TIMEOUT", "20"),
    "backend": ("CHAT_DRAIN_SECONDS", "20"),
}


def of(name: str, installation: Installation) -> dict[str, str]:
    """For the process of that name."""
    return {"engine": engine, "backend": backend, "webapp": webapp}[name](installation)


def drain_seconds(name: str, environment: dict[str, str]) -> float:
    """How long it may go on after SIGTERM."""
    variable, default = _DRAINING[name]
    return float(environment.get(variable) or default)


def engine(installation: Installation) -> dict[str, str]:
    """Hasura's variables and nothing of the rest; what the user has set of them wins."""
    ports = installation.ports
    token = installation.environment.get(_FOR_PROMETHEUS)
    defaults = {
        "HASURA_GRAPHQL_DATABASE_URL": installation.database_url,
        "HASURA_GRAPHQL_METADATA_DIR": str(ROOT / "hasura" / "metadata"),
        "HASURA_GRAPHQL_GRACEFUL_SHUTDOWN_TIMEOUT": _DRAINING["engine"][1],
        # A person watches: a line for each request would push the addresses off the screen.
        "HASURA_GRAPHQL_LOG_LEVEL": "warn",
        "HASURA_GRAPHQL_ENABLE_CONSOLE": "true",
    }
    address = {
        "HASURA_GRAPHQL_SERVER_HOST": ports.host,
        "HASURA_GRAPHQL_SERVER_PORT": str(ports.graphql_port),
    }
    if token:
        defaults["HASURA_GRAPHQL_METRICS_SECRET"] = token
    return _common(installation) | defaults | _starting_with(installation, "HASURA_GRAPHQL_") | address


def backend(installation: Installation) -> dict[str, str]:
    """The database for accounts, the key of the tokens, the model; no admin secret, no superuser."""
    chat = _starting_with(installation, "CHAT_")
    chat = {name: value for name, value in chat.items() if not name.startswith("CHAT_POSTGRES_")}
    return (
        _common(installation)
        | {"CHAT_LOG_LEVEL": "warning"}
        | chat
        | {
            "CHAT_HOST": installation.ports.host,
            "CHAT_API_PORT": str(installation.ports.api_port),
            "CHAT_DATABASE_URL": installation.database_url,
            "CHAT_GRAPHQL_URL": installation.graphql_url,
            JWT_SECRET: installation.environment[JWT_SECRET],
        }
    )


def webapp(installation: Installation) -> dict[str, str]:
    """Where to find the others, and no secret but Prometheus's: it has the tokens of those who are signed in."""
    token = installation.environment.get(_FOR_PROMETHEUS)
    metrics = {_FOR_PROMETHEUS: token} if token else {}
    return (
        _common(installation)
        | metrics
        | {
            "CHAT_HOST": installation.ports.host,
            "CHAT_WEB_PORT": str(installation.ports.web_port),
            "CHAT_API_URL": installation.api_url,
            "CHAT_GRAPHQL_URL": installation.graphql_url,
            "CHAT_DATA_DIR": str(installation.data_dir),
        }
    )


def _common(installation: Installation) -> dict[str, str]:
    others = {
        name: value for name, value in installation.environment.items() if not name.startswith(_GIVEN_BY_NAME)
    }
    sentry = installation.environment.get("CHAT_SENTRY_DSN")
    # Without it a child's output waits in a buffer, and the last lines of a crash are lost.
    return others | {"PYTHONUNBUFFERED": "1"} | ({"CHAT_SENTRY_DSN": sentry} if sentry else {})


def _starting_with(installation: Installation, prefix: str) -> dict[str, str]:
    return {name: value for name, value in installation.environment.items() if name.startswith(prefix)}
