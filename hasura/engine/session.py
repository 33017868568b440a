"""Who asks: the role and the session variables of one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Session:
    """A role with its session variables; names are lower case (``x-hasura-user-id``), values are text."""

    role: str
    variables: Mapping[str, str] = field(default_factory=dict)
    #: The admin secret was given: ``backend_only`` permissions may be used.
    trusted_backend: bool = False
