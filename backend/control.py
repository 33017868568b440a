"""How a command reaches the stack that runs on this machine: a Unix socket that only its owner can open.

One line goes there, the name of the process to restart; lines of JSON come back: ``{"said": …}`` any number of times,
then ``{"done": true}`` or ``{"failed": …}``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    Say = Callable[[str], None]


class Refused(Exception):
    """It was not done. The text is one line for a person."""


@asynccontextmanager
async def serving(data_dir: Path, restart: Callable[[str, Say], Awaitable[None]]) -> AsyncIterator[None]:
    """While this lasts, `request` of the same data directory is answered by `restart`, which may raise Refused."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def tell(what: dict[str, object]) -> None:
            writer.write(json.dumps(what).encode() + b"\n")

        try:
            await restart(
                (await reader.readline()).decode(errors="replace").strip(), lambda s: tell({"said": s})
            )
            tell({"done": True})
        except Refused as error:
            tell({"failed": str(error)})
        finally:
            writer.close()

    # Not in the data directory itself: the path of such a socket has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="chat-sessions-") as folder:
        address = Path(folder) / "control"
        server = await asyncio.start_unix_server(answer, address)
        _record(data_dir).write_text(str(address))
        try:
            yield
        finally:
            server.close()
            _record(data_dir).unlink(missing_ok=True)


def request(data_dir: Path, name: str) -> Iterator[str]:
    """Has a process of the running stack restarted; what is said meanwhile. Raises Refused."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(_record(data_dir).read_text())
        except OSError:
            raise Refused(f"no stack runs from {data_dir}: `make up` starts one") from None
        connection.sendall(f"{name}\n".encode())
        with connection.makefile() as lines:
            for line in lines:
                match json.loads(line):
                    case {"said": str(text)}:
                        yield text
                    case {"failed": str(text)}:
                        raise Refused(text)
                    case _:
                        return
    raise Refused("the stack has stopped")


def _record(data_dir: Path) -> Path:
    return data_dir / "control"
