"""Register, sign in, stay signed in, sign out. The account itself: `backend.routes.account`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, status
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.deps import CurrentServices, CurrentUser, Services
from backend.errors import (
    Conflict,
    Invalid,
    TooManyRequests,
    Unauthenticated,
    WrongCredentials,
    documented,
)
from backend.route_limits import NAMES, address_of, network_of
from backend.routes.text import PlainText, Written
from backend.services.accounts import Account, UsernameTaken
from backend.services.devices import recognise
from backend.services.rate_limits import Claim
from backend.services.refresh_tokens import PasswordReplaced, RefreshRefused, SignIn
from backend.services.tokens import ACCESS_LIFETIME

router = APIRouter(prefix="/auth", tags=["auth"])

Username = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{2,31}$"),
    Field(
        description="3–32 letters, digits, `_`, `.`, `-`; `Ada` and `ada` are one person", examples=["ada"]
    ),
]
Password = Annotated[
    str, StringConstraints(min_length=8, max_length=128), PlainText, Field(examples=["correct horse battery"])
]
DisplayName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Written,
    Field(examples=["Ada Lovelace"]),
]
RefreshToken = Annotated[str, StringConstraints(min_length=1, max_length=200), PlainText]


class Registration(BaseModel):
    username: Username
    password: Password
    display_name: DisplayName | None = Field(None, description="the username unless given")


class Credentials(BaseModel):
    username: Annotated[str, StringConstraints(max_length=128), PlainText] = Field(examples=["ada"])
    password: Annotated[str, StringConstraints(max_length=128), PlainText] = Field(
        examples=["correct horse battery"]
    )


class Refresh(BaseModel):
    refresh_token: RefreshToken


class AccountOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    username: str
    display_name: str


class SignedIn(BaseModel):
    """`access_token` is what GraphQL and this API accept, for `expires_in` seconds; then `/auth/refresh`."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105  the scheme of RFC 6750
    expires_in: int = Field(int(ACCESS_LIFETIME.total_seconds()), description="seconds")
    device_id: UUID = Field(description="this sign-in among `GET /auth/devices`")
    user: AccountOut


@router.post(
    "/register",
    status_code=status.HTTP_201_CREATED,
    summary="Create an account and sign in",
    responses=documented(Conflict, Invalid, TooManyRequests),
)
async def register(body: Registration, request: Request, services: CurrentServices) -> SignedIn:
    try:
        account = await services.accounts.create(body.username, body.password, body.display_name)
    except UsernameTaken:
        raise Conflict("This username is taken; choose another.") from None
    return await _sign_in(services, request, account)


@router.post("/login", summary="Sign in", responses=documented(WrongCredentials, Invalid, TooManyRequests))
async def login(body: Credentials, request: Request, services: CurrentServices) -> SignedIn:
    name = Claim(NAMES, f"{network_of(address_of(request.scope))}:{body.username.lower()}")
    await services.limits.hit(name)  # before the guess is made, so that parallel ones count too
    account = await services.accounts.authenticate(body.username, body.password)
    if account is None:
        await services.audit.sign_in_failed(body.username, address_of(request.scope))
        raise WrongCredentials
    await services.limits.clear(name)  # whoever knows the password starts afresh
    return await _sign_in(services, request, account)


@router.post(
    "/refresh",
    summary="Trade a refresh token for new tokens",
    description="A refresh token works once. Sent again after that, it ends this sign-in.",
    responses=documented(Unauthenticated, Invalid),
)
async def refresh(body: Refresh, services: CurrentServices) -> SignedIn:
    try:
        sign_in = await services.refresh_tokens.rotate(body.refresh_token)
    except RefreshRefused:
        raise Unauthenticated("The refresh token is not valid any more. Sign in again.") from None
    return _signed_in(services, sign_in)


@router.post(
    "/logout",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="End this sign-in",
    description="The refresh token and all its replacements stop working; the access token ends by itself.",
    responses=documented(Invalid),
)
async def logout(body: Refresh, services: CurrentServices) -> None:
    await services.refresh_tokens.revoke(body.refresh_token)


@router.get("/me", summary="Who am I", responses=documented(Unauthenticated))
async def me(user: CurrentUser, services: CurrentServices) -> AccountOut:
    account = await services.accounts.find(user.id)
    if account is None:
        raise Unauthenticated("This account does not exist any more.")
    return AccountOut.model_validate(account)


async def _sign_in(services: Services, request: Request, account: Account) -> SignedIn:
    device = await recognise(request.headers.get("user-agent", ""))
    try:
        sign_in = await services.refresh_tokens.issue(account, device, address_of(request.scope))
    except PasswordReplaced:
        raise WrongCredentials from None
    return _signed_in(services, sign_in)


def _signed_in(services: Services, sign_in: SignIn) -> SignedIn:
    account = sign_in.account
    return SignedIn(
        access_token=services.tokens.access(account.id, account.role, sign_in_id=sign_in.id),
        refresh_token=sign_in.refresh_token,
        device_id=sign_in.id,
        user=AccountOut.model_validate(account),
    )
