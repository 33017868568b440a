"""`python -m tests.audit.dependencies`: fails for a known hole in a locked package, and says when it could not ask."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from tests.audit.advisories import Advisory, OutOfReach, of_python, of_scripts

ROOT = Path(__file__).resolve().parents[2]
ACCEPTED = Path(__file__).with_name("accepted.toml")
PYTHON_LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-dev.lock")
SCRIPT_FOLDERS = (ROOT / "hasura" / "console", ROOT / "webapp" / "reflex.lock")

Ask = Callable[[], list[Advisory]]


def main() -> int:
    python = [partial(of_python, PYTHON_LOCKS, ("--vulnerability-service", name)) for name in ("osv", "pypi")]
    scripts = [
        (folder.relative_to(ROOT), partial(of_scripts, folder, os.environ)) for folder in SCRIPT_FOLDERS
    ]
    accepted = read_accepted(ACCEPTED)
    today = datetime.now(UTC).date()
    left = report("the Python packages", python, accepted, today)
    for folder, ask in scripts:
        left += report(f"the JavaScript packages of {folder}", [ask], accepted, today)
    return 1 if left else 0


def report(what: str, services: Sequence[Ask], accepted: dict[str, date], today: date) -> list[Advisory]:
    """Asks the first service that can be reached; prints what it says, and gives what is not accepted."""
    reasons = []
    for ask in services:
        try:
            found = ask()
        except OutOfReach as exc:
            reasons.append(str(exc))
            continue
        left = [hole for hole in found if not _is_accepted(hole.ids, accepted, today)]
        for hole in left:
            print(f"audit: {hole}", file=sys.stderr)
        print(f"audit: {what}: {len(left)} known holes, {len(found) - len(left)} accepted")
        return left
    print(f"audit: {what} were NOT audited: no advisory service ({'; '.join(reasons)})")
    return []


def read_accepted(file: Path) -> dict[str, date]:
    """The last day of each. Raises KeyError for one without `until` or `reason`."""
    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("advisory", [])
    return {entry["id"]: entry["until"] for entry in entries if entry["reason"]}


def _is_accepted(ids: Iterable[str], accepted: dict[str, date], today: date) -> bool:
    return any(name in accepted and today <= accepted[name] for name in ids)


if __name__ == "__main__":
    sys.exit(main())
