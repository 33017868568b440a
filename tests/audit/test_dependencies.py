"""pip-audit and bun themselves, against advisory services of our own that know one hole each."""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.audit.advisories import Advisory, OutOfReach, of_python, of_scripts
from tests.audit.dependencies import ACCEPTED, PYTHON_LOCKS, SCRIPT_FOLDERS, read_accepted, report

TODAY = date(2026, 11, 21)
HOLE = Advisory("wheel 1.0", ("GHSA-1111-2222-3333", "CVE-2026-1"), "fixed in 1.1")


class AdvisoryService(BaseHTTPRequestHandler):
    """Speaks OSV's query and a JavaScript registry's bulk request; knows the names in `holes`."""

    holes: frozenset[str] = frozenset()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        asked = json.loads(body)
        answer = self._bulk(asked) if self.path.endswith("/bulk") else self._osv(asked)
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _osv(self, asked: dict[str, dict[str, str]]) -> dict[str, object]:
        name = asked["package"]["name"]
        if name not in self.holes:
            return {}
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}]
        affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]
        return {"vulns": [{"id": f"GHSA-{name}", "summary": "a hole", "affected": affected}]}

    def _bulk(self, asked: dict[str, object]) -> dict[str, object]:
        hole = {
            "id": 1,
            "url": "https://github.com/advisories/GHSA-script",
            "title": "a hole",
            "severity": "high",
            "vulnerable_versions": "<99.0.0",
        }
        return {name: [hole] for name in asked if name in self.holes}

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def service(*holes: str) -> Iterator[str]:
    handler = type("Knows", (AdvisoryService,), {"holes": frozenset(holes)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    file = tmp_path / "some.lock"
    file.write_text(f"fastapi==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    return file


def osv(url: str) -> tuple[str, ...]:
    return ("--vulnerability-service", "osv", "--osv-url", f"{url}/v1/query")


def test_a_known_hole_in_a_locked_package_is_found(locked: Path) -> None:
    with service("jinja2", "fastapi") as url:
        assert of_python([locked], osv(url)) == [
            Advisory("fastapi 1.0", ("GHSA-fastapi",), "fixed in 99.0"),
        ]


def test_a_lock_without_a_known_hole_is_in_order(locked: Path) -> None:
    with service("jinja2") as url:
        assert of_python([locked], osv(url)) == []


def test_a_service_that_knows_nothing_at_all_is_not_taken_for_good_news(locked: Path) -> None:
    with service() as url, pytest.raises(OutOfReach, match="no advisories"):
        of_python([locked], osv(url))


def test_a_service_that_is_away_is_said_without_its_address(locked: Path) -> None:
    with pytest.raises(OutOfReach) as caught:
        of_python([locked], osv("http://127.0.0.1:1"))
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("folder", SCRIPT_FOLDERS, ids=lambda each: each.name)
def test_the_locks_of_the_javascript_packages_are_read(folder: Path) -> None:
    with service("lodash", "react") as url:
        found = of_scripts(folder, os.environ | {"BUN_CONFIG_REGISTRY": url})
    assert Advisory("react <99.0.0", ("GHSA-script",), "a hole") in found


def test_a_registry_without_advisories_is_not_taken_for_good_news() -> None:
    with service() as url, pytest.raises(OutOfReach, match="no advisories"):
        of_scripts(SCRIPT_FOLDERS[0], os.environ | {"BUN_CONFIG_REGISTRY": url})


def test_what_is_accepted_counts_until_its_last_day() -> None:
    accepted = {"CVE-2026-1": TODAY}
    assert report("it", [lambda: [HOLE]], accepted, TODAY) == []
    assert report("it", [lambda: [HOLE]], accepted, date(2026, 11, 22)) == [HOLE]
    assert report("it", [lambda: [HOLE]], {"CVE-2026-2": TODAY}, TODAY) == [HOLE]


def test_the_next_service_is_asked_where_one_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    def away() -> list[Advisory]:
        raise OutOfReach("away")

    assert report("it", [away, lambda: [HOLE]], {}, TODAY) == [HOLE]
    assert report("it", [away], {}, TODAY) == []
    assert "NOT audited: no advisory service (away)" in capsys.readouterr().out


def test_an_exception_needs_its_reason_and_its_end(tmp_path: Path) -> None:
    read_accepted(ACCEPTED)
    for missing in ("until = 2027-01-31", 'reason = "it waits"'):
        file = tmp_path / "accepted.toml"
        file.write_text(f'[[advisory]]\nid = "CVE-1"\n{missing}\n')
        with pytest.raises(KeyError):
            read_accepted(file)


@pytest.mark.parametrize("lock", PYTHON_LOCKS, ids=lambda each: each.name)
def test_a_lock_file_names_no_registry(lock: Path) -> None:
    assert not re.search(r"https?://", lock.read_text())
