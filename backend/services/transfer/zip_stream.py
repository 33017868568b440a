"""A zip that is sent while it is made: what is written to it leaves at once."""

from __future__ import annotations

import asyncio
import re
import unicodedata
import zipfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from backend.services.hasura_client import ChatSession

#: What no file system of today takes in a name, or takes for something else.
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
LONGEST_NAME = 60
#: A zip knows no time before.
_FIRST = (1980, 1, 1, 0, 0, 0)

#: Name, time, content in pieces.
Entry = tuple[str, datetime, AsyncGenerator[bytes, None]]


class _Outgoing:
    """A file without a position: zipfile then writes sizes behind the data."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


async def zipped(
    files: AsyncIterable[Entry],
) -> AsyncGenerator[bytes, None]:
    outgoing = _Outgoing()
    with zipfile.ZipFile(outgoing, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]  # as documented
        async for name, moment, content in files:
            info = zipfile.ZipInfo(name, max(moment.timetuple()[:6], _FIRST))
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as entry:
                async with aclosing(content):
                    async for piece in content:
                        await asyncio.to_thread(entry.write, piece)
                        if ready := outgoing.taken():
                            yield ready
            yield outgoing.taken()
    yield outgoing.taken()


def file_name(session: ChatSession, ending: str) -> str:
    """Of its title, different for every session, harmless on every system."""
    return f"{base_name(session)} {str(session.session_id)[:8]}{ending}"


def base_name(session: ChatSession) -> str:
    title = "".join(c for c in _NOT_IN_NAMES.sub(" ", session.title) if unicodedata.category(c)[0] != "C")
    title = " ".join(title.split())[:LONGEST_NAME].strip(" .")
    return f"{session.created_at:%Y-%m-%d} {title or 'chat'}"
