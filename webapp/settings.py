"""What the environment tells the web UI."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Variables of the same names with the prefix ``CHAT_``, in upper case."""

    model_config = SettingsConfigDict(env_prefix="CHAT_", env_ignore_empty=True, extra="ignore")

    host: str = "127.0.0.1"
    web_port: int = Field(default=3000, ge=1, le=65535)
    api_url: str = "http://127.0.0.1:8000"
    graphql_url: str = "http://127.0.0.1:8081/v1/graphql"
    data_dir: Path = Path(".data")
    #: Where sign-ins are kept, else in a file; Reflex keeps its state there too (rxconfig.py).
    redis_url: SecretStr | None = None
    #: Comma-separated addresses and networks, in uvicorn's form.
    trusted_proxies: str = "127.0.0.1"
    metrics_token: SecretStr | None = Field(default=None, min_length=16)

    @property
    def logins_file(self) -> Path:
        """Who is signed in, without Redis. The launcher runs elsewhere, so a relative path starts at the root."""
        return ROOT / self.data_dir / "webapp" / "logins.sqlite3"
