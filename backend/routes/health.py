"""Is the process alive, and can it work."""

from __future__ import annotations

import asyncio
from typing import Literal
from uuid import UUID

import psycopg
from fastapi import APIRouter, Response, status
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field

from backend.deps import CurrentServices, Services
from backend.migrations import SCHEMA_VERSION_QUERY, expected_version
from backend.services.breakers import State as BreakerState
from backend.services.bus import BusDown, RedisBus
from backend.services.hasura_client import HasuraError

router = APIRouter(tags=["health"])

_NOBODY = UUID(int=0)
#: Between two looks of who waits to be ready, in seconds.
READY_EVERY = 0.1
GOOD = ("ready", "degraded")

State = Literal["ok", "down", "outdated"]


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Checks(BaseModel):
    database: State
    graphql: State
    schema_version: State
    redis: Literal["ok", "down"] | None = Field(None, description="only where CHAT_REDIS_URL is set")


class Readiness(BaseModel):
    status: Literal["ready", "degraded", "not ready", "draining"]
    checks: Checks
    breakers: dict[str, BreakerState] = Field(
        description="circuit breakers: `graphql`, and `model` where one is configured; `closed` is well"
    )


@router.get("/healthz", summary="The process is alive")
async def healthz() -> Alive:
    return Alive()


@router.get(
    "/readyz",
    summary="Database, GraphQL and schema version are as needed",
    response_model_exclude_none=True,
    responses={503: {"description": "not ready: see checks", "model": Readiness}},
)
async def readyz(services: CurrentServices, response: Response) -> Readiness:
    (database, schema_version), graphql, redis = await asyncio.gather(
        _database(services), _graphql(services), _redis(services)
    )
    checks = Checks(database=database, graphql=graphql, schema_version=schema_version, redis=redis)
    breakers = {breaker.name: breaker.state for breaker in services.breakers}
    if services.draining.begun:
        return _not_ready("draining", checks, breakers, response)
    if {database, graphql, schema_version} == {"ok"}:
        # Without Redis everything is still answered, later, and without the model everything but questions: out of
        # service it would be worse.
        well = redis != "down" and breakers.get("model") in (None, "closed")
        return Readiness(status="ready" if well else "degraded", checks=checks, breakers=breakers)
    return _not_ready("not ready", checks, breakers, response)


def _not_ready(
    state: Literal["not ready", "draining"],
    checks: Checks,
    breakers: dict[str, BreakerState],
    response: Response,
) -> Readiness:
    response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    response.headers["Retry-After"] = "2"
    return Readiness(status=state, checks=checks, breakers=breakers)


class NeverReady(Exception):
    """What this process needs did not come in time."""


async def until_ready(services: Services, seconds: float) -> None:
    """Raises NeverReady."""
    response = Response()
    try:
        async with asyncio.timeout(seconds):
            while (found := await readyz(services, response)).status not in GOOD:  # noqa: ASYNC110
                await asyncio.sleep(READY_EVERY)
    except TimeoutError:
        raise NeverReady(f"not ready after {seconds:.0f} s: {found.checks}") from None


async def _database(services: Services) -> tuple[State, State]:
    try:
        async with services.pool.connection() as connection:
            row = await (await connection.execute(SCHEMA_VERSION_QUERY)).fetchone()
    except psycopg.errors.UndefinedTable:
        return "ok", "outdated"
    except (psycopg.OperationalError, PoolTimeout):
        return "down", "down"
    applied = row[0] if row else None
    # A newer schema is fine: migrations only add, and a rolling update runs old code on it.
    return "ok", "ok" if applied is not None and applied >= expected_version() else "outdated"


async def _graphql(services: Services) -> State:
    try:
        # With a token of our own: that GraphQL verifies with our key is part of "works".
        await services.hasura.ping(services.tokens.access(_NOBODY, "user"))
    except HasuraError:
        return "down"
    return "ok"


async def _redis(services: Services) -> Literal["ok", "down"] | None:
    if not isinstance(services.bus, RedisBus):
        return None
    try:
        await services.bus.ping()
    except BusDown:
        return "down"
    return "ok"
