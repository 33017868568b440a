"""One JSON object a line, on stdout; uvicorn's and the libraries' lines too."""

from __future__ import annotations

import logging
import sys

import orjson
import structlog

from telemetry import safe, sentry

from .request_id import add_ids

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    add_ids,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(level: str) -> None:
    """``level`` is one of Hasura's: debug, info, warn, error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    # Our own lines, one for each request among them, do not pass the standard library: it takes three times as long.
    structlog.configure(
        processors=[
            *_SHARED,
            sentry.report,
            structlog.processors.ExceptionRenderer(safe.described),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, sentry.report],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(safe.described),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    # Requests are logged with their ids in request_id; httpx would log addresses of keys.
    for chatty in ("uvicorn.access", "httpx", "httpcore", "psycopg.pool"):
        logging.getLogger(chatty).setLevel(max(number, logging.WARNING))
