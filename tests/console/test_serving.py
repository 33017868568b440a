"""How the engine hands out the console's files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.engine.conftest import ADMIN, running_engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A built console of three files."""
    built = tmp_path / "console"
    built.mkdir()
    (built / "index.html").write_text("<!doctype html>the page")
    (built / "main.abc.js").write_text("0")
    (built / "main.abc.js.gz").write_bytes(gzip.compress(b"0"))
    (tmp_path / "secret").write_text("not a part of it")
    return built


async def test_there_is_no_console_unless_it_is_enabled(database_url: str, folder: Path) -> None:
    async with running_engine(database_url, console_assets_dir=folder) as engine:
        for path in ("/", "/console", "/console/assets/main.abc.js"):
            assert (await engine.client.get(path)).status_code == 404


async def test_every_path_is_the_page_and_the_root_leads_to_it(database_url: str, folder: Path) -> None:
    async with running_engine(database_url, enable_console=True, console_assets_dir=folder) as engine:
        for path in ("/console", "/console/", "/console/permissions"):
            answer = await engine.client.get(path)
            assert (answer.status_code, answer.text) == (200, "<!doctype html>the page")
            assert answer.headers["cache-control"] == "no-cache"
        assert (await engine.client.get("/")).headers["location"] == "/console"

        config = await engine.client.get("/v1alpha1/config", headers=ADMIN)
        assert config.json()["console_assets_dir"] == str(folder)


async def test_nothing_of_elsewhere_is_let_in_and_no_frame_around_it(database_url: str, folder: Path) -> None:
    async with running_engine(database_url, enable_console=True, console_assets_dir=folder) as engine:
        headers = (await engine.client.get("/console")).headers
        encrypted = await engine.client.get("/console", headers={"x-forwarded-proto": "https"})
    assert "strict-transport-security" not in headers
    assert encrypted.headers["strict-transport-security"] == "max-age=31536000"
    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["worker-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


async def test_an_asset_is_kept_for_ever_and_comes_packed_to_who_takes_it(
    database_url: str, folder: Path
) -> None:
    async with running_engine(database_url, enable_console=True, console_assets_dir=folder) as engine:
        for encoding, packed in (("gzip, br", "gzip"), ("identity", None)):
            answer = await engine.client.get(
                "/console/assets/main.abc.js", headers={"accept-encoding": encoding}
            )
            assert answer.text == "0"
            assert answer.headers.get("content-encoding") == packed
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-type"].startswith("text/javascript")
            assert "accept-encoding" in answer.headers["vary"].lower()


@pytest.mark.parametrize(
    "name",
    ["absent.js", "..%2Fsecret", "%2e%2e/secret", "..", ".hidden", "main.abc.js.gz", "%00", "a" * 5000],
)
async def test_no_other_file_is_an_asset(database_url: str, folder: Path, name: str) -> None:
    async with running_engine(database_url, enable_console=True, console_assets_dir=folder) as engine:
        answer = await engine.client.get(f"/console/assets/{name}")
    assert "not a part of it" not in answer.text
    assert answer.status_code == 404 or answer.text == "<!doctype html>the page"


async def test_a_console_that_is_not_built_says_what_to_run(database_url: str, tmp_path: Path) -> None:
    async with running_engine(database_url, enable_console=True, console_assets_dir=tmp_path) as engine:
        answer = await engine.client.get("/console")
        assert answer.status_code == 503
        assert "make console" in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert (await engine.graphql("{ users { id } }")) == {"data": {"users": []}}
