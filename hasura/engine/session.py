"""Who asks: the role and the session variables of one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import AsyncConnection

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Session:
    """A role with its session variables; names are lower case (``x-hasura-user-id``), values are text."""

    role: str
    variables: Mapping[str, str] = field(default_factory=dict)
    #: The admin secret was given: ``backend_only`` permissions may be used.
    trusted_backend: bool = False

    def text(self) -> str:
        """The variables and the role as one JSON object."""
        return orjson.dumps({**self.variables, "x-hasura-role": self.role}).decode()


async def tell(connection: AsyncConnection[Any], session: Session, *, once: bool = True) -> None:
    """Who asks, for the triggers: the setting ``hasura.user``, as in Hasura. ``once``: in this transaction only."""
    await connection.execute("SELECT set_config('hasura.user', %s, %s)", [session.text(), once])
