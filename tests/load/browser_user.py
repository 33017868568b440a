"""Somebody before the web UI, with one tab or two."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from tests.load.browser import Browser
from tests.load.figures import Failure
from tests.load.habits import Habits
from tests.load.people import PASSWORD
from tests.load.tab import KIND, Tab

if TYPE_CHECKING:
    from tests.load.people import Person


class BrowserUser(Habits):
    """The first tab is looked at; the others stay at the chat that was open first, in the background."""

    def __init__(self, person: Person, browser: Browser, *, tabs: int) -> None:
        super().__init__(KIND, browser.figures, browser.chance)
        self.person = person
        self.browser = browser
        self.tabs = [Tab(f"{person.name}/{n}", browser, looked_at=n == 0) for n in range(tabs)]

    @property
    def connections(self) -> int:
        return len(self.tabs)

    async def arrive(self) -> None:
        home = self.person.sessions[0]
        if not self.browser.login_id:
            try:
                await self.tabs[0].sign_in(self.person.name, PASSWORD)
            except TimeoutError:
                self.figures.fail(f"{KIND}: sign in", "no answer in time")
                raise Failure("no answer in time") from None
            await self.tabs[0].open("/chat")
            await self.tabs[0].show(home)
        for tab in self.tabs:
            if not tab.is_open:
                await tab.open(f"/chat/{home}")

    async def leave(self) -> None:
        for tab in self.tabs:
            await tab.close()

    async def send(self) -> None:
        tab, message_id = await self._tab(), str(uuid4())
        content = f"{self.person.name} asks: {message_id}, and what follows from that?"
        shown_by = [each.name for each in self.tabs if each.is_open and each.session_id == tab.session_id]
        self.browser.ledger.send(tab.session_id, message_id, content, sender=tab.name, shown_by=shown_by)
        await tab.send(message_id, content)

    async def page(self) -> None:
        tab = await self._tab()
        if not await tab.older():
            await tab.open(f"/chat/{tab.session_id}")  # all is there by now; who begins anew reads it again

    async def list(self) -> None:
        """The page has the list already: whoever looks for more goes to another chat."""
        await self.switch()

    async def switch(self) -> None:
        """To another chat, and from there home."""
        tab, (home, *others) = await self._tab(), self.person.sessions
        await tab.show(home if tab.session_id != home else self.chance.choice(others))

    async def reload(self) -> None:
        tab = await self._tab()
        await tab.open(f"/chat/{tab.session_id}")

    async def _tab(self) -> Tab:
        """The one that is looked at; loaded again where its line broke."""
        tab = self.tabs[0]
        if not tab.is_open:
            await tab.open(f"/chat/{tab.session_id or self.person.sessions[0]}")
        return tab
