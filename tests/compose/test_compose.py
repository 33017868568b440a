"""docker-compose.yml cannot be run everywhere, so it is compared with the code that reads what it sets."""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.installation import Ports
from backend.settings import Settings as BackendSettings
from backend.settings import variable_of
from webapp.settings import Settings as WebappSettings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = {
    name: value
    for name, _, value in (
        line.partition("=")
        for line in (ROOT / ".env.example").read_text().splitlines()
        if re.match(r"\w+=", line)
    )
}
SECRETS = {
    "CHAT_POSTGRES_SUPERUSER_PASSWORD",
    "CHAT_POSTGRES_PASSWORD",
    "HASURA_GRAPHQL_ADMIN_SECRET",
    "HASURA_GRAPHQL_JWT_SECRET",
}
OPTIONAL_SECRETS = {"CHAT_LLM_API_KEY", "CHAT_METRICS_TOKEN", "PGADMIN_DEFAULT_PASSWORD"}

# What Hasura documents and our engine need not read: the console, and what the cli-migrations image adds.
HASURA_ONLY = {
    "HASURA_GRAPHQL_ENABLED_LOG_TYPES",
    "HASURA_GRAPHQL_ENABLE_CONSOLE",
    "HASURA_GRAPHQL_CONSOLE_ASSETS_DIR",
    "HASURA_GRAPHQL_ENABLE_TELEMETRY",
    "HASURA_GRAPHQL_DEV_MODE",
}
OBSERVABILITY = {"prometheus", "postgres-exporter", "grafana", "jaeger"}
# Of every process of ours: telemetry/ reads them.
TOLD = {
    "CHAT_SENTRY_DSN",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
}
ENGINE = ROOT / "hasura" / "engine" / "settings.py"


def environment(service: str) -> dict[str, str]:
    found: dict[str, str] = SERVICES[service].get("environment", {})
    return found


def interpolated(text: str) -> list[tuple[str, str]]:
    """(name, what follows it) of every ``${NAME…}``."""
    return re.findall(r"\$\{(\w+)([^}]*)\}", text)


def published(service: str) -> tuple[str, str, str]:
    """(address, port on the host, port in the container), defaults filled in.

    Of the API and the web UI it is the gateway that publishes; alone it stands for the first of them.
    """
    mapping = {
        "backend": SERVICES["gateway"]["ports"][0],
        "webapp": SERVICES["gateway"]["ports"][1],
    }.get(service) or SERVICES[service]["ports"][0]
    filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", mapping)
    address, host, container = filled.split(":")
    return address, host, container


def test_the_images_are_the_versions_that_the_project_is_made_for() -> None:
    assert SERVICES["postgres"]["image"] == "postgres:15"
    assert SERVICES["graphql-engine"]["image"] == "hasura/graphql-engine:v2.48.10.cli-migrations-v3"
    everything = {"postgres", "migrate", "graphql-engine", "redis", "backend", "gateway", "webapp"}
    assert set(SERVICES) == everything | OBSERVABILITY | {"pgadmin", "proxy"}


@pytest.mark.parametrize(
    ("service", "setting", "inside"),
    [
        ("postgres", "postgres_port", "5432"),
        ("graphql-engine", "graphql_port", "8080"),
        ("backend", "api_port", "8000"),
        ("webapp", "web_port", "3000"),
    ],
)
def test_the_ports_are_those_of_make_up_on_this_machine_only(service: str, setting: str, inside: str) -> None:
    default = Ports.model_fields[setting].default
    assert published(service) == ("127.0.0.1", str(default), inside)
    assert f"${{CHAT_{setting.upper()}:-{default}}}" in (ROOT / "docker-compose.yml").read_text()


def test_a_service_listens_on_the_port_that_is_published() -> None:
    assert environment("backend")["CHAT_API_PORT"] == published("backend")[2]
    assert environment("webapp")["CHAT_WEB_PORT"] == published("webapp")[2]
    assert environment("backend")["CHAT_HOST"] == environment("webapp")["CHAT_HOST"] == "0.0.0.0"  # noqa: S104


