"""The API: `create_app` builds everything, the lifespan opens and closes it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from backend import errors
from backend.deps import Services
from backend.metrics import Measure, Metrics, loop_lag
from backend.metrics.state import State
from backend.middleware import BodyLimit, Deadline, Trace
from backend.route_limits import Limits
from backend.routes import (
    account,
    auth,
    chat,
    chat_sessions,
    health,
    messages,
    metrics,
    search,
    transfer,
    ws_chat,
    ws_status,
)
from backend.security_headers import SecurityHeaders
from backend.services import deadlines
from backend.services.accounts import Accounts
from backend.services.audit import AuditLog
from backend.services.bus import PostgresBus, RedisBus
from backend.services.database_pool import DatabasePool
from backend.services.deletion import Deletion
from backend.services.devices import Devices
from backend.services.draining import Draining
from backend.services.hasura_client import HasuraClient
from backend.services.llm import LlmAssistant
from backend.services.offline_assistant import OfflineAssistant
from backend.services.open_sockets import OpenSockets
from backend.services.passwords import Passwords
from backend.services.places import Places
from backend.services.presence import Presence
from backend.services.rate_limits import RateLimits
from backend.services.refresh_tokens import RefreshTokens
from backend.services.replies import Replies
from backend.services.reply import Means
from backend.services.sweeper import Sweeper
from backend.services.titles import Titles
from backend.services.tokens import Tokens
from backend.services.transfer.arriving import Imports
from backend.services.transfer.upload import LARGEST_FILE
from backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

#: A message of 100,000 characters, each escaped as a surrogate pair, and room around it.
MAX_BODY = 2 * 2**20
#: How long answers that are under way may go on where nobody waits for CHAT_DRAIN_SECONDS (Ctrl-C). Seconds.
DRAIN_FOR = 3.0

_DESCRIPTION = """\
Named chat sessions and an assistant. Sign in under **auth**, then send `Authorization: Bearer …`.

Errors are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem details; what is not yours is 404.
Lists are keyset-paged: follow `next_cursor` until it is null.
"""


def create_app(settings: Settings | None = None, *, ready_within: float | None = None) -> FastAPI:
    """An app that shares nothing with another. Without `settings` it reads the environment: SettingsError.

    :param ready_within: seconds in which it must become ready, or its start fails; without, it serves at once, and says
        what it lacks.
    """
    settings = settings or load_settings()
    measured = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _services(settings, measured) as services:
            app.state.services = services
            if ready_within is not None:
                await health.until_ready(services, ready_within)
            yield

    app = FastAPIOffline(
        title="chat-sessions",
        version="0.1.0",
        description=_DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        # Not FastAPI's own spans: they have the query, and what is searched for is in it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        openapi_tags=[
            {"name": "auth", "description": "Accounts and tokens"},
            {"name": "sessions", "description": "Named sessions and their messages"},
            {"name": "chat", "description": "Ask the assistant"},
            {"name": "transfer", "description": "Take chats away, bring them along"},
            {"name": "health", "description": "For whoever runs this"},
        ],
    )
    errors.install(app)
    app.state.metrics = measured
    app.state.metrics_token = settings.metrics_token
    for room in (
        auth,
        account,
        transfer,
        chat_sessions,
        messages,
        search,
        chat,
        health,
        metrics,
        ws_chat,
        ws_status,
    ):
        app.include_router(room.router)
    app.add_middleware(BodyLimit, limit=MAX_BODY, larger={transfer.IMPORT_PATH: LARGEST_FILE})
    app.add_middleware(Limits)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "traceparent", "x-request-id", deadlines.HEADER],
            expose_headers=[
                "Retry-After",
                "RateLimit-Limit",
                "RateLimit-Policy",
                "RateLimit-Remaining",
                "RateLimit-Reset",
                "x-request-id",
            ],
        )
    app.add_middleware(Deadline, seconds=settings.request_timeout)
    app.add_middleware(Trace)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Measure, metrics=measured)
    return app


@asynccontextmanager
async def _services(settings: Settings, measured: Metrics) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        # Opened without waiting: the API starts without its database and says so in /readyz.
        pool = DatabasePool(
            settings.database_url.get_secret_value(), measured.pool_waits.labels("database").observe
        )
        await pool.open(wait=False)
        stack.push_async_callback(pool.close)
        redis = None
        if settings.redis_url is not None:
            redis = await stack.enter_async_context(_redis(settings.redis_url.get_secret_value()))
        bus = await stack.enter_async_context(
            PostgresBus(settings.database_url.get_secret_value(), pool) if redis is None else RedisBus(redis)
        )
        client = await stack.enter_async_context(HasuraClient(str(settings.graphql_url), observer=measured))
        tokens = Tokens(settings.jwt_secret)
        assistant = LlmAssistant(settings) if settings.uses_model else OfflineAssistant()
        means = Means(
            client=client,
            metrics=measured,
            tokens=tokens,
            assistant=assistant,
            bus=bus,
            titles=Titles(assistant, enabled=settings.auto_titles),
            total_timeout=settings.llm_total_timeout,
            answer_chars=settings.llm_answer_chars,
            slots=asyncio.Semaphore(settings.replies_at_once),
        )
        replies = Replies(means, Places(pool, client, settings.replies_per_user, settings.tokens_per_day))
        sweeper = Sweeper(pool, client, tokens, measured)
        sweeper.start()
        stack.push_async_callback(sweeper.aclose)
        audit = AuditLog(pool)
        audit.start()
        stack.push_async_callback(audit.aclose)
        deletion = Deletion(
            pool,
            measured,
            trash_days=settings.trash_days,
            max_days=settings.retention_max_days,
            audit_days=settings.audit_days,
        )
        deletion.start()
        stack.push_async_callback(deletion.aclose)
        stack.push_async_callback(replies.aclose)
        stack.push_async_callback(replies.drain, min(DRAIN_FOR, settings.drain_seconds))
        open_sockets = OpenSockets(settings.sockets_per_user)
        lag = asyncio.create_task(loop_lag.watch(measured.loop_lag), name="loop-lag")
        stack.callback(lag.cancel)
        services = Services(
            metrics=measured,
            pool=pool,
            bus=bus,
            accounts=Accounts(pool, Passwords()),
            audit=audit,
            refresh_tokens=RefreshTokens(pool),
            devices=Devices(pool),
            deletion=deletion,
            tokens=tokens,
            limits=RateLimits(redis, settings),
            hasura=client,
            replies=replies,
            presence=Presence(bus),
            open_sockets=open_sockets,
            draining=Draining(settings.drain_seconds, open_sockets),
            origins=settings.cors_origins,
            sweeper=sweeper,
            imports=Imports(),
            breakers=(client.breaker, *((assistant.breaker,) if isinstance(assistant, LlmAssistant) else ())),
            request_timeout=settings.request_timeout,
        )
        state = State(services)
        measured.registry.register(state)
        stack.callback(measured.registry.unregister, state)
        yield services


def _redis(url: str) -> Redis:
    """Not connected until it is used. What fails is tried once more: an idle connection may have been closed."""
    return Redis.from_url(
        url,
        socket_timeout=3.0,
        socket_connect_timeout=3.0,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1),
    )
