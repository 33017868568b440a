"""Work that takes long goes aside, so that whoever asks for much keeps nobody else waiting.

One thread does it: what is large waits for what is large, and Python hands the event loop its turn every few
milliseconds meanwhile.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasura.engine.document.parse import GraphQLRequest, Operation

T = TypeVar("T")

#: Up to these sizes a request costs the event loop a few milliseconds when it is new, and nearly nothing afterwards:
#: characters of the text, fields and those with a selection set (fragments multiply them), items in the variables.
_TEXT = 2_000
_FIELDS, _NODES = 300, 30
_ITEMS = 200

_aside = ThreadPoolExecutor(1, "large-requests")
_under_way: set[asyncio.Future[Any]] = set()


async def aside(work: Callable[..., T], *arguments: Any) -> T:
    """What ``work`` answers or raises, done on the other thread."""
    doing = asyncio.get_running_loop().run_in_executor(_aside, work, *arguments)
    _under_way.add(doing)
    doing.add_done_callback(_under_way.discard)
    return await doing


def under_way() -> int:
    """How much of it is being done or waits."""
    return len(_under_way)


def is_long(request: GraphQLRequest) -> bool:
    """Whether the text takes long to parse."""
    return len(request.query) > _TEXT


def is_large(request: GraphQLRequest, operation: Operation) -> bool:
    """Whether it may take long to prepare. Raises ``RecursionError``."""
    extent = operation.extent
    return (
        len(request.query) > _TEXT
        or extent.fields > _FIELDS
        or extent.nodes > _NODES
        or _has_more_items(request.variables, _ITEMS)
    )


def _has_more_items(value: Any, most: int) -> bool:
    waiting, items = [value], 0
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict | list):
            items += len(item)
            if items > most:
                return True
            waiting += item.values() if isinstance(item, dict) else item
    return False
