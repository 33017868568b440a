"""When the console is built, of what, and the checks of its sources."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hasura.console import build

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 330  # lines


def test_the_fingerprint_knows_contents_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    first, second = tmp_path / "a.ts", tmp_path / "b.ts"
    first.write_text("x")
    second.write_text("x")
    seen = {build.fingerprint(files) for files in ([], [first], [second], [first, second])}
    first.write_text("y")
    seen.add(build.fingerprint([first]))
    assert len(seen) == 5


def test_the_sources_are_those_of_the_page_and_the_lock() -> None:
    names = {str(file.relative_to(build.FOLDER)) for file in build.source_files()}
    assert {"index.html", "bun.lock", "src/main.tsx", "src/styles/base.css"} <= names
    assert not [name for name in names if "node_modules" in name or name.endswith(".test.ts")]


def test_what_is_built_is_not_built_again(built_console: None) -> None:
    again = subprocess.run(
        [sys.executable, "-m", "hasura.console.build"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert again.stdout == "console: up to date\n"


def test_the_page_names_files_that_are_there_and_nothing_of_elsewhere(built_console: None) -> None:
    page = (build.BUILT / "index.html").read_text()
    names = set(re.findall(r"/console/assets/([\w.-]+)", page))
    assert len(names) == 6
    assert all((build.BUILT / name).is_file() for name in names)
    assert not re.search(r"(src|href)=\"https?:", page)


def test_versions_are_pinned_and_the_lock_names_no_registry() -> None:
    packages = json.loads((build.FOLDER / "package.json").read_text())
    versions = {**packages["dependencies"], **packages["devDependencies"]}
    assert [name for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    assert "://" not in (build.FOLDER / "bun.lock").read_text()


def test_no_file_is_too_long_to_read() -> None:
    lengths = {
        str(file.relative_to(build.FOLDER)): len(file.read_text().splitlines())
        for file in (build.FOLDER / "src").rglob("*.ts*")
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_types_hold_and_the_model_passes_its_own_tests() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hasura.console.build", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
