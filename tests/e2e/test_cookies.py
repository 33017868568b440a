"""Cookies of everything else on this machine: a browser sends them to every port of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.e2e.test_story import answers, send
from tests.fuzz.frames import RawSocket, Refused

if TYPE_CHECKING:
    from tests.e2e.stack import Stack


async def test_cookies_of_20_kb_from_other_programs_on_this_machine_are_no_hindrance(
    stack: Stack, visitors: Any
) -> None:
    ada = await visitors(stack)
    others = [{"name": f"other-{number}", "value": "x" * 4_000, "url": ada.home} for number in range(5)]
    await ada.context.add_cookies(others)
    page = await ada.register()
    await send(page, "Hello")
    await expect(answers(page)).to_have_count(1)
    await page.reload()
    await expect(answers(page)).to_have_count(1)
    # Every request had them, the WebSocket's handshake too.
    assert len(await ada.context.cookies()) == 6


async def test_cookies_that_are_too_much_for_a_tab_are_refused_and_not_waited_for(stack: Stack) -> None:
    home = stack.url("webapp").removeprefix("http://")
    host, _, port = home.partition(":")
    socket = await RawSocket.open(host, int(port))
    own = {"Host": home, "Origin": f"http://{home}", "Cookie": "x" * 100_000}
    with pytest.raises(Refused, match="431"):
        await socket.handshake("/_event/?token=x&EIO=4&transport=websocket", own)
    await socket.reader.read()  # to its end
