"""The file that somebody brings: on disk while it is read, never in memory, and no larger than may be."""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from starlette.concurrency import run_in_threadpool

from backend.services.transfer import chatgpt, open_webui, own_json
from backend.services.transfer.conversation import Conversation, NotReadable, Reason
from backend.services.transfer.json_items import Item, items

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator

#: Bytes of a file, and of what a zip unpacks to.
LARGEST_FILE = 200 * 2**20
LARGEST_UNPACKED = 2 * 2**30
#: What a zip may hold for us: ChatGPT's, whole or in parts, and ours.
_WANTED = re.compile(r"(?:.*/)?(?:conversations(?:-\d+)?|chat-sessions(?:-[\w-]+)?)\.json")
_MOST_FILES = 1000


class FileTooLarge(Exception):
    """More than `LARGEST_FILE` bytes."""


async def received(stream: AsyncIterable[bytes]) -> BinaryIO:
    """The file, to be closed by the caller. Raises FileTooLarge."""
    file = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=2**20))  # noqa: SIM115
    try:
        async for chunk in stream:
            await run_in_threadpool(file.write, chunk)
            if file.tell() > LARGEST_FILE:
                raise FileTooLarge  # noqa: TRY301  the file is closed below
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def conversations(file: BinaryIO) -> Iterator[tuple[int, Conversation | NotReadable]]:
    """Each conversation, or why it is none, with how many bytes of the file are read so far.

    Raises NotReadable for a file that is none of those that are known, when it gets there.
    """
    file.seek(0)
    if file.read(4) == b"PK\x03\x04":
        yield from _of_zip(file)
    else:
        file.seek(0)
        for item in items(file, own_json.LISTS):
            yield file.tell(), _read(item)


def _of_zip(file: BinaryIO) -> Iterator[tuple[int, Conversation | NotReadable]]:
    try:
        with zipfile.ZipFile(file) as archive:
            wanted = [each for each in archive.infolist()[:_MOST_FILES] if _WANTED.fullmatch(each.filename)]
            if not wanted:
                raise NotReadable(Reason.NOT_IN_ZIP)
            left = [LARGEST_UNPACKED]
            for each in sorted(wanted, key=lambda info: info.filename):
                with archive.open(each) as packed:
                    for item in items(cast("BinaryIO", _Limited(packed, left)), own_json.LISTS):
                        yield file.tell(), _read(item)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as exc:
        # A password is RuntimeError, an unknown way to pack NotImplementedError.
        raise NotReadable(Reason.BAD_ZIP) from exc


class _Limited:
    """A small file may unpack to an endless one."""

    def __init__(self, file: Any, left: list[int]) -> None:
        self._file = file
        self._left = left

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size if 0 <= size < 2**20 else 2**20)
        self._left[0] -= len(data)
        if self._left[0] < 0:
            raise NotReadable(Reason.ENDLESS_ZIP)
        return data


def _read(item: Item) -> Conversation | NotReadable:
    value = item.value
    if value is None:
        return NotReadable(Reason.TOO_LARGE)
    if own_json.reads(value):
        try:
            return own_json.read(value, item.head)
        except NotReadable as exc:
            return exc
    if chatgpt.reads(value):
        return chatgpt.read(value)
    if open_webui.reads(value):
        return open_webui.read(value)
    return NotReadable(Reason.UNKNOWN)
