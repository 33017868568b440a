"""Ports, secrets and URLs: generated once, private, and an environment variable always wins."""

import json
import os
from pathlib import Path

import pytest

from backend import stack_environment
from backend.installation import Installation, InstallationError
from backend.settings import JwtSecret

SECRETS = {
    "HASURA_GRAPHQL_ADMIN_SECRET",
    "HASURA_GRAPHQL_JWT_SECRET",
    "CHAT_POSTGRES_PASSWORD",
    "CHAT_POSTGRES_SUPERUSER_PASSWORD",
}


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith(("CHAT_", "HASURA_GRAPHQL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CHAT_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def installation() -> Installation:
    made = Installation()
    made.create_secrets()
    return made


def test_secrets_are_made_once_and_for_the_owner_only(installation: Installation, data_dir: Path) -> None:
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert installation.secrets_file.stat().st_mode & 0o777 == 0o600
    before = installation.secrets_file.read_bytes()
    again = Installation()
    again.create_secrets()
    assert installation.secrets_file.read_bytes() == before
    assert {name: again.environment[name] for name in SECRETS} == {
        name: installation.environment[name] for name in SECRETS
    }


def test_each_secret_is_another_one_and_long(installation: Installation) -> None:
    values = {installation.environment[name] for name in SECRETS}
    assert len(values) == len(SECRETS)
    assert min(map(len, values)) >= 40


def test_the_generated_key_is_one_that_the_backend_accepts(installation: Installation) -> None:
    secret = JwtSecret.model_validate_json(installation.environment["HASURA_GRAPHQL_JWT_SECRET"])
    assert secret.type == "HS256"


def test_a_secret_of_the_environment_wins_and_is_not_written_down(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASURA_GRAPHQL_ADMIN_SECRET", "from outside")
    installation = Installation()
    installation.create_secrets()
    assert installation.environment["HASURA_GRAPHQL_ADMIN_SECRET"] == "from outside"
    assert "from outside" not in installation.secrets_file.read_text()


def test_what_a_person_adds_to_the_secrets_file_is_kept_and_used(installation: Installation) -> None:
    with installation.secrets_file.open("a") as file:
        file.write("CHAT_LLM_API_KEY=sk-$HOME\nCHAT_WEB_PORT=3100\n")
    again = Installation()
    again.create_secrets()
    assert again.environment["CHAT_LLM_API_KEY"] == "sk-$HOME"
    assert again.ports.web_port == 3100


def test_a_relative_data_directory_is_the_same_place_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_DATA_DIR", "some/where")
    here = Installation().data_dir
    monkeypatch.chdir(tmp_path)
    assert Installation().data_dir == here
    assert here.is_absolute()


@pytest.mark.parametrize("value", ["eight thousand", "0", "65536", "-1"])
def test_a_bad_port_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CHAT_API_PORT", value)
    with pytest.raises(InstallationError, match="CHAT_API_PORT is wrong") as error:
        Installation()
    assert "\n" not in str(error.value)


def test_another_database_is_used_by_all_and_needs_no_password_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "postgresql://someone:else@db.example/chat"
    monkeypatch.setenv("HASURA_GRAPHQL_DATABASE_URL", url)
    installation = Installation()
    installation.create_secrets()
    assert not installation.is_embedded
    assert not installation.database_is_local
    assert installation.database_url == url
    assert "CHAT_POSTGRES" not in installation.secrets_file.read_text()


def test_accounts_in_one_database_and_sessions_in_another_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAT_DATABASE_URL", "postgresql://someone:else@db.example/chat")
    with pytest.raises(InstallationError, match="HASURA_GRAPHQL_DATABASE_URL"):
        Installation()


def test_before_the_first_start_no_database_is_known() -> None:
    with pytest.raises(InstallationError, match="make up"):
        _ = Installation().database_url


def values_of(installation: Installation, names: set[str]) -> set[str]:
    return {installation.environment[name] for name in names}


def test_each_process_holds_only_the_secrets_that_it_needs(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.environment |= {"CHAT_LLM_API_KEY": "sk-of-the-model", "PGPASSWORD": "the-one-of-psql"}
    all_secrets = values_of(installation, SECRETS | {"CHAT_LLM_API_KEY", "PGPASSWORD"})

    def held(environment: dict[str, str]) -> set[str]:
        return {secret for secret in all_secrets if any(secret in value for value in environment.values())}

    owner = "CHAT_POSTGRES_PASSWORD"  # inside the database's URL
    assert held(stack_environment.engine(installation)) == values_of(
        installation, {"HASURA_GRAPHQL_ADMIN_SECRET", "HASURA_GRAPHQL_JWT_SECRET", owner}
    )
    assert held(stack_environment.backend(installation)) == values_of(
        installation, {"HASURA_GRAPHQL_JWT_SECRET", "CHAT_LLM_API_KEY", owner}
    )
    assert held(stack_environment.webapp(installation)) == set()


def test_the_engine_gets_what_hasura_understands_and_nothing_of_ours(installation: Installation) -> None:
    installation.environment["HASURA_GRAPHQL_UNAUTHORIZED_ROLE"] = "guest"
    environment = stack_environment.engine(installation)
    assert not [name for name in environment if name.startswith("CHAT_")]
    assert environment["HASURA_GRAPHQL_UNAUTHORIZED_ROLE"] == "guest"
    assert Path(environment["HASURA_GRAPHQL_METADATA_DIR"], "version.yaml").exists()
    assert json.loads(environment["HASURA_GRAPHQL_JWT_SECRET"])["type"] == "HS256"


def test_prometheus_has_one_token_for_all_three(installation: Installation) -> None:
    token = "a-long-enough-token"
    installation.environment["CHAT_METRICS_TOKEN"] = token
    assert stack_environment.backend(installation)["CHAT_METRICS_TOKEN"] == token
    assert stack_environment.webapp(installation)["CHAT_METRICS_TOKEN"] == token
    assert stack_environment.engine(installation)["HASURA_GRAPHQL_METRICS_SECRET"] == token
    installation.environment["HASURA_GRAPHQL_METRICS_SECRET"] = "another one of its own"
    assert stack_environment.engine(installation)["HASURA_GRAPHQL_METRICS_SECRET"] == "another one of its own"


def test_listening_everywhere_still_has_an_address_to_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_HOST", "0.0.0.0")  # noqa: S104
    installation = Installation()
    assert installation.graphql_url == "http://127.0.0.1:8081/v1/graphql"
    assert installation.api_url == "http://127.0.0.1:8000"
