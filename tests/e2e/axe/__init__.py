"""axe-core (npm), which finds what keeps people out: https://github.com/dequelabs/axe-core."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from webapp.build import tools

if TYPE_CHECKING:
    from playwright.async_api import Page

_SOURCES = Path(__file__).parent
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def install(folder: Path) -> str:
    """The program's text, at the version of the lock, kept in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "bun.lock"):
        shutil.copy(_SOURCES / name, folder)
    command = ["bun", "install", "--frozen-lockfile", "--no-progress"]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | tools(), check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"axe-core could not be installed: {done.stdout}{done.stderr}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


async def barriers(page: Page, axe: str, *, impacts: tuple[str, ...] = ("serious", "critical")) -> list[str]:
    """What the page has of these impacts: a line for each element."""
    await page.evaluate(f"() => {{ if (!window.axe) {{ {axe} }} }}")
    found = await page.evaluate(
        "async (tags) => (await axe.run(document, {runOnly: {type: 'tag', values: tags}})).violations", _RULES
    )
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]} — {' '.join(node['failureSummary'].split())[:240]}"
        for rule in found
        if rule["impact"] in impacts
        for node in rule["nodes"]
    ]
