"""A log line for each repeated attempt. stamina's own would tell arguments, and what the exception says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import stamina
import structlog

from telemetry.safe import told

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

log = structlog.get_logger("retries")


def log_retries() -> None:
    """For the process, once."""
    stamina.instrumentation.set_on_retry_hooks([_log])


def _log(details: RetryDetails) -> None:
    log.warning(
        "retry", attempt=details.retry_num, cause=told(details.caused_by), wait_s=round(details.wait_for, 2)
    )
