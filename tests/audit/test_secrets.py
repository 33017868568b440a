"""The scan finds what it is for: every kind of secret that somebody could commit, planted in a file."""

from __future__ import annotations

import json
import secrets
import string
from pathlib import Path

import jwt
import pytest

from tests.audit.secrets import BASELINE, ROOT, scan, unaccepted


def some(count: int, letters: str = string.ascii_letters + string.digits) -> str:
    """Made while the test runs: none of them is in this file."""
    return "".join(secrets.choice(letters) for _ in range(count))


PLANTED = {
    "a private key": lambda: "-----BEGIN RSA " + "PRIVATE KEY-----\n" + some(64),
    "a password in a URL": lambda: f'url = "postgresql://chat:{some(20)}@db.internal/chat"',
    "a token of GitHub": lambda: f'x = "ghp_{some(36)}"',
    "a key of AWS": lambda: f"x = AKIA{some(16, string.ascii_uppercase)}",
    "a key of OpenAI": lambda: f'x = "sk-{some(20)}T3BlbkFJ{some(20)}"',
    "random hexadecimal": lambda: f'x = "{secrets.token_hex(32)}"',
    "random text": lambda: f'x = "{some(60)}"',
    "a token of ours": lambda: f'x = "{jwt.encode({"sub": some(8)}, some(32), "HS256")}"',
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_found_even_in_a_test(tmp_path: Path, kind: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "planted.py").write_text(f"# a file\n{PLANTED[kind]()}\n")
    found = [*unaccepted(scan(tmp_path, ["tests/planted.py"]), {"results": {}})]
    assert {(each.filename, each.line_number) for each in found} == {("tests/planted.py", 2)}


def test_a_password_in_the_code_is_found_where_it_is_no_test(tmp_path: Path) -> None:
    for folder in ("backend", "tests"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "settings.py").write_text('PASSWORD = "correct horse"\n')
    found = unaccepted(scan(tmp_path, ["backend/settings.py", "tests/settings.py"]), {"results": {}})
    assert [each.filename for each in found] == ["backend/settings.py"]


def test_what_was_accepted_stays_so_when_its_line_moves_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(f'x = "{secrets.token_hex(32)}"\n')
    accepted = {"results": {"a.py": [each.json() for each in scan(tmp_path, ["a.py"])["a.py"]]}}
    file.write_text("\n\n" + file.read_text())
    assert not [*unaccepted(scan(tmp_path, ["a.py"]), accepted)]
    file.write_text(file.read_text() + f'y = "{secrets.token_hex(32)}"\n')
    assert [each.line_number for each in unaccepted(scan(tmp_path, ["a.py"]), accepted)] == [4]


def test_what_the_baseline_accepts_was_looked_at() -> None:
    accepted = json.loads((ROOT / BASELINE).read_text(encoding="utf-8"))["results"]
    assert all(each["is_secret"] is False for found in accepted.values() for each in found)
