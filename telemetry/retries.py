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
    tell_retry(details.retry_num, details.caused_by, details.wait_for)


def tell_retry(attempt: int, cause: Exception, wait: float) -> None:
    """Of one attempt that will be repeated after so many seconds."""
    log.warning("retry", attempt=attempt, cause=told(cause), wait_s=round(wait, 2))
