"""The environment of the engine: Hasura's own variables, with Hasura's defaults.

Source: https://hasura.io/docs/2.0/deployment/graphql-engine-flags/reference/
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .auth.jwt_config import JwtConfig


class Settings(BaseSettings):
    """One engine process. Intervals are in the unit that Hasura documents for the variable."""

    model_config = SettingsConfigDict(
        env_prefix="HASURA_GRAPHQL_", env_ignore_empty=True, populate_by_name=True, frozen=True
    )

    server_host: str = "*"
    server_port: int = Field(default=8080, ge=0, le=65535)

    database_url: str
    metadata_database_url: str | None = None
    #: A CLI project's ``metadata`` folder, applied at start, as the cli-migrations image does.
    metadata_dir: Path | None = None
    pg_connections: int = Field(default=50, ge=1)
    #: Seconds after which a pooled connection is replaced.
    pg_conn_lifetime: float = Field(default=600, gt=0)

    admin_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("HASURA_GRAPHQL_ADMIN_SECRET", "HASURA_GRAPHQL_ACCESS_KEY"),
    )
    jwt_secret: JwtConfig | None = None
    #: Who may read ``/v1/metrics``; without it, whoever asks from this machine.
    metrics_secret: SecretStr | None = Field(default=None, min_length=16)
    unauthorized_role: str | None = None

    enable_console: bool = False
    #: The folder of a built console; without it, where this project's build puts it.
    console_assets_dir: Path | None = None

    cors_domain: str = "*"
    disable_cors: bool = False
    ws_read_cookie: bool = False

    stringify_numeric_types: bool = False
    infer_function_permissions: bool = True
    enable_allowlist: bool = False

    #: Milliseconds between two polls of a live query whose tables cannot announce changes.
    live_queries_multiplexed_refetch_interval: int = Field(default=1000, ge=1)
    live_queries_multiplexed_batch_size: int = Field(default=100, ge=1)
    streaming_queries_multiplexed_refetch_interval: int = Field(default=1000, ge=1)
    streaming_queries_multiplexed_batch_size: int = Field(default=100, ge=1)

    #: Seconds.
    websocket_keepalive: float = Field(default=5, gt=0)
    #: Seconds.
    websocket_connection_init_timeout: float = Field(default=3, gt=0)
    close_websockets_on_metadata_change: bool = True

    #: Milliseconds between two looks at the stored metadata's version.
    schema_sync_poll_interval: int = Field(default=1000, ge=1)
    #: Seconds that running requests get at shutdown.
    graceful_shutdown_timeout: float = Field(default=60, ge=0)
    log_level: Literal["debug", "info", "warn", "error"] = "info"

    @model_validator(mode="after")
    def _secrets_belong_together(self) -> Settings:
        if self.admin_secret is None and self.jwt_secret is not None:
            raise ValueError("HASURA_GRAPHQL_JWT_SECRET requires HASURA_GRAPHQL_ADMIN_SECRET to be set")
        if self.admin_secret is None and self.unauthorized_role is not None:
            raise ValueError(
                "HASURA_GRAPHQL_UNAUTHORIZED_ROLE requires HASURA_GRAPHQL_ADMIN_SECRET to be set"
            )
        return self

    @property
    def metadata_url(self) -> str:
        """The database that keeps the metadata; the data's own unless another one is named."""
        return self.metadata_database_url or self.database_url
