"""A wrong environment is said in one line a variable, without its value."""

from __future__ import annotations

import json
import os

import pytest

from backend.settings import SettingsError, load_settings

GOOD = {
    "CHAT_DATABASE_URL": "postgresql://chat:hidden@127.0.0.1/chat",
    "HASURA_GRAPHQL_JWT_SECRET": json.dumps({"type": "HS256", "key": "k" * 32}),
}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("CHAT_", "HASURA_")):
            monkeypatch.delenv(name)


def test_two_variables_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.host, settings.api_port) == ("127.0.0.1", 8000)
    assert str(settings.graphql_url) == "http://127.0.0.1:8081/v1/graphql"
    assert settings.cors_origins == []
    assert not settings.uses_model
    assert "hidden" not in repr(settings)
    assert "k" * 32 not in repr(settings)


WRONG = [
    ({"CHAT_DATABASE_URL": ""}, "CHAT_DATABASE_URL is missing"),
    ({"HASURA_GRAPHQL_JWT_SECRET": ""}, "HASURA_GRAPHQL_JWT_SECRET is missing"),
    ({"CHAT_API_PORT": "eighty"}, "CHAT_API_PORT is wrong: Input should be a valid integer"),
    ({"CHAT_API_PORT": "70000"}, "CHAT_API_PORT is wrong: Input should be less than or equal to 65535"),
    ({"HASURA_GRAPHQL_JWT_SECRET": "swordfish"}, "HASURA_GRAPHQL_JWT_SECRET is wrong: not JSON"),
    (
        {"HASURA_GRAPHQL_JWT_SECRET": '{"type":"RS256","key":"swordfish"}'},
        "HASURA_GRAPHQL_JWT_SECRET.type is wrong",
    ),
    (
        {"HASURA_GRAPHQL_JWT_SECRET": '{"type":"HS256","key":"swordfish"}'},
        "HASURA_GRAPHQL_JWT_SECRET is wrong: the key of HS256 must have at least 32 bytes",
    ),
    ({"CHAT_GRAPHQL_URL": "swordfish"}, "CHAT_GRAPHQL_URL is wrong"),
    ({"CHAT_LLM_BASE_URL": "http://127.0.0.1:11434/v1"}, "CHAT_LLM_MODEL is missing"),
    ({"CHAT_LLM_API_KEY": "swordfish"}, "CHAT_LLM_MODEL is missing"),
]


@pytest.mark.parametrize(("changes", "line"), WRONG)
def test_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], line: str) -> None:
    for name, value in (GOOD | changes).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert "swordfish" not in str(caught.value)


def test_origins_are_a_comma_separated_list(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (GOOD | {"CHAT_CORS_ORIGINS": "https://a.example, https://b.example"}).items():
        monkeypatch.setenv(name, value)
    assert load_settings().cors_origins == ["https://a.example", "https://b.example"]
