"""The routes of the engine, put together."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute

from . import console, explain_api, http, metadata_api, metrics_api, pg_dump_api, query_api, service, ws
from .engine import Engine
from .measured import MeasureApis
from .request_id import RequestId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hasura.engine.settings import Settings


def create_app(settings: Settings, *, only_when_ready: bool = False) -> Starlette:
    """An ASGI application that runs its engine for as long as its lifespan.

    :param only_when_ready: its start fails where the database or the metadata cannot be read; else they are waited for.
    :raises ValueError: a setting cannot be used.
    :raises BadRequest: the metadata directory cannot be read.
    """
    engine = Engine(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with engine.running():
            if only_when_ready:
                await engine.check_health()
            yield

    graphql = http.GraphQL(engine, always_200=True)
    routes = [
        Route("/v1/graphql", graphql, methods=["POST"]),
        WebSocketRoute("/v1/graphql", ws.graphql_socket),
        Route("/v1alpha1/graphql", http.GraphQL(engine, always_200=False), methods=["POST"]),
        WebSocketRoute("/v1alpha1/graphql", ws.graphql_socket),
        Route("/v1/metadata", metadata_api.metadata, methods=["POST"]),
        Route("/v1/query", query_api.query_v1, methods=["POST"]),
        Route("/v2/query", query_api.query_v2, methods=["POST"]),
        Route("/v1/graphql/explain", explain_api.explain, methods=["POST"]),
        Route("/v1alpha1/pg_dump", pg_dump_api.pg_dump, methods=["POST"]),
        Route("/v1/version", service.version),
        Route("/v1alpha1/config", service.config),
        Route("/v1/metrics", metrics_api.metrics),
        Route("/metrics", metrics_api.metrics),
        Route("/healthz", service.healthz),
        Route("/hasura/healthz", service.healthz),
        *console.routes(settings),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(RequestId),
            Middleware(http.ExceptForBrowsers, path="/v1/graphql", endpoint=graphql),
            *engine.cors.middleware(),
            Middleware(
                MeasureApis,
                metrics=engine.metrics,
                routes=frozenset(route.path for route in routes if isinstance(route, Route)),
            ),
        ],
        exception_handlers={404: service.nothing_here, 405: service.nothing_here, 500: service.broken},
        lifespan=lifespan,
    )
    # /v1/graphql/ is no path of Hasura's, and a redirect would name whatever host the client named.
    app.router.redirect_slashes = False
    app.state.engine = engine
    return app
