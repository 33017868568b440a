"""Settings that the metadata holds as a whole.

Sources: https://hasura.io/docs/2.0/api-reference/metadata-api/api-limits/ and its neighbours
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .arguments import Arguments
from .working import Outcome

if TYPE_CHECKING:
    from .working import Operation, Working


def _set(section: str, work: Working, args: Any) -> Outcome:
    work.document[section] = Arguments(args).given
    return Outcome()


def _remove(section: str, work: Working, _args: Any) -> Outcome:
    work.document.pop(section, None)
    return Outcome()


OPTION_OPERATIONS: dict[str, Operation] = {
    "set_api_limits": partial(_set, "api_limits"),
    "remove_api_limits": partial(_remove, "api_limits"),
    "set_metrics_config": partial(_set, "metrics_config"),
    "remove_metrics_config": partial(_remove, "metrics_config"),
    "set_graphql_schema_introspection_options": partial(_set, "graphql_schema_introspection"),
}
