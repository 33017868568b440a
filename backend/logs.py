"""Structured logs: one JSON object a line on stdout, with its trace id; never content or secrets."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

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
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Without local variables: they hold passwords, tokens and messages.
                structlog.processors.ExceptionRenderer(
                    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
                ),
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def current_trace_id() -> str | None:
    trace_id = structlog.contextvars.get_contextvars().get("trace_id")
    return trace_id if isinstance(trace_id, str) else None
