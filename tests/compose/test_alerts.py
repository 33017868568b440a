"""Each alert, provoked: promtool feeds Prometheus's own rule engine with series, and looks what fires."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.compose.test_observability import FOLDER, ROOT
from tests.conftest import tool

ALERTS_FILE = FOLDER / "prometheus" / "alerts.yml"
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(ALERTS_FILE.read_text())["groups"]
    for rule in group["rules"]
}
#: One sample a minute, of an hour.
BACKEND = 'job="backend",instance="api-1"'
WEBAPP = 'job="webapp",instance="web-1"'
ENGINE = 'job="engine",instance="engine-1"'
AT = {"job": "backend", "instance": "api-1"}

Series = dict[str, str]


def slow(name: str, labels: str, fast: str, seconds: str) -> Series:
    """A histogram all of whose observations take between `fast` and `seconds`."""
    return {
        f'{name}_bucket{{{labels},le="{fast}"}}': "0x60",
        f'{name}_bucket{{{labels},le="{seconds}"}}': "0+60x60",
        f'{name}_bucket{{{labels},le="+Inf"}}': "0+60x60",
    }


def http(status: str, growth: int) -> Series:
    route = 'route="/auth/me",method="GET"'
    return {
        f'chat_http_request_duration_seconds_count{{{BACKEND},{route},status="{status}"}}': f"0+{growth}x60"
    }


#: What provokes an alert, and the labels of what then fires besides its name and severity.
PROVOKED: dict[str, tuple[Series, list[dict[str, str]]]] = {
    "InstanceDown": ({f"up{{{BACKEND}}}": "1x5 0x60"}, [AT]),
    "ServiceGone": ({f"up{{{WEBAPP}}}": "1x60"}, [{"job": "backend"}]),
    "InstanceRestarts": ({f"process_start_time_seconds{{{BACKEND}}}": "1000+60x60"}, [AT]),
    "HighLatency": (
        slow("chat_http_request_duration_seconds", f'{BACKEND},route="/auth/me"', "0.5", "1.0"),
        [{}],
    ),
    "MessagesSlow": (
        slow(
            "chat_graphql_request_duration_seconds",
            f'{BACKEND},operation="AddMessage",outcome="ok"',
            "0.1",
            "0.25",
        ),
        [{}],
    ),
    "FirstTokenSlow": (slow("chat_llm_first_token_seconds", BACKEND, "10.0", "30.0"), [{}]),
    "EventLoopBlocked": (
        slow("chat_event_loop_lag_seconds", BACKEND, "0.25", "0.5")
        | slow("chat_web_event_loop_lag_seconds", WEBAPP, "0.25", "0.5")
        | slow("hasura_engine_event_loop_lag_seconds", ENGINE, "0.25", "0.5"),
        [AT, {"job": "webapp", "instance": "web-1"}, {"job": "engine", "instance": "engine-1"}],
    ),
    "WebEventsSlow": (
        slow("chat_web_event_duration_seconds", f'{WEBAPP},handler="auth.sign_in"', "0.5", "1.0"),
        [{}],
    ),
    "ErrorSpike": (http("200", 600) | http("503", 30), [{}]),
    "Defect": (
        {f'chat_errors_total{{{BACKEND},kind="internal"}}': "0x30 1x30"},
        [{"job": "backend"}],
    ),
    "WebDefect": ({f"chat_web_event_failures_total{{{WEBAPP}}}": "0x30 1x30"}, [{"job": "webapp"}]),
    "AnswersFail": (
        {
            f'chat_answers_total{{{BACKEND},status="complete"}}': "0+8x60",
            f'chat_answers_total{{{BACKEND},status="failed"}}': "0+2x60",
        },
        [{}],
    ),
    "DeliveriesRefused": (
        {
            f'chat_web_outbox_deliveries_total{{{WEBAPP},outcome="stored"}}': "0+8x60",
            f'chat_web_outbox_deliveries_total{{{WEBAPP},outcome="later"}}': "0+2x60",
        },
        [{}],
    ),
    "GraphQLUnavailable": (
        {
            f'{name}_graphql_request_duration_seconds_count{{{who},operation="Ping",outcome="{outcome}"}}': growth
            for name, who in (("chat", BACKEND), ("chat_web", WEBAPP))
            for outcome, growth in (("ok", "0+50x60"), ("Unavailable", "0+10x60"))
        },
        [{"job": "backend"}, {"job": "webapp"}],
    ),
    "BreakerOpen": (
        {
            f'chat_breaker_state{{{BACKEND},breaker="graphql",state="{state}"}}': value
            for state, value in (("closed", "1x20 0x40"), ("half_open", "0x60"), ("open", "0x20 1x40"))
        },
        [AT | {"breaker": "graphql"}],
    ),
    "LiveQueriesInterrupted": (
        {
            f"chat_live_query_interruptions_total{{{BACKEND}}}": "0+120x60",
            f'chat_live_queries{{{BACKEND},operation="WatchSession"}}': "5x60",
        },
        [{"job": "backend"}],
    ),
    "DatabaseConnectionsFail": (
        {
            f"chat_db_pool_connect_failures_total{{{BACKEND}}}": "0+1x60",
            f'hasura_engine_pool_connect_failures_total{{{ENGINE},source="default"}}': "0+1x60",
        },
        [AT, {"job": "engine", "instance": "engine-1"}],
    ),
    "BusDown": ({f"chat_bus_connected{{{BACKEND}}}": "1x20 0x40"}, [AT]),
    "LimitsWithoutRedis": ({f"chat_limits_counted_here{{{BACKEND}}}": "0x20 1x40"}, [AT]),
    "PoolExhausted": (
        {
            f'chat_db_pool_connections{{{BACKEND},state="used"}}': "10x60",
            f'chat_db_pool_connections{{{BACKEND},state="idle"}}': "0x60",
            f"chat_db_pool_max{{{BACKEND}}}": "10x60",
        },
        [AT],
    ),
    "PoolTimeouts": (
        {
            f"chat_db_pool_timeouts_total{{{BACKEND}}}": "0x35 1x25",
            f'hasura_engine_pool_timeouts_total{{{ENGINE},source="default"}}': "0x60",
        },
        [AT],
    ),
    "PoolWaits": (
        slow("chat_pool_wait_seconds", f'{BACKEND},pool="graphql"', "0.1", "0.25"),
        [AT | {"pool": "graphql"}],
    ),
    "FilesExhausted": (
        {f"process_open_fds{{{BACKEND}}}": "900x60", f"process_max_fds{{{BACKEND}}}": "1024x60"},
        [AT],
    ),
    "AnswersWait": ({f"chat_answers_waiting{{{BACKEND}}}": "3x60"}, [AT]),
    "SweepsFail": (
        {
            f'chat_sweep_duration_seconds_count{{{BACKEND},sweep="answers",outcome="failed"}}': "0+10x60",
            f'chat_sweep_duration_seconds_count{{{BACKEND},sweep="answers",outcome="ok"}}': "40x60",
        },
        [{"sweep": "answers"}],
    ),
    "LimitsRefuse": (
        {f'chat_limits_refused_total{{{BACKEND},limit="sign-ins"}}': "0+120x60"},
        [{"limit": "sign-ins"}],
    ),
    "EngineErrors": (
        {
            f'hasura_engine_operation_duration_seconds_count{{{ENGINE},kind="query",outcome="{outcome}"}}': growth
            for outcome, growth in (
                ("ok", "0+90x60"),
                ("unexpected", "0+10x60"),
                ("ClientDisconnect", "0+5x60"),
            )
        },
        [{}],
    ),
    "EngineSlow": (
        slow(
            "hasura_engine_operation_duration_seconds",
            f'{ENGINE},kind="query",root="chat_messages",outcome="ok"',
            "0.25",
            "0.5",
        ),
        [{}],
    ),
    "RefreshSlow": (
        slow("hasura_engine_refresh_duration_seconds", f'{ENGINE},kind="live"', "0.25", "0.5"),
        [{"kind": "live"}],
    ),
    "ChangesNotHeard": (
        {f'hasura_engine_change_feed_listening{{{ENGINE},source="default"}}': "1x10 0x50"},
        [{"job": "engine", "instance": "engine-1", "source": "default"}],
    ),
    "EngineBacklog": (
        {f"hasura_engine_offload_requests{{{ENGINE}}}": "20x60"},
        [{"job": "engine", "instance": "engine-1"}],
    ),
    "EnginePoolExhausted": (
        {
            f'hasura_engine_pool_connections{{{ENGINE},source="default",state="used"}}': "48x60",
            f'hasura_engine_pool_max{{{ENGINE},source="default"}}': "50x60",
        },
        [{"job": "engine", "instance": "engine-1", "source": "default"}],
    ),
    "PostgresDown": (
        {'pg_up{job="postgres",instance="db"}': "1x20 0x40"},
        [{"job": "postgres", "instance": "db"}],
    ),
    "PostgresConnectionsExhausted": (
        {
            'pg_stat_activity_count{instance="db",state="idle"}': "70x60",
            'pg_stat_activity_count{instance="db",state="active"}': "20x60",
            'pg_settings_max_connections{instance="db"}': "100x60",
        },
        [{"instance": "db"}],
    ),
    "PostgresDeadlocks": (
        {'pg_stat_database_deadlocks{instance="db",datname="chat"}': "0x35 1x25"},
        [{"instance": "db"}],
    ),
    "PostgresCacheCold": (
        {
            'pg_stat_database_blks_read{instance="db",datname="chat"}': "0+60000x60",
            'pg_stat_database_blks_hit{instance="db",datname="chat"}': "0+60000x60",
        },
        [{"instance": "db"}],
    ),
}
#: When it is looked at: for as long as the longest `for` and after every rate has its window.
LOOK_AT = "38m"
#: Services as they should be: nothing fires, though each of these metrics is there.
WELL: Series = {
    f"up{{{BACKEND}}}": "1x60",
    f"up{{{WEBAPP}}}": "1x60",
    f"process_start_time_seconds{{{BACKEND}}}": "1000x60",
    **http("200", 600),
    **http("503", 1),
    f'chat_errors_total{{{BACKEND},kind="internal"}}': "3x60",
    f'chat_errors_total{{{BACKEND},kind="not-found"}}': "0+5x60",
    f'chat_breaker_state{{{BACKEND},breaker="graphql",state="closed"}}': "1x60",
    f'chat_breaker_state{{{BACKEND},breaker="graphql",state="open"}}': "0x60",
    f"chat_bus_connected{{{BACKEND}}}": "1x60",
    f"chat_limits_counted_here{{{BACKEND}}}": "0x60",
    f'chat_db_pool_connections{{{BACKEND},state="used"}}': "3x60",
    f"chat_db_pool_max{{{BACKEND}}}": "10x60",
    f"chat_answers_waiting{{{BACKEND}}}": "0x60",
    f'chat_sweep_duration_seconds_count{{{BACKEND},sweep="answers",outcome="failed"}}': "0 5x59",
    f'chat_sweep_duration_seconds_count{{{BACKEND},sweep="answers",outcome="ok"}}': "0+20x60",
    f'chat_answers_total{{{BACKEND},status="complete"}}': "0+100x60",
    f'chat_answers_total{{{BACKEND},status="failed"}}': "0+1x60",
    'pg_up{job="postgres",instance="db"}': "1x60",
}


SILENCE: dict[str, list[dict[str, Any]]] = {alert: [] for alert in RULES}


def expected(alert: str, labels: dict[str, str]) -> dict[str, Any]:
    rule = RULES[alert]
    return {"exp_labels": rule["labels"] | labels, "exp_annotations": rule["annotations"]}


def run(tmp_path: Path, tests: list[dict[str, Any]]) -> None:
    file = tmp_path / "alerts.test.yml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(ALERTS_FILE)], "evaluation_interval": "1m", "tests": tests})
    )
    done = subprocess.run(
        [tool("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def case(name: str, series: Series, fires: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": series_, "values": values} for series_, values in series.items()],
        "alert_rule_test": [
            {"eval_time": LOOK_AT, "alertname": alert, "exp_alerts": alerts}
            for alert, alerts in fires.items()
        ],
    }


def test_every_alert_is_provoked_here_and_says_what_it_means() -> None:
    assert set(PROVOKED) == set(RULES)
    for rule in RULES.values():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"].endswith(".")


def test_the_page_says_of_every_alert_what_to_do() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (\w+) \| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE)
    assert rows == [
        (name, rule["labels"]["severity"], rule["annotations"]["summary"]) for name, rule in RULES.items()
    ]


def test_what_provokes_an_alert_makes_it_fire(tmp_path: Path) -> None:
    run(
        tmp_path,
        [
            case(alert, series, {alert: [expected(alert, labels) for labels in fires]})
            for alert, (series, fires) in PROVOKED.items()
        ],
    )


def test_services_as_they_should_be_are_silent(tmp_path: Path) -> None:
    run(tmp_path, [case("well", WELL, SILENCE)])


def test_an_alert_that_should_not_fire_is_found_out(tmp_path: Path) -> None:
    """That the tests before this one can fail."""
    with pytest.raises(AssertionError, match="InstanceDown"):
        run(tmp_path, [case("down", PROVOKED["InstanceDown"][0], {"InstanceDown": []})])


def test_where_nobody_has_metrics_of_the_engine_its_alerts_are_silent(tmp_path: Path) -> None:
    """With Hasura's Community Edition."""
    others = {f"up{{{BACKEND}}}": "1x60", f"up{{{WEBAPP}}}": "1x60"}
    run(tmp_path, [case("no engine", others, SILENCE)])
