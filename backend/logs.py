"""Structured logs: one JSON object a line on stdout, with its trace id; never content or secrets."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from telemetry import safe, sentry
from telemetry.retries import log_retries

#: Below a warning they write what is private: bodies with messages and tokens, ids.
_TALKATIVE = (
    "gql",
    "httpx",
    "httpx2",
    "httpcore2",
    "openai",
    "sse_starlette",
    "websockets",
    "psycopg",
    "asyncio",
    "opentelemetry",
    "uvicorn.error",  # it names each WebSocket with its whole address
)


def configure(level: str = "info") -> None:
    """For the process, once: structlog and the standard library's loggers write the same lines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, sentry.report, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), sentry.report],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(safe.described),
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    log_retries()
