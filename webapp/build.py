"""``python -m webapp.build``: compiles the web UI, when something that it is made of has changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
BUILT = FOLDER / ".web" / "build" / "client"
PACKAGES = FOLDER / "reflex.lock" / "package.json"
STAMP = FOLDER / ".web" / "built-from"
_ASSET = re.compile(r"/assets/[\w.$-]+\.(?:js|css)")


def main() -> int:
    sources = fingerprint(source_files())
    if BUILT.is_dir() and STAMP.is_file() and STAMP.read_text() == sources + fingerprint(lock_files()):
        print("web UI: up to date")
        return 0
    started = time.monotonic()
    print("web UI: building, about half a minute the first time …", flush=True)
    STAMP.unlink(missing_ok=True)
    # A development run that was killed leaves this behind, and Reflex would then ship the old pages.
    (FOLDER / ".web" / "nocompile").unlink(missing_ok=True)
    packages = PACKAGES.read_text() if PACKAGES.is_file() else ""
    if not _run_reflex() or not BUILT.is_dir():
        print("web UI: the build failed, the reason is above", file=sys.stderr)
        return 1
    fill_service_worker(BUILT)
    if packages and json.loads(packages) == json.loads(PACKAGES.read_text()):
        PACKAGES.write_text(packages)  # Reflex writes it anew in another layout: no change to commit
    # The sources as they were before the build, the lock as it is after: a build may complete it.
    STAMP.write_text(sources + fingerprint(lock_files()))
    print(f"web UI: built in {time.monotonic() - started:.0f} s")
    return 0


def fill_service_worker(built: Path) -> None:
    """Tells it which files the chat pages are made of: their names change with their content, its version with them."""
    starts = [built / "chat" / "index.html", built / "404.html", *(built / "assets").glob("manifest-*.js")]
    files = sorted(
        {
            name
            for start in starts
            for name in _ASSET.findall(start.read_text())
            if (built / name[1:]).is_file()
        }
    )
    pages = "".join(start.read_text() for start in starts)
    version = hashlib.sha256(pages.encode()).hexdigest()[:16]
    worker = built / "sw.js"
    text = worker.read_text().replace('"VERSION"', json.dumps(version))
    worker.write_text(text.replace('["FILES"]', json.dumps(["/favicon-unread.svg", "/favicon.svg", *files])))
    # Reflex has compressed the file as it was.
    worker.with_name("sw.js.gz").unlink(missing_ok=True)


def _run_reflex() -> bool:
    """Whether it succeeded. What it says is meant for its own users, so it is shown only after a failure."""
    building = subprocess.Popen(
        [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"],
        cwd=FOLDER,
        env=os.environ | reflex_environment() | tools(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while True:
        try:
            output, _ = building.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            print("web UI: still building …", flush=True)
        else:
            break
    if building.returncode != 0:
        print(output, file=sys.stderr)
    return building.returncode == 0


def fingerprint(files: Iterable[Path]) -> str:
    """Of these files, of Reflex itself, and of where this is: Reflex's build holds absolute paths."""
    digest = hashlib.sha256(f"{FOLDER} {metadata.version('reflex')}".encode())
    for file in files:
        digest.update(f"\0{file.relative_to(FOLDER)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def source_files() -> Iterator[Path]:
    """What a page is made of. The states count: a page knows their variables by name."""
    yield from sorted(file for file in FOLDER.rglob("*.py") if ".web" not in file.relative_to(FOLDER).parts)
    yield from sorted(file for file in (FOLDER / "assets").rglob("*") if file.is_file())


def lock_files() -> Iterator[Path]:
    """The versions of the JavaScript packages, as Reflex keeps them."""
    yield from sorted((FOLDER / "reflex.lock").glob("*"))


def reflex_environment() -> dict[str, str]:
    """Lets Reflex find the app, and keeps it to itself; for building and for serving."""
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "REFLEX_HTTP_CLIENT_BIND_ADDRESS": "0.0.0.0",  # noqa: S104  (a source address: any; nothing listens)
    }


def tools() -> dict[str, str]:
    """The JavaScript tools of this Python environment, instead of downloads."""
    scripts = sysconfig.get_path("scripts")
    return {
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
        "REFLEX_USE_SYSTEM_BUN": "1",
        "NPM_CONFIG_REGISTRY": _npm_registry(scripts),
    }


def _npm_registry(scripts: str) -> str:
    """What npm is configured with: Reflex would otherwise choose one of two by a race."""
    if configured := os.environ.get("NPM_CONFIG_REGISTRY"):
        return configured
    npm = Path(scripts) / "npm"
    asked = subprocess.run(  # noqa: S603
        [npm, "config", "get", "registry"],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return asked.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
