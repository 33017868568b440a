"""What the pages share: the two APIs, who is signed in, and whether the servers can be reached.

One set a process, opened when the server starts and closed when it stops.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backend.services.hasura_client import HasuraClient
from webapp.metrics import Metrics
from webapp.services.api import Api
from webapp.services.login_file import LoginFile
from webapp.services.login_redis import LoginRedis, connect
from webapp.services.logins import Logins
from webapp.services.reachability import Reachability

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import SecretStr

    from webapp.services.login_store import LoginStore
    from webapp.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The shared parts."""

    graphql: HasuraClient
    api: Api
    logins: Logins
    reachability: Reachability
    metrics: Metrics = field(default_factory=Metrics)
    #: Who may read them; without it, whoever asks from this machine.
    metrics_token: SecretStr | None = None


#: Reflex builds state objects itself, so they cannot be handed this: they ask `services`.
_open: list[Services] = []


def services() -> Services:
    """Those of the running server."""
    return _open[-1]


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        graphql = await stack.enter_async_context(HasuraClient(settings.graphql_url, observer=metrics))
        api = await stack.enter_async_context(Api(settings.api_url))
        reachability = await stack.enter_async_context(
            # What a page asks for as soon as the servers are back is not refused for the time they were away.
            Reachability(settings.graphql_url, settings.api_url, on_return=graphql.breaker.close)
        )
        metrics.watch_breaker(graphql.breaker)
        metrics.reachable.set_function(lambda: reachability.reachable)
        watching = asyncio.create_task(metrics.watch_loop(), name="loop-lag")
        stack.callback(watching.cancel)
        store: LoginStore = LoginFile(settings.logins_file)
        if settings.redis_url is not None:
            redis = await stack.enter_async_context(connect(settings.redis_url.get_secret_value()))
            store = LoginRedis(redis)
        logins = Logins(store, api)
        opened = Services(graphql, api, logins, reachability, metrics, settings.metrics_token)
        _open.append(opened)
        try:
            yield opened
        finally:
            _open.remove(opened)