def test_the_addresses_inside_name_services_and_their_ports() -> None:
    urls = {
        value
        for service in SERVICES
        for value in environment(service).values()
        if re.match(r"(http|postgresql|redis)://", value)
    }
    assert len(urls) == 4
    for url in urls:
        host, port = re.search(r"(?://|@)([\w-]+):(\d+)/?", url.replace("chat:$", "")).groups()  # type: ignore[union-attr]
        assert port == ("6379" if host == "redis" else published(host)[2])


@pytest.mark.parametrize(("service", "port"), [("backend", "CHAT_API_PORT"), ("webapp", "CHAT_WEB_PORT")])
def test_api_and_web_ui_may_run_in_several_containers(service: str, port: str) -> None:
    """`--scale webapp=3`: it has no port of this machine, no name and no files of its own; one address is before it."""
    assert not {"ports", "container_name", "volumes"} & SERVICES[service].keys()
    assert environment(service)["CHAT_REDIS_URL"] == "redis://redis:6379/0"
    inside = environment(service)[port]
    gateway = COMPOSE["configs"]["gateway"]["content"]
    site = re.search(rf"^:{inside} \{{\n(.*?)^\}}$", gateway, re.MULTILINE | re.DOTALL)
    assert site
    assert f"dynamic a {service} {inside} " in site[1]
    assert len(SERVICES["gateway"]["ports"]) == 2


def test_redis_is_kept_and_is_reached_from_inside_only() -> None:
    """Who is signed in at the web UI is there and nowhere else."""
    assert "ports" not in SERVICES["redis"]
    assert SERVICES["redis"]["volumes"] == ["redis:/data"]
    assert SERVICES["redis"]["command"] == ["redis-server", "--save", "", "--appendonly", "yes"]


def test_the_backend_gets_every_required_setting_and_only_settings_that_it_knows() -> None:
    given = environment("backend")
    known = {variable_of(field): info for field, info in BackendSettings.model_fields.items()}
    assert set(given) <= set(known) | TOLD
    assert {name for name, info in known.items() if info.is_required()} <= set(given)
    BackendSettings.model_validate({
        "database_url": "postgresql://chat:secret@postgres/chat",
        "graphql_url": given["CHAT_GRAPHQL_URL"],
        "api_port": given["CHAT_API_PORT"],
        "HASURA_GRAPHQL_JWT_SECRET": {"type": "HS256", "key": "x" * 32},
    })  # fmt: skip


def test_every_setting_of_the_model_that_a_person_chooses_can_be_given() -> None:
    chosen = {"CHAT_LLM_BASE_URL", "CHAT_LLM_API_KEY", "CHAT_LLM_MODEL", "CHAT_LLM_SYSTEM_PROMPT"}
    assert chosen | {"CHAT_LLM_HISTORY_TOKENS"} <= set(environment("backend"))


def test_the_web_ui_gets_only_settings_that_it_knows_and_no_secret_but_for_prometheus() -> None:
    given = environment("webapp")
    assert set(given) <= TOLD | {f"CHAT_{field.upper()}" for field in WebappSettings.model_fields}
    assert {name for name, value in given.items() if "$" in value} == {"CHAT_METRICS_TOKEN"} | TOLD


@pytest.mark.skipif(not ENGINE.exists(), reason="the embedded engine is not part of the compose deployment")
def test_hasura_is_configured_by_variables_that_both_engines_know() -> None:
    text = ENGINE.read_text()
    for name in set(environment("graphql-engine")) - HASURA_ONLY:
        field = name.removeprefix("HASURA_GRAPHQL_").lower()
        assert re.search(rf"^    {field}:", text, re.MULTILINE), name


