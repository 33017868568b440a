"""Prometheus, its alerts and Grafana, as the compose deployment has them: what can be said of them without Docker."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from tests.compose.test_compose import COMPOSE, OBSERVABILITY, ROOT, SERVICES, environment
from tests.conftest import free_port, tool

FOLDER = ROOT / "observability"
CONFIG: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text())
BOARD: dict[str, Any] = json.loads((FOLDER / "grafana" / "dashboards" / "chat-sessions.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
TOKEN_FILE = "/run/metrics-token"


def mounts(service: str) -> dict[str, str]:
    """Where a file or folder of this repository is inside."""
    pairs = [mount.split(":")[:2] for mount in SERVICES[service]["volumes"]]
    return {target: source for source, target in pairs if source.startswith("./")}


def test_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    """As it is, but for the one file that the compose deployment makes."""
    shutil.copytree(FOLDER / "prometheus", tmp_path, dirs_exist_ok=True)
    config = tmp_path / "prometheus.yml"
    (tmp_path / "token").write_text("a token\n")
    config.write_text(config.read_text().replace(TOKEN_FILE, str(tmp_path / "token")))
    checked = subprocess.run(
        [tool("promtool"), "check", "config", str(config)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stdout


def test_prometheus_finds_each_container_of_a_service_and_has_its_token() -> None:
    jobs = {job["job_name"]: job for job in CONFIG["scrape_configs"]}
    for service, port in (("backend", environment("backend")["CHAT_API_PORT"]), ("webapp", "3000")):
        (found,) = jobs[service]["dns_sd_configs"]
        assert (found["names"], str(found["port"])) == ([service], port)
        assert environment(service)["CHAT_METRICS_TOKEN"] == "${CHAT_METRICS_TOKEN:-}"
        assert jobs[service]["authorization"] == {"credentials_file": TOKEN_FILE}
    assert SERVICES["prometheus"]["configs"] == [{"source": "metrics-token", "target": TOKEN_FILE}]
    assert COMPOSE["configs"]["metrics-token"]["content"] == "${CHAT_METRICS_TOKEN:-}\n"
    assert jobs["postgres"]["static_configs"] == [{"targets": ["postgres-exporter:9187"]}]
    assert mounts("prometheus") == {"/etc/prometheus": "./observability/prometheus"}


def test_nobody_else_sees_prometheus_and_grafana() -> None:
    """They ask nobody who looks."""
    for service in OBSERVABILITY:
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[service].get("ports", []))


def test_grafana_is_given_the_dashboard_and_where_prometheus_is() -> None:
    inside = mounts("grafana")
    for target, source in inside.items():
        assert (ROOT / source).is_dir(), target
    provisioning = ROOT / inside["/etc/grafana/provisioning"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    (folder,) = yaml.safe_load((provisioning / "dashboards" / "files.yml").read_text())["providers"]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == CONFIG["global"]["scrape_interval"]
    assert folder["options"]["path"] in inside
    used = {json.dumps(target["datasource"]) for panel in PANELS for target in panel["targets"]}
    assert used == {json.dumps({"type": source["type"], "uid": source["uid"]})}
    home = environment("grafana")["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder['options']['path']}/chat-sessions.json"


def test_the_gateway_keeps_the_metrics_inside(tmp_path: Path) -> None:
    """Caddy itself, with the compose deployment's file and another upstream."""
    text = COMPOSE["configs"]["gateway"]["content"]
    if shutil.which("caddy") is None:
        pytest.skip("no Caddy here")
    api, web = free_port(), free_port()
    for inside, port in (("8000", api), ("3000", web)):
        text = text.replace(f":{inside} {{", f":{port} {{\n  bind 127.0.0.1")
        text = re.sub(rf"dynamic a \w+ {inside} \{{[^}}]*\}}", f"to 127.0.0.1:{free_port()}", text)
    text = text.replace("lb_try_duration 5s", "lb_try_duration 0s")
    (tmp_path / "Caddyfile").write_text(text)
    caddy = subprocess.Popen(
        ["caddy", "run", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"],
        stderr=subprocess.DEVNULL,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    try:
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(transport=transport) as client:
            for port in (api, web):
                assert client.get(f"http://127.0.0.1:{port}/metrics").status_code == 404
                # forwarded, to nobody
                assert client.get(f"http://127.0.0.1:{port}/healthz").status_code == 502
    finally:
        caddy.terminate()
        caddy.wait(10)


#: Of Grafana's dashboard model, what a panel cannot do without.
#: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
SCHEMA = {
    "type": "object",
    "required": ["title", "uid", "schemaVersion", "panels", "time", "refresh", "templating", "annotations"],
    "properties": {
        "schemaVersion": {"type": "integer", "minimum": 39},
        "panels": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "type", "title", "gridPos"],
                "properties": {
                    "id": {"type": "integer"},
                    "type": {"enum": ["row", "timeseries", "stat"]},
                    "title": {"type": "string", "minLength": 1},
                    "gridPos": {
                        "type": "object",
                        "required": ["x", "y", "w", "h"],
                        "additionalProperties": {"type": "integer", "minimum": 0},
                    },
                    "targets": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["refId", "expr", "datasource", "legendFormat"],
                            "properties": {"expr": {"type": "string", "minLength": 1}},
                        },
                    },
                },
                "if": {"properties": {"type": {"const": "row"}}},
                "else": {"required": ["targets", "datasource", "fieldConfig", "options", "description"]},
            },
        },
    },
}


def test_the_dashboard_is_of_grafanas_form_and_nothing_lies_on_anything_else() -> None:
    jsonschema.validate(BOARD, SCHEMA)
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    taken: dict[tuple[int, int], str] = {}
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    for panel in PANELS:
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_the_dashboard_has_a_row_for_each_subject() -> None:
    rows = [panel["title"].split(" (")[0] for panel in BOARD["panels"] if panel["type"] == "row"]
    assert rows == [
        "At a glance",
        "Traffic",
        "Latency",
        "Errors",
        "Saturation",
        "Chats",
        "Engine",
        "PostgreSQL",
    ]
