"""Whatever a shortcut, a command or a menu asks for, some component does."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "webapp" / "assets" / "js"
SCRIPTS = {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.rglob("*.js*")}


def found(pattern: str) -> set[str]:
    return {name for source in SCRIPTS.values() for name in re.findall(pattern, source)}


def test_every_action_that_is_asked_for_is_done_by_somebody() -> None:
    asked_for = found(r'\baction: "([a-z-]+)"') | found(r'\bact\("([a-z-]+)"')
    assert len(asked_for) > 15
    assert asked_for <= found(r'\buseAction\(\s*"([a-z-]+)"')


def test_no_two_shortcuts_have_the_same_keys() -> None:
    keys = re.findall(r"keys: (\[[^\]]*\])", SCRIPTS["comfort/shortcuts.js"])
    assert len(keys) == len(set(keys)) > 10