def test_hasura_applies_the_metadata_of_this_repository() -> None:
    (mount,) = SERVICES["graphql-engine"]["volumes"]
    source, target, mode = mount.split(":")
    assert mode == "ro"
    assert (ROOT / source / "version.yaml").exists()
    assert environment("graphql-engine")["HASURA_GRAPHQL_METADATA_DIR"] == target
    databases = yaml.safe_load((ROOT / source / "databases" / "databases.yaml").read_text())
    variable = databases[0]["configuration"]["connection_info"]["database_url"]["from_env"]
    assert variable in environment("graphql-engine")


def test_changes_show_within_a_fraction_of_a_second() -> None:
    interval = environment("graphql-engine")["HASURA_GRAPHQL_LIVE_QUERIES_MULTIPLEXED_REFETCH_INTERVAL"]
    assert int(interval) <= 250


def test_everybody_connects_as_the_owner_of_the_database_who_is_no_superuser() -> None:
    urls = {
        value for service in SERVICES for value in environment(service).values() if "postgresql://" in value
    }
    assert urls == {COMPOSE["x-database-url"]}
    assert COMPOSE["x-database-url"].startswith("postgresql://chat:${CHAT_POSTGRES_PASSWORD")
    script = COMPOSE["configs"]["create-database"]["content"]
    assert "CREATE ROLE chat LOGIN PASSWORD" in script
    assert "SUPERUSER" not in script.upper()
    assert SERVICES["postgres"]["configs"][0]["source"] == "create-database"
    assert "POSTGRES_USER" not in environment("postgres")


def test_the_start_order_waits_for_health_and_for_the_schema() -> None:
    order = {
        service: {name: wait["condition"] for name, wait in SERVICES[service].get("depends_on", {}).items()}
        for service in SERVICES
        if "profiles" not in SERVICES[service]
    }
    assert order == {
        "postgres": {},
        "migrate": {"postgres": "service_healthy"},
        "graphql-engine": {"migrate": "service_completed_successfully"},
        "redis": {},
        "backend": {"graphql-engine": "service_healthy", "redis": "service_healthy"},
        "gateway": {"backend": "service_healthy"},
        "webapp": {"gateway": "service_healthy", "redis": "service_healthy"},
    }
    waited_for = {
        name
        for waits in order.values()
        for name, condition in waits.items()
        if condition == "service_healthy"
    }
    assert all("healthcheck" in SERVICES[name] for name in waited_for | {"webapp"})


@pytest.mark.parametrize(
    ("service", "port"),
    [("graphql-engine", "8080"), ("backend", "8000"), ("gateway", "8000"), ("webapp", "3000")],
)
def test_a_health_check_asks_the_port_on_which_the_service_listens(service: str, port: str) -> None:
    assert f"127.0.0.1:{port}/" in SERVICES[service]["healthcheck"]["test"][-1]


def test_the_migration_runs_once_and_for_good() -> None:
    assert SERVICES["migrate"]["restart"] == "no"
    assert SERVICES["migrate"]["image"] == SERVICES["backend"]["image"]
    assert SERVICES["migrate"]["command"] == ["python", "-m", "backend.cli", "migrate"]


def test_no_secret_has_a_default_and_each_required_one_is_asked_for() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = interpolated(text)
    for name, rest in used:
        if name in SECRETS:
            assert rest.startswith(":?"), name
        elif name in OPTIONAL_SECRETS:
            assert rest == ":-", name
    assert {name for name, _ in used} >= SECRETS
    assert all(EXAMPLE[name] == "" for name in SECRETS | OPTIONAL_SECRETS)


def test_the_example_names_every_variable_and_no_other() -> None:
    used = {name for name, _ in interpolated((ROOT / "docker-compose.yml").read_text())}
    assert set(EXAMPLE) == used


def test_the_example_repeats_the_defaults() -> None:
    for name, rest in interpolated((ROOT / "docker-compose.yml").read_text()):
        if rest.startswith(":-"):
            assert EXAMPLE[name] == rest.removeprefix(":-"), name


