"""The lock files pin what pyproject.toml asks for, by hash, and name no registry."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WANTED = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-dev.lock": PROJECT["dependency-groups"]["dev"],
}


def normalised(requirement: str) -> str:
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", WANTED)
def test_every_dependency_is_pinned_by_hash(lock: str) -> None:
    pins = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text())[1:]
    assert {normalised(wanted) for wanted in WANTED[lock]} <= {normalised(pin) for pin in pins}, (
        "run `make lock`"
    )
    assert [pin for pin in pins if not re.match(r"\S+==\S+", pin) or "--hash=sha256:" not in pin] == []


@pytest.mark.parametrize("lock", WANTED)
def test_no_registry_is_named(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text()
    assert "index-url" not in (ROOT / lock).read_text()
