"""The account of whoever looks at the settings page: each route acts with the sign-in of the browser's cookie."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from webapp import login_cookie
from webapp.routes.bodies import read_body
from webapp.routes.refusals import refuse, refuse_with, words_of_request
from webapp.services import services
from webapp.services.api import ApiError, Visitor
from webapp.services.logins import SignedOut
from webapp.state.calls import with_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from webapp.services.api import Api

Answer = TypeVar("Answer")

LARGEST = 16 * 2**10


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Profile(_Body):
    display_name: str = Field(min_length=1, max_length=100)


class PasswordChange(_Body):
    old: str = Field(max_length=128)
    new: str = Field(min_length=8, max_length=128)


class Retention(_Body):
    days: Literal[30, 90, 365] | None


class Confirmation(_Body):
    password: str = Field(max_length=128)


async def show(request: Request) -> Response:
    """``{username, display_name, devices, retention_days}``."""
    login_id, api = _browser(request), services().api

    async def answer() -> Response:
        devices, retention_days = await asyncio.gather(
            with_token(login_id, api.devices), with_token(login_id, api.retention)
        )
        tokens = (await services().logins.look(login_id)).tokens
        return JSONResponse(
            {
                "username": tokens.username,
                "display_name": tokens.display_name,
                "devices": [asdict(device) for device in devices],
                "retention_days": retention_days,
            }
        )

    return await _answered(request, answer)


async def rename(request: Request) -> Response:
    """``{display_name}``, as asked and as it is now."""

    async def answer() -> Response:
        body = await read_body(request, Profile, largest=LARGEST)
        name = await _call(request, lambda api, token: api.rename(token, body.display_name))
        await services().logins.rename(_browser(request), name)
        return JSONResponse({"display_name": name})

    return await _answered(request, answer)


async def change_password(request: Request) -> Response:
    """``{signed_out}``: how many other devices."""

    async def answer() -> Response:
        body = await read_body(request, PasswordChange, largest=LARGEST)
        visitor = _visitor(request)
        signed_out = await _call(
            request, lambda api, token: api.change_password(token, body.old, body.new, visitor)
        )
        return JSONResponse({"signed_out": signed_out})

    return await _answered(request, answer)


async def sign_device_out(request: Request) -> Response:
    device_id = str(request.path_params["device_id"])

    async def answer() -> Response:
        try:
            await _call(request, lambda api, token: api.sign_device_out(token, device_id))
        except ApiError as exc:
            if exc.status != 404:  # signed out meanwhile: that is what was asked for
                raise
        return Response(status_code=204)

    return await _answered(request, answer)


async def sign_other_devices_out(request: Request) -> Response:
    async def answer() -> Response:
        return JSONResponse(
            {"signed_out": await _call(request, lambda api, token: api.sign_other_devices_out(token))}
        )

    return await _answered(request, answer)


async def choose_retention(request: Request) -> Response:
    async def answer() -> Response:
        body = await read_body(request, Retention, largest=LARGEST)
        await _call(request, lambda api, token: api.set_retention(token, body.days))
        return Response(status_code=204)

    return await _answered(request, answer)


async def delete_account(request: Request) -> Response:
    """204 once everything is gone, and the cookie with it."""
    login_id = _browser(request)

    async def answer() -> Response:
        body = await read_body(request, Confirmation, largest=LARGEST)
        visitor = _visitor(request)
        await _call(request, lambda api, token: api.delete_account(token, body.password, visitor))
        await services().logins.forget(login_id)
        gone = Response(status_code=204)
        login_cookie.clear(request, gone)
        return gone

    return await _answered(request, answer)


async def _call(request: Request, call: Callable[[Api, str], Awaitable[Answer]]) -> Answer:
    api = services().api
    return await with_token(_browser(request), lambda token: call(api, token))


async def _answered(request: Request, answer: Callable[[], Awaitable[Response]]) -> Response:
    words = words_of_request(request)
    try:
        return await answer()
    except ValueError:
        return refuse(422, words("errors.refused-text"))
    except (SignedOut, ApiError) as exc:
        return refuse_with(exc, words)


def _browser(request: Request) -> str:
    return login_cookie.read(request.headers.get("cookie", ""))


def _visitor(request: Request) -> Visitor:
    return Visitor(request.client.host if request.client else "", request.headers.get("user-agent", ""))


ROUTES = [
    Route("/account", show, methods=["GET"]),
    Route("/account", rename, methods=["PATCH"]),
    Route("/account", delete_account, methods=["DELETE"]),
    Route("/account/password", change_password, methods=["POST"]),
    Route("/account/devices", sign_other_devices_out, methods=["DELETE"]),
    Route("/account/devices/{device_id:uuid}", sign_device_out, methods=["DELETE"]),
    Route("/account/retention", choose_retention, methods=["PUT"]),
]
