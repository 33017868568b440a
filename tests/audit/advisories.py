"""Known holes in a lock file's packages, asked with pip-audit and `bun audit`; each service proves first that it knows.

A mirror of a registry often has no advisories: it answers 404 or an empty list to everything, which reads like
"nothing is known". So every service is first asked for a version whose hole is public since long.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 60  # a whole audit; one that takes longer counts as out of reach
_ANSWER_SECONDS = "5"
_KNOWN_PYTHON = "jinja2==2.4.1\n"  # CVE-2014-1402 and later ones
_KNOWN_SCRIPT = {"lodash": "4.17.4"}  # CVE-2018-3721 and later ones


@dataclass(frozen=True)
class Advisory:
    package: str
    ids: tuple[str, ...]
    #: what helps, or what it is about
    hint: str

    def __str__(self) -> str:
        return f"{self.package}: {', '.join(self.ids)} ({self.hint})"


class OutOfReach(Exception):
    """Nobody could be asked; the text says why, without an address."""


def of_python(locks: Sequence[Path], service: Sequence[str]) -> list[Advisory]:
    """`service` is pip-audit's options that choose one. Raises OutOfReach."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known.txt"
        known.write_text(_KNOWN_PYTHON)
        if not _pip_audit([known], service):
            raise OutOfReach("it has no advisories")
    return _pip_audit(locks, service)


def of_scripts(folder: Path, environment: Mapping[str, str]) -> list[Advisory]:
    """Of a folder with package.json and bun.lock. Raises OutOfReach."""
    with tempfile.TemporaryDirectory() as known:
        workspace = {"name": "known", "dependencies": _KNOWN_SCRIPT}
        packages = {name: [f"{name}@{version}", "", {}, ""] for name, version in _KNOWN_SCRIPT.items()}
        lock = {"lockfileVersion": 1, "workspaces": {"": workspace}, "packages": packages}
        (Path(known) / "package.json").write_text(json.dumps(workspace))
        (Path(known) / "bun.lock").write_text(json.dumps(lock))
        if not _bun_audit(Path(known), environment):
            raise OutOfReach("it has no advisories")
    return _bun_audit(folder, environment)


def _pip_audit(files: Sequence[Path], service: Sequence[str]) -> list[Advisory]:
    asked = [argument for file in files for argument in ("--requirement", str(file))]
    options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    answer = _run(
        [sys.executable, "-m", "pip_audit", *options, "--timeout", _ANSWER_SECONDS, *service, *asked],
        Path.cwd(),
        os.environ,
    )
    found = []
    for package in _json(answer)["dependencies"]:
        for hole in package.get("vulns", []):
            fixed = hole["fix_versions"]
            hint = f"fixed in {', '.join(fixed)}" if fixed else "no version without it yet"
            ids = (hole["id"], *hole["aliases"])
            found.append(Advisory(f"{package['name']} {package['version']}", ids, hint))
    return found


def _bun_audit(folder: Path, environment: Mapping[str, str]) -> list[Advisory]:
    bun = Path(sys.executable).parent / "bun"
    answer = _run([str(bun), "audit", "--json"], folder, environment)
    return [
        Advisory(f"{name} {hole['vulnerable_versions']}", (hole["url"].rpartition("/")[2],), hole["title"])
        for name, holes in _json(answer).items()
        for hole in holes
    ]


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    try:
        ended = subprocess.run(
            command,
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OutOfReach(f"no answer within {_SECONDS} s") from None
    if not ended.stdout.strip().startswith("{"):
        # Their own words name the address, which may be a company's.
        status = re.search(r" - (\d{3})\b", ended.stdout + ended.stderr)
        raise OutOfReach(f"HTTP {status[1]}" if status else "not reachable from here")
    return ended.stdout


def _json(text: str) -> dict[str, object]:
    try:
        read = json.loads(text)
    except json.JSONDecodeError:
        raise OutOfReach("its answer cannot be read") from None
    assert isinstance(read, dict)
    return read
