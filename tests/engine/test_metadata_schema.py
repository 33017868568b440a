"""The project's metadata against Hasura's own description of the metadata document."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hasura.engine.metadata.directory import load_metadata_directory
from tests.engine import library
from tests.engine.served import METADATA

#: Hasura's metadata.openapi.json (not part of the repository: it is Hasura's)
DESCRIPTION = Path(__file__).parents[2].parent / "shared" / "metadata.openapi.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    if not DESCRIPTION.exists():
        pytest.skip(f"Hasura's metadata.openapi.json is not at {DESCRIPTION}")
    components = json.loads(DESCRIPTION.read_text())["components"]
    return Draft202012Validator({"$ref": "#/components/schemas/MetadataV3", "components": components})


def problems(validator: Draft202012Validator, document: Any) -> list[str]:
    return [f"{problem.json_path}: {problem.message}" for problem in validator.iter_errors(document)]


def test_the_project_s_metadata_is_what_hasura_reads(validator: Draft202012Validator) -> None:
    assert problems(validator, load_metadata_directory(METADATA)) == []


def test_the_tests_own_metadata_is_what_hasura_reads(validator: Draft202012Validator) -> None:
    assert problems(validator, library.METADATA) == []


def _with(source: dict[str, Any], key: str) -> Any:
    """That part of the first table that has it."""
    return next(table[key] for table in source["tables"] if key in table)


@pytest.mark.parametrize(
    "break_",
    [
        lambda source: source.pop("name"),
        lambda source: source["tables"][0].pop("table"),
        lambda source: _with(source, "select_permissions")[0]["permission"].pop("filter"),
        lambda source: _with(source, "insert_permissions")[0].pop("role"),
        lambda source: source["tables"][0].update(select_permissions={}),
    ],
)
def test_the_description_does_refuse(validator: Draft202012Validator, break_: Any) -> None:
    document = load_metadata_directory(METADATA)
    break_(document["sources"][0])
    assert problems(validator, document)
