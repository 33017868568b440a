"""The account of whoever asks: name, password, signed-in devices, how long chats are kept, and its end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, status
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.deps import CurrentServices, Services, SignedInUser
from backend.errors import Invalid, NotFound, TooManyRequests, Unauthenticated, WrongPassword, documented
from backend.route_limits import CONFIRMATIONS
from backend.routes.auth import AccountOut, DisplayName, Password
from backend.routes.text import PlainText
from backend.services.accounts import Account, Retention
from backend.services.devices import SignedInDevice
from backend.services.rate_limits import Claim
from backend.services.tokens import User

router = APIRouter(prefix="/auth", tags=["auth"])

#: One that exists already, so that it need not be of today's form.
KnownPassword = Annotated[
    str, StringConstraints(max_length=128), PlainText, Field(examples=["correct horse battery"])
]


class Profile(BaseModel):
    display_name: DisplayName


class PasswordChange(BaseModel):
    old_password: KnownPassword
    new_password: Password


class Confirmation(BaseModel):
    password: KnownPassword


class DeviceOut(BaseModel):
    """`browser` and `system` are what the client called itself at its sign-in, empty where nobody can tell."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="sign_in_id")
    browser: str = Field(examples=["Firefox"])
    system: str = Field(examples=["Linux"])
    address: str = Field(description="at the sign-in", examples=["192.0.2.7"])
    signed_in_at: datetime
    last_used_at: datetime = Field(description="to some 15 minutes")
    current: bool = Field(False, description="the one that asks")


class DevicesOut(BaseModel):
    items: list[DeviceOut] = Field(description="latest use first, at most 100")


class SignedOut(BaseModel):
    signed_out: int = Field(description="how many devices")


class AccountSettings(BaseModel):
    retention_days: Retention = Field(
        description="chats that nothing has happened to for so long go for good, unless pinned; null keeps all"
    )


@router.patch("/me", summary="Change the name that is shown", responses=documented(Unauthenticated, Invalid))
async def rename(body: Profile, user: SignedInUser, services: CurrentServices) -> AccountOut:
    account = await services.accounts.rename(user.id, body.display_name)
    if account is None:
        raise _gone()
    return AccountOut.model_validate(account)


@router.post(
    "/password",
    summary="Change the password",
    description="Every other device is signed out.",
    responses=documented(Unauthenticated, WrongPassword, Invalid, TooManyRequests),
)
async def change_password(body: PasswordChange, user: SignedInUser, services: CurrentServices) -> SignedOut:
    account = await _confirmed(services, user, body.old_password)
    signed_out = await services.accounts.set_password(account, body.new_password, stays=user.sign_in_id)
    if signed_out is None:
        raise WrongPassword
    return SignedOut(signed_out=signed_out)


@router.get("/devices", summary="The devices that are signed in", responses=documented(Unauthenticated))
async def devices(user: SignedInUser, services: CurrentServices) -> DevicesOut:
    found = await services.devices.list(user.id)
    return DevicesOut(items=[_device(each, user) for each in found])


@router.delete(
    "/devices/{device_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Sign a device out",
    description="Its refresh token stops working at once; an access token that it holds ends by itself.",
    responses=documented(Unauthenticated, NotFound, Invalid),
)
async def sign_device_out(device_id: UUID, user: SignedInUser, services: CurrentServices) -> None:
    if not await services.devices.sign_out(user.id, device_id):
        raise NotFound


@router.post(
    "/devices/revoke-others",
    summary="Sign every other device out",
    responses=documented(Unauthenticated),
)
async def sign_other_devices_out(user: SignedInUser, services: CurrentServices) -> SignedOut:
    return SignedOut(signed_out=await services.devices.sign_out_others(user.id, user.sign_in_id))


@router.get("/settings", summary="How long chats are kept", responses=documented(Unauthenticated))
async def settings(user: SignedInUser, services: CurrentServices) -> AccountSettings:
    return AccountSettings(retention_days=await services.accounts.retention(user.id))


@router.put(
    "/settings", summary="Choose how long chats are kept", responses=documented(Unauthenticated, Invalid)
)
async def change_settings(
    body: AccountSettings, user: SignedInUser, services: CurrentServices
) -> AccountSettings:
    await services.accounts.set_retention(user.id, body.retention_days)
    return body


@router.delete(
    "/me",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete the account and everything in it",
    description="At once and for good: chats, messages, sign-ins. A very large account is emptied in the background;"
    " nobody can sign in to it any more.",
    responses=documented(Unauthenticated, WrongPassword, Invalid, TooManyRequests),
)
async def delete_account(body: Confirmation, user: SignedInUser, services: CurrentServices) -> None:
    account = await _confirmed(services, user, body.password)
    if not await services.deletion.delete_account(account):
        raise WrongPassword


async def _confirmed(services: Services, user: User, password: str) -> Account:
    """The account, when the password is its own: a token alone may have been stolen, and who holds one may have many
    addresses."""
    tries = Claim(CONFIRMATIONS, str(user.id))
    await services.limits.hit(tries)
    account = await services.accounts.check_password(user.id, password)
    if account is None:
        raise WrongPassword
    await services.limits.clear(tries)
    return account


def _device(device: SignedInDevice, user: User) -> DeviceOut:
    out = DeviceOut.model_validate(device)
    return out.model_copy(update={"current": device.sign_in_id == user.sign_in_id})


def _gone() -> Unauthenticated:
    return Unauthenticated("This account does not exist any more.")
