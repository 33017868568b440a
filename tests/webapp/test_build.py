"""When the web UI is built, and how it starts."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from webapp import __main__ as launcher
from webapp import build
from webapp.rxconfig import ignore_late_resizes, run_no_scripts, use_page_port

ROOT = Path(__file__).resolve().parents[2]


def test_the_fingerprint_knows_contents_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text("x")
    seen = {build.fingerprint([first])}
    second.write_text("x")
    seen |= {build.fingerprint([second]), build.fingerprint([first, second])}
    first.write_text("y")
    seen |= {build.fingerprint([first]), build.fingerprint([])}
    assert len(seen) == 5
    assert build.fingerprint([first]) in seen


def test_the_sources_are_those_of_the_pages() -> None:
    names = {str(file.relative_to(build.FOLDER)) for file in build.source_files()}
    assert {"app.py", "rxconfig.py", "state/chat_history.py", "assets/css/base.css"} <= names
    assert not [name for name in names if name.startswith(".web")]


@pytest.mark.parametrize("change", [use_page_port, ignore_late_resizes, run_no_scripts])
def test_a_changed_reflex_is_noticed_when_building(change: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match="has changed"):
        change("something else")


def test_a_taken_port_is_named_with_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launcher, "FOLDER", tmp_path)
    (tmp_path / ".web" / "build" / "client").mkdir(parents=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("CHAT_WEB_PORT", port)
        assert launcher.main() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert port in said
    assert "CHAT_WEB_PORT" in said


def test_what_is_not_built_says_how_to_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launcher, "FOLDER", tmp_path)
    assert launcher.main() == 1
    assert "python -m webapp.build" in capsys.readouterr().err


def test_a_logged_failure_holds_no_local_variable() -> None:
    script = (
        "import logging; from webapp.logs import configure_logs; configure_logs()\n"
        "def fail(token):\n    raise RuntimeError('told')\n"
        "try:\n    fail('a-secret-' + 'token')\nexcept RuntimeError:\n    logging.getLogger('x').exception('failed')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["event"] == "failed"
    assert "told" in line
    assert "a-secret-token" not in line


def test_the_service_worker_keeps_the_files_of_the_chat_pages_and_another_build_is_another_version(
    tmp_path: Path,
) -> None:
    def built(name: str) -> str:
        page = (
            f'<script src="/assets/{name}.js"></script><link href="/assets/x.css"><a href="/assets/gone.js">'
        )
        for path in (
            "chat/index.html",
            "404.html",
            "assets/manifest-1.js",
            f"assets/{name}.js",
            "assets/x.css",
        ):
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(page)
        (tmp_path / "sw.js").write_text((build.FOLDER / "assets" / "sw.js").read_text())
        build.fill_service_worker(tmp_path)
        return (tmp_path / "sw.js").read_text()

    first, second = built("a-1"), built("a-2")
    assert '["/favicon-unread.svg", "/favicon.svg", "/assets/a-1.js", "/assets/x.css"]' in first
    assert built("a-1") == first
    assert first.splitlines()[2].startswith("const VERSION = ")
    assert first.splitlines()[2] != second.splitlines()[2]
