"""One line of JSON for every log record, of ours and of the libraries."""

from __future__ import annotations

import logging
import sys

import structlog

from telemetry import safe, sentry
from telemetry.retries import log_retries
from webapp.tracing import add_trace_id


def configure_logs() -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        add_trace_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, sentry.report, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, sentry.report],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(safe.described),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # uvicorn would write each WebSocket's address, which holds the tab's token.
    for noisy in ("gql", "httpx2", "httpcore2", "websockets", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Each word of an answer whose reader has left would be a warning, with that token too.
    logging.getLogger("reflex.app").setLevel(logging.ERROR)
    log_retries()
