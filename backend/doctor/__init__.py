"""`chat-sessions doctor`: what an operator would look at first, each finding in one line.

A file has the checks of one subject; none writes, except `--repair`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.doctor import certificates, database, graphql, keys, services
from backend.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from backend.installation import Installation

__all__ = ["Finding", "examine"]


async def examine(
    installation: Installation, progress: Callable[[str], None], *, repair: bool = False
) -> AsyncIterator[Finding]:
    """Every check, in the order in which one depends on another. Raises InstallationError."""
    checks = (
        database.examine(installation, progress, repair=repair),
        graphql.examine(installation),
        services.examine(installation),
        certificates.examine(installation),
        keys.examine(installation),
    )
    for findings in checks:
        async for finding in findings:
            yield finding
