"""Argon2id, off the event loop and only a few at once: each hash takes a core and 64 MiB for a while."""

from __future__ import annotations

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash

AT_ONCE = 2

#: Somebody who does not exist has this hash, so that asking for them takes as long as for anyone.
_NOBODY = PasswordHash.recommended().hash("nobody")


class Passwords:
    """Create inside a running event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHash.recommended()
        self._limiter = CapacityLimiter(AT_ONCE)

    async def hash(self, password: str) -> str:
        return await to_thread.run_sync(self._hasher.hash, password, limiter=self._limiter)

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether it fits, and a new hash when `stored` was made with weaker parameters than today's."""
        fits, renewed = await to_thread.run_sync(
            self._hasher.verify_and_update, password, stored or _NOBODY, limiter=self._limiter
        )
        return (fits, renewed) if stored is not None else (False, None)