def test_the_backend_and_the_web_ui_never_hold_the_admin_secret() -> None:
    holders = [service for service in SERVICES if "HASURA_GRAPHQL_ADMIN_SECRET" in environment(service)]
    assert holders == ["graphql-engine"]


def test_what_nobody_needs_to_chat_starts_only_when_asked_for() -> None:
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {"pgadmin": ["pgadmin"], "proxy": ["tls"]} | {
        name: ["observability"] for name in OBSERVABILITY
    }


def test_the_network_reaches_the_proxy_and_nothing_else() -> None:
    for name, service in SERVICES.items():
        addresses = {
            mapping.rpartition("}:")[0] + "}" for mapping in service.get("ports", []) if "$" in mapping
        }
        if name == "proxy":
            assert service["ports"] == ["80:80", "443:443", "443:443/udp"]
        else:
            assert all(
                address.startswith(("${CHAT_HOST:-127.0.0.1}:", "127.0.0.1:")) for address in addresses
            ), name
            assert len(addresses) == len(service.get("ports", [])), name


def test_the_proxy_and_the_gateway_lead_to_where_the_services_listen_and_not_to_the_console() -> None:
    config = COMPOSE["configs"]["proxy"]["content"]
    targets = set(re.findall(r"reverse_proxy (\S+)", config))
    assert targets == {f"gateway:{published(name)[2]}" for name in ("backend", "webapp")}
    for name in ("webapp", "backend"):
        assert environment(name)["CHAT_TRUSTED_PROXIES"] == "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


def test_every_volume_and_config_is_declared() -> None:
    named = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert {name for name in named if not name.startswith(".")} == set(COMPOSE["volumes"])


# The images


def dockerfile(service: str) -> str:
    return (ROOT / SERVICES[service]["build"]["dockerfile"]).read_text()


def copied(service: str) -> list[tuple[str, str]]:
    """(source, target) of each COPY."""
    pairs = []
    for line in re.findall(r"^COPY (.+)$", dockerfile(service), re.MULTILINE):
        *sources, target = line.split()
        pairs += [(source, target) for source in sources]
    return pairs


@pytest.mark.parametrize("service", ["backend", "webapp"])
def test_an_image_copies_what_exists_and_what_the_context_lets_through(service: str) -> None:
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for source, _ in copied(service):
        assert (ROOT / source).exists(), source
        assert any(source == path or source.startswith(f"{path}/") for path in allowed), source


@pytest.mark.parametrize("service", ["backend", "webapp"])
def test_an_image_holds_none_of_the_embedded_engine(service: str) -> None:
    assert not [source for source, _ in copied(service) if source.split("/")[0] == "hasura"]
    assert not [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!hasura")
    ]


@pytest.mark.parametrize(("service", "port"), [("backend", "8000"), ("webapp", "3000")])
def test_an_image_runs_as_nobody_special_on_the_port_that_it_exposes(service: str, port: str) -> None:
    text = dockerfile(service)
    assert re.search(r"^USER chat$", text, re.MULTILINE)
    assert f"EXPOSE {port}" in text
    assert f'CMD ["python", "-m", "{service}"]' in text
    assert "--require-hashes -r requirements.lock" in text


@pytest.mark.parametrize(
    ("service", "program"),
    [
        ("backend", "import backend.__main__, backend.cli; from backend.migrations import expected_version as v; v()"),
        ("webapp", "import webapp.__main__, webapp.build, webapp.state, webapp.services"),
    ],
)  # fmt: skip
def test_what_an_image_copies_is_enough_to_run(service: str, program: str, tmp_path: Path) -> None:
    for source, target in copied(service):
        if (ROOT / source).is_dir():
            skipped = shutil.ignore_patterns(".web", ".states", "__pycache__")
            shutil.copytree(ROOT / source, tmp_path / target, ignore=skipped)
        else:
            folder = tmp_path / target if target.endswith("/") else (tmp_path / target).parent
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, tmp_path / target)
    # -S: without the path entry of this checkout's editable installation.
    ran = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{sysconfig.get_path('purelib')}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
