"""Changes of the metadata, brought into the files of a Hasura CLI project."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.metadata_export import ExportFailed, write
from hasura.engine.metadata.directory import load_metadata_directory
from tests.engine.conftest import ADMIN_SECRET, METADATA, running_engine

COMMAND = Path(sys.executable).with_name("chat-sessions")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of this project's metadata."""
    return Path(shutil.copytree(METADATA, tmp_path / "metadata"))


def files(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.yaml")}


async def export(port: int, project: Path, secret: str = ADMIN_SECRET) -> tuple[int | None, str]:
    """Exit code and output of the command."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "HASURA_"))}
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        "export-metadata",
        env=others
        | {
            "CHAT_DATA_DIR": str(project.parent),
            "CHAT_GRAPHQL_PORT": str(port),
            "HASURA_GRAPHQL_ADMIN_SECRET": secret,
            "HASURA_GRAPHQL_METADATA_DIR": str(project),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_what_a_console_changed_survives_the_next_start(database_url: str, project: Path) -> None:
    before = files(project)
    async with running_engine(database_url, metadata_dir=project) as engine:
        assert await export(engine.port, project) == (0, "the files are up to date\n")
        args = {"table": "users", "role": "auditor", "permission": {"columns": ["id"], "filter": {}}}
        answer = await engine.metadata(type="pg_create_select_permission", args=args)
        assert answer.status_code == 200, answer.text
        code, output = await export(engine.port, project)
        assert (code, output) == (0, "wrote databases/default/tables/public_users.yaml\n")
        changed = {name for name, text in files(project).items() if before[name] != text}
        assert changed == {"databases/default/tables/public_users.yaml"}
    async with running_engine(database_url, metadata_dir=project) as engine:
        headers = {"x-hasura-admin-secret": ADMIN_SECRET, "x-hasura-role": "auditor"}
        assert await engine.graphql("{ users { id } }", headers=headers) == {"data": {"users": []}}


async def test_a_wrong_secret_and_an_absent_engine_are_said(database_url: str, project: Path) -> None:
    async with running_engine(database_url) as engine:
        code, output = await export(engine.port, project, "not it")
        assert code == 1
        assert "refused" in output
        port = engine.port
    code, output = await export(port, project)
    assert code == 1
    assert "is the stack running" in output


def table(schema: str, name: str, **more: Any) -> dict[str, Any]:
    return {"table": {"schema": schema, "name": name}, **more}


SOURCE = {"name": "default", "kind": "postgres", "configuration": {"connection_info": {"database_url": "x"}}}


@pytest.mark.parametrize(
    "document",
    [
        {"version": 3, "sources": []},
        {
            "version": 3,
            "sources": [
                {**SOURCE, "tables": [table("public", "a_b"), table("public_a", "b"), table("x", "tables")]},
                {**SOURCE, "name": "../../over there", "tables": [table("a/b", "..")], "functions": []},
                {**SOURCE, "name": "no tables"},
            ],
        },
        {
            "version": 3,
            "sources": [{**SOURCE, "tables": [], "functions": [{"function": {"schema": "s", "name": "f"}}]}],
            "inherited_roles": [{"role_name": "ö", "role_set": ["a", "b"]}],
            "actions": [{"name": "act"}],
            "custom_types": {"objects": [{"name": "yes"}]},
            "api_limits": {"disabled": False},
        },
    ],
    ids=["nothing", "names that collide and names that are paths", "every kind of file"],
)
def test_the_files_stand_for_the_document(project: Path, document: dict[str, Any]) -> None:
    around = {*project.parent.iterdir()}
    write(document, project)
    assert load_metadata_directory(project) == document
    assert {*project.parent.iterdir()} == around
    assert write(document, project) == []


def test_what_is_not_known_is_refused_and_nothing_is_written(project: Path) -> None:
    before = files(project)
    with pytest.raises(ExportFailed, match="backend_configs"):
        write({"version": 3, "sources": [], "backend_configs": {"x": 1}}, project)
    assert files(project) == before


def test_files_are_written_as_hasuras_cli_writes_them(project: Path) -> None:
    name = "databases/default/tables/tables.yaml"
    before = (project / name).read_text()
    document = load_metadata_directory(project)
    (project / name).write_text("[]")
    write(document, project)
    assert (project / name).read_text() == before
    databases = (project / "databases" / "databases.yaml").read_text()
    assert yaml.safe_load(databases)[0]["tables"] == "!include default/tables/tables.yaml"
