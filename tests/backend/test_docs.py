"""The pages of docs/ cannot drift: every setting, route, event and kind of problem is on them, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from backend import errors
from backend.main import create_app
from backend.services import assistant_errors
from backend.settings import Settings, variable_of
from tests.backend.conftest import running, settings_for

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(settings_for("postgresql://", "http://127.0.0.1:1/"))


@pytest.fixture(scope="module")
def openapi(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def problems(base: type[errors.Problem] = errors.Problem) -> set[type[errors.Problem]]:
    return {base}.union(*(problems(each) for each in base.__subclasses__()))


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_described(field: str) -> None:
    assert f"`{variable_of(field)}`" in page("settings.md")


def test_every_default_is_the_real_one() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", page("settings.md"), re.MULTILINE))
    for field, info in Settings.model_fields.items():
        variable = variable_of(field)
        if variable in rows and isinstance(info.default, int | float | str):
            default = str(info.default).lower() if isinstance(info.default, bool) else str(info.default)
            assert rows[variable] == default, variable


def test_every_route_is_described_and_no_other(openapi: dict[str, Any]) -> None:
    served = {f"{method.upper()} {path}" for path, methods in openapi["paths"].items() for method in methods}
    described = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`?]*)`", page("api.md")))
    # The collection takes a creation too; it is out of OpenAPI so that clients are generated with one way.
    assert described == served | {"POST /api/chat/sessions"}


@pytest.mark.parametrize(
    "problem", sorted(problems(), key=lambda each: each.slug), ids=lambda each: each.slug
)
def test_every_kind_of_problem_is_described_with_its_status(problem: type[errors.Problem]) -> None:
    assert f"| `{problem.slug}` | {problem.status} |" in page("api.md")


def test_every_way_to_fail_of_the_assistant_is_described() -> None:
    for error in assistant_errors.AssistantError.__subclasses__():
        assert f"| `{error.kind}` | {error.status} |" in page("api.md")


def test_every_route_documents_its_errors_as_problem_details(openapi: dict[str, Any]) -> None:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            assert operation["tags"]
            assert operation["summary"]
            if path in ("/healthz", "/readyz"):
                continue
            assert {"503"} <= operation["responses"].keys(), f"{method} {path}"
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], (
                        f"{method} {path} {status}"
                    )


async def test_the_pages_of_the_api_load_nothing_from_elsewhere(app: FastAPI) -> None:
    async with running(app) as api:
        html = (await api.get("/docs")).text
        assert not re.findall(r"""(?:src|href)=["']https?://""", html)
        for asset in re.findall(r"""(?:src|href)=["'](/[^"']+)""", html):
            assert (await api.get(asset)).status_code == 200
        answer: httpx.Response = await api.get("/openapi.json")
    assert answer.json()["info"]["title"] == "chat-sessions"
