"""The backend's environment, typed; what is wrong with it is said in one line a variable."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SYSTEM_PROMPT = "You are a helpful assistant. Answer in the language of the question, in Markdown."


class JwtSecret(BaseModel):
    """``HASURA_GRAPHQL_JWT_SECRET``, in Hasura's JSON; keys that only a verifier needs are ignored.

    https://hasura.io/docs/2.0/auth/authentication/jwt/#hasura-jwt-configuration
    """

    type: Literal["HS256", "HS384", "HS512"]
    key: SecretStr
    claims_namespace: str = "https://hasura.io/jwt/claims"
    claims_format: Literal["json", "stringified_json"] = "json"
    issuer: str = "chat-sessions"
    audience: str | list[str] | None = None

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        # RFC 7518, 3.2: a key of at least the size of the hash.
        if len(self.key.get_secret_value().encode()) * 8 < int(self.type[2:]):
            raise ValueError(f"the key of {self.type} must have at least {int(self.type[2:]) // 8} bytes")
        return self


class Settings(BaseSettings):
    """Read from the environment: ``CHAT_`` and the field's name, or its alias; see docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix="CHAT_", extra="ignore", env_ignore_empty=True, validate_by_name=True
    )

    host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=0, le=65535)
    database_url: SecretStr
    graphql_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8081/v1/graphql")
    redis_url: SecretStr | None = None
    jwt_secret: Annotated[JwtSecret, NoDecode] = Field(validation_alias="HASURA_GRAPHQL_JWT_SECRET")
    cors_origins: Annotated[list[str], NoDecode] = []
    #: Comma-separated addresses and networks, in uvicorn's form.
    trusted_proxies: str = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_seconds: float = Field(20.0, ge=0, le=3600)
    accept_after_sigterm: float = Field(0.0, ge=0, le=600)
    metrics_token: SecretStr | None = Field(None, min_length=16)

    login_attempts: int = Field(10, ge=1)
    login_attempts_per_address: int = Field(100, ge=1)
    request_timeout: float = Field(30.0, gt=0, le=3600)
    messages_per_minute: int = Field(240, ge=1)
    sockets_per_user: int = Field(20, ge=1)
    limit_requests: int = Field(1200, ge=1)
    limit_searches: int = Field(120, ge=1)
    limit_exports: int = Field(20, ge=1)
    limit_imports: int = Field(20, ge=1)
    limit_refreshes: int = Field(3000, ge=1)
    limit_sockets: int = Field(3000, ge=1)
    limit_frames: int = Field(1200, ge=1)
    auto_titles: bool = True
    trash_days: int = Field(30, ge=1, le=36_500)
    audit_days: int = Field(365, ge=1, le=36_500)
    retention_max_days: int | None = Field(None, ge=1, le=36_500)

    llm_base_url: AnyHttpUrl | None = None
    llm_api_key: SecretStr | None = None
    llm_model: str | None = None
    llm_system_prompt: str = DEFAULT_SYSTEM_PROMPT
    llm_history_tokens: int = Field(4000, ge=0)
    llm_connect_timeout: float = Field(5.0, gt=0)
    llm_first_token_timeout: float = Field(60.0, gt=0)
    llm_token_timeout: float = Field(30.0, gt=0)
    llm_total_timeout: float = Field(300.0, gt=0, le=3600)
    llm_answer_chars: int = Field(50_000, ge=1, le=100_000)
    replies_at_once: int = Field(500, ge=1)
    replies_per_user: int = Field(4, ge=1)
    tokens_per_day: int | None = Field(None, ge=1)

    @field_validator("jwt_secret", mode="before")
    @classmethod
    def _of_json(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise ValueError('not JSON; expected like {"type":"HS256","key":"…"}') from None

    @field_validator("redis_url")
    @classmethod
    def _of_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(
            ("redis://", "rediss://", "unix://")
        ):
            raise ValueError("expected like redis://host:6379/0")
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _of_list(cls, value: Any) -> Any:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @model_validator(mode="after")
    def _model_is_named(self) -> Self:
        if self.uses_model and not self.llm_model:
            raise ValueError("CHAT_LLM_MODEL is missing: name the model that CHAT_LLM_BASE_URL serves")
        return self

    @property
    def uses_model(self) -> bool:
        """Whether a model is configured; else the built-in offline assistant answers."""
        return self.llm_base_url is not None or self.llm_api_key is not None


class SettingsError(Exception):
    """The environment is wrong; one line for each variable, without its value."""


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Of this process's environment, or of another process's `environment`. Raises SettingsError."""
    given = {
        field: value
        for field in Settings.model_fields
        if environment is not None and (value := environment.get(variable_of(field)))
    }
    try:
        return Settings(**given)  # type: ignore[arg-type]  # texts, which it reads as those of the environment
    except ValidationError as exc:
        raise SettingsError("\n".join(_line(error) for error in exc.errors(include_input=False))) from None


def variable_of(field: str) -> str:
    """The environment variable of a field of `Settings`."""
    alias = Settings.model_fields[field].validation_alias if field in Settings.model_fields else None
    return alias if isinstance(alias, str) else f"CHAT_{field.upper()}"


def _line(error: Any) -> str:
    message = "is missing" if error["type"] == "missing" else error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return str(message)
    name, *inner = (str(part) for part in error["loc"])
    variable = name if name.startswith("HASURA_") else variable_of(name)
    return " ".join(
        [".".join([variable, *inner]), message if message == "is missing" else f"is wrong: {message}"]
    )
