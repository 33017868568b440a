"""The secrets: long enough, not guessable, and nobody else's to read."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

from backend.doctor.finding import ok, wrong
from backend.installation import ADMIN_SECRET, JWT_SECRET, OWNER_PASSWORD, SUPERUSER_PASSWORD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from backend.doctor.finding import Finding
    from backend.installation import Installation

#: Characters: of base64 that is a key of 128 bits.
SHORTEST = 22
#: Different ones that so many random characters nearly always have.
_FEWEST = 10


async def examine(installation: Installation) -> AsyncIterator[Finding]:
    yield strength(installation.environment)
    if installation.secrets_file.exists():
        yield readers(installation.secrets_file)


def strength(environment: Mapping[str, str | None]) -> Finding:
    """Names what is weak, never what it is."""
    secrets = {
        name: value
        for name in (ADMIN_SECRET, OWNER_PASSWORD, SUPERUSER_PASSWORD, "CHAT_METRICS_TOKEN")
        if (value := environment.get(name))
    }
    try:
        secrets[JWT_SECRET] = str(json.loads(environment.get(JWT_SECRET) or "{}").get("key", ""))
    except (ValueError, AttributeError):
        secrets[JWT_SECRET] = ""
    weak = [f"{name} {why}" for name, value in secrets.items() if (why := _weakness(value))]
    if len(set(secrets.values())) < len(secrets):
        weak.append("two of them are the same: who learns one has the other")
    if weak:
        return wrong("secrets", "some can be guessed (`openssl rand -base64 36` makes better ones)", *weak)
    return ok("secrets", f"{len(secrets)} are long and look random")


def readers(file: Path) -> Finding:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return wrong("secrets file", f"others may read {file} (mode {mode:04o}): chmod 600")
    return ok("secrets file", f"{file} is its owner's alone")


def _weakness(value: str) -> str | None:
    if not value:
        return "is missing"
    if len(value) < SHORTEST:
        return f"has {len(value)} characters, {SHORTEST} are needed"
    if len(set(value)) < _FEWEST:
        return f"has only {len(set(value))} different characters"
    return None
