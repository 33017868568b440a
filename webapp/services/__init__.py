"""What the pages share: the two APIs, who is signed in, and whether the servers can be reached.

One set a process, opened when the server starts and closed when it stops.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.services.hasura_client import HasuraClient
from webapp.services.api import Api
from webapp.services.login_store import LoginStore
from webapp.services.logins import Logins
from webapp.services.reachability import Reachability

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from webapp.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The shared parts."""

    graphql: HasuraClient
    api: Api
    logins: Logins
    reachability: Reachability


#: Reflex builds state objects itself, so they cannot be handed this: they ask `services`.
_open: list[Services] = []


def services() -> Services:
    """Those of the running server."""
    return _open[-1]


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        graphql = await stack.enter_async_context(HasuraClient(settings.graphql_url))
        api = await stack.enter_async_context(Api(settings.api_url))
        reachability = await stack.enter_async_context(Reachability(settings.graphql_url, settings.api_url))
        opened = Services(graphql, api, Logins(LoginStore(settings.logins_file), api), reachability)
        _open.append(opened)
        try:
            yield opened
        finally:
            _open.remove(opened)
