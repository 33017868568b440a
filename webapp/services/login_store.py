"""Where browsers' sign-ins are kept, for all processes of the web UI and over their restarts.

A text is found by the hash of a secret, the browser's cookie, and encrypted with a key made of that secret: whoever
copies what is stored can use none of it. In a file (`login_file`) or in Redis (`login_redis`).
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Protocol

from cryptography.fernet import Fernet

from webapp.services.api import ApiUnavailable

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

#: Seconds after which whoever died while it was alone is waited for no longer. The backend takes a refresh token again
#: for 10 s after it was used (`backend.services.refresh_tokens.GRACE`): who comes next still finds it good.
LEASE = 8.0
#: Seconds to wait for one's turn: longer than somebody who died is waited for.
PATIENCE = 12.0
#: Seconds between two tries.
TRY_AGAIN = 0.05


class StoreAway(ApiUnavailable):
    """Nobody can say now who is signed in."""

    def __init__(self) -> None:
        super().__init__(503, "The store of sign-ins cannot be reached.")


class LoginStore(Protocol):
    """All of it raises StoreAway. `lifetime` is in seconds."""

    async def put(self, secret: str, text: str, *, lifetime: float) -> None: ...

    async def get(self, secret: str) -> str | None: ...

    async def take(self, secret: str) -> str | None:
        """And it is gone: of two processes that take it at the same moment one gets it."""

    def alone(self, secret: str) -> AbstractAsyncContextManager[None]:
        """With this secret nobody else is in here, in no process, for up to LEASE."""


def row_id(secret: str) -> bytes:
    return hashlib.sha256(b"row " + secret.encode()).digest()


def seal(secret: str, text: str) -> bytes:
    return _key(secret).encrypt(text.encode())


def unseal(secret: str, sealed: bytes) -> str:
    return _key(secret).decrypt(sealed).decode()


def _key(secret: str) -> Fernet:
    # The secret is 256 random bits, so one hash is enough to make a key of it.
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"key " + secret.encode()).digest()))
