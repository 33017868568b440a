"""Several engines on one database: what is written through one is heard through the others."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from backend.services.hasura_client import HasuraClient
from tests.backend.conftest import Person, engine_process
from tests.conftest import free_port


async def test_what_is_written_through_one_engine_is_heard_through_another(
    backend_database: str, hasura: HasuraClient, ada: Person
) -> None:
    port = free_port()
    with engine_process(backend_database, port):
        async with HasuraClient(f"http://127.0.0.1:{port}/v1/graphql") as other, asyncio.timeout(20):
            session_id = (await hasura.create_chat_session(ada.access_token)).session_id
            async with (
                aclosing(hasura.watch_messages(ada.access_token, session_id)) as here,
                aclosing(other.watch_messages(ada.access_token, session_id)) as there,
            ):
                assert await anext(here) == await anext(there) == []
                await hasura.add_chat_message(ada.access_token, session_id, "from here")
                await other.add_chat_message(ada.access_token, session_id, "from there")
                for states in (here, there):
                    while [message.content for message in await anext(states)] != ["from here", "from there"]:
                        pass
