"""Hasura's commands for what this engine leaves to Hasura: known by name, refused in words that say so.

What metadata that came from elsewhere holds of them is kept and exported.
"""

from __future__ import annotations

from hasura.engine.errors import NotSupported

#: database kinds that Hasura knows and this engine does not
OTHER_KINDS = frozenset(
    {"mssql", "bigquery", "citus", "cockroach", "mysql8", "snowflake", "athena", "dataconnector"}
)

REFUSED = {
    "remote schemas": {
        "add_remote_schema", "update_remote_schema", "remove_remote_schema", "reload_remote_schema",
        "introspect_remote_schema", "add_remote_schema_permissions", "drop_remote_schema_permissions",
        "create_remote_schema_remote_relationship", "update_remote_schema_remote_relationship",
        "delete_remote_schema_remote_relationship",
    },
    "actions": {
        "create_action", "update_action", "drop_action", "create_action_permission",
        "drop_action_permission", "set_custom_types",
    },
    "event triggers": {
        "create_event_trigger", "delete_event_trigger", "redeliver_event", "invoke_event_trigger",
        "cleanup_event_trigger_logs", "resume_event_trigger_cleanups", "pause_event_trigger_cleanups",
        "get_event_logs", "get_event_invocation_logs", "get_event_by_id",
    },
    "scheduled triggers": {
        "create_cron_trigger", "delete_cron_trigger", "create_scheduled_event", "delete_scheduled_event",
        "get_scheduled_events", "get_scheduled_event_invocations", "get_cron_triggers",
    },
    "REST endpoints": {"create_rest_endpoint", "drop_rest_endpoint"},
    "native queries and logical models": {
        "get_native_query", "track_native_query", "untrack_native_query", "get_stored_procedure",
        "track_stored_procedure", "untrack_stored_procedure", "get_logical_model", "track_logical_model",
        "untrack_logical_model", "create_logical_model_select_permission",
        "drop_logical_model_select_permission",
    },
    "data connectors": {"dc_add_agent", "dc_delete_agent", "get_source_kind_capabilities", "get_table_info"},
    "webhooks": {"test_webhook_transform", "add_host_to_tls_allowlist", "drop_host_from_tls_allowlist"},
    "connection templates": {"test_connection_template"},
    "query tags": {"set_query_tags"},
    "OpenTelemetry settings": {"set_opentelemetry_config", "set_opentelemetry_status"},
}  # fmt: skip

_SUBJECTS = {command: subject for subject, commands in REFUSED.items() for command in commands}


def check_inside(command: str) -> None:
    """:raises NotSupported: the command is Hasura's, and not this engine's."""
    prefix, _, rest = command.partition("_")
    if prefix in OTHER_KINDS:
        raise NotSupported(f"sources of kind {prefix} are not supported by this engine", "$.args")
    for name in (command, rest if prefix in {"pg", "postgres"} else ""):
        if name in _SUBJECTS:
            raise NotSupported(f"{_SUBJECTS[name]} are not supported by this engine: {command}", "$.args")
