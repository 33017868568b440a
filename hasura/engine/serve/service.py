"""Health, version and the public part of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse

from hasura.engine.auth.jwt_config import DEFAULT_NAMESPACE
from hasura.engine.errors import AccessDenied, EngineError, ResourceNotFound

from .answers import api_refusal, json_answer
from .headers import header_map

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from hasura.engine.settings import Settings

    from .engine import Engine

#: The Hasura whose behaviour this engine follows; clients look at it.
VERSION = "v2.48.10"


async def healthz(request: Request) -> Response:
    """200 ``OK``, 200 ``WARN: …`` or 500 ``ERROR``, which inconsistent metadata is with ``?strict=true``; 503 from an
    engine that is to end."""
    engine: Engine = request.app.state.engine
    if engine.draining:
        return PlainTextResponse("ERROR: shutting down", 503)
    try:
        await engine.check_health()
    except EngineError:
        return PlainTextResponse("ERROR", 500)
    if not engine.snapshot.inconsistencies:
        return PlainTextResponse("OK")
    if request.query_params.get("strict") == "true":
        return PlainTextResponse("ERROR: inconsistent objects in schema", 500)
    return PlainTextResponse("WARN: inconsistent objects in schema")


async def version(_request: Request) -> Response:
    """``GET /v1/version``."""
    return json_answer({"version": VERSION, "server_type": "ce"})


async def config(request: Request) -> Response:
    """``GET /v1alpha1/config``: what a console needs to know; for admins."""
    engine: Engine = request.app.state.engine
    try:
        if engine.authenticator.authenticate(header_map(request.scope["headers"])).session.role != "admin":
            raise AccessDenied("You have to be an admin to access this endpoint")
    except EngineError as error:
        return api_refusal(error)
    return json_answer(_public(engine.settings))


async def nothing_here(_request: Request, _problem: Exception) -> Response:
    """Any path that is no API's."""
    return nowhere()


def nowhere() -> Response:
    """What is answered there."""
    return api_refusal(ResourceNotFound("resource does not exist"))


async def broken(_request: Request, _problem: Exception) -> Response:
    """A fault of the engine's own: the log has it, the client does not."""
    return api_refusal(EngineError("Internal Server Error"))


def _public(settings: Settings) -> dict[str, Any]:
    jwt = settings.jwt_secret
    return {
        "version": VERSION,
        "is_function_permissions_inferred": settings.infer_function_permissions,
        "is_remote_schema_permissions_enabled": False,
        "is_admin_secret_set": settings.admin_secret is not None,
        "is_auth_hook_set": False,
        "is_jwt_set": jwt is not None,
        "jwt": []
        if jwt is None
        else [
            {
                "claims_namespace": jwt.claims_namespace_path or jwt.claims_namespace or DEFAULT_NAMESPACE,
                "claims_format": jwt.claims_format,
                "claims_map": jwt.model_dump(mode="json")["claims_map"],
            }
        ],
        "is_allow_list_enabled": settings.enable_allowlist,
        "live_queries": {
            "batch_size": settings.live_queries_multiplexed_batch_size,
            "refetch_delay": settings.live_queries_multiplexed_refetch_interval / 1000,
        },
        "streaming_queries": {
            "batch_size": settings.streaming_queries_multiplexed_batch_size,
            "refetch_delay": settings.streaming_queries_multiplexed_refetch_interval / 1000,
        },
        "console_assets_dir": settings.console_assets_dir and str(settings.console_assets_dir),
        "experimental_features": [],
        "is_prometheus_metrics_enabled": False,
        "default_naming_convention": "hasura-default",
        "feature_flags": [],
        "is_apollo_federation_enabled": False,
    }
