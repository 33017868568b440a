"""One tab of a browser as the server sees it: what the built web UI says and when, and what it makes of the answers.

A page is a document, Reflex's events over socket.io (https://socket.io/docs/v4/socket-io-protocol/, in engine.io's
frames, https://socket.io/docs/v4/engine-io-protocol/), the routes of webapp/routes, and a WebSocket for each
answer that is being written. test_protocol.py compares this with a real Chromium.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import orjson

from tests.e2e.stack import ROOT
from tests.load.answer_line import AnswerLine
from tests.load.figures import Failure
from tests.load.plan import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.load.browser import Browser

KIND = "web UI"
_ROOT_STATE = "reflex___state____state"
_ON_LOAD = f"{_ROOT_STATE}.reflex___state____on_load_internal_state.on_load_internal"
_AUTH = f"{_ROOT_STATE}.webapp___state___auth____auth"
_CHATS = f"{_ROOT_STATE}.webapp___state___chat_history____chat_history"
_NEWS = '["tell", "chat-sessions"'
_TICKET = re.compile(r'"fetchCookie", "[^"]+", "([\w-]+)"')
#: Seconds after which a page says how far its reader has read (assets/js/reader.jsx).
_SOON = 0.15
#: Messages of an older page (assets/js/messages/store.js).
_OLDER = 100


def built_state() -> tuple[list[str], str]:
    """The hashes of the states' initial values and the schema, which the page is built with and tells the server."""
    context = (ROOT / "webapp" / ".web" / "utils" / "context.jsx").read_text()
    hashes = re.search(r"initialStateHashes = (\[.*?\])", context)
    schema = re.search(r'stateSchema = "(\w+)"', context)
    if hashes is None or schema is None:
        raise AssertionError("Reflex writes its context.jsx in another way: tests/load/tab.py must follow")
    return orjson.loads(hashes[1]), schema[1]


class Tab:
    """:param looked_at: whether somebody sees it: then what it shows counts as read."""

    def __init__(self, name: str, browser: Browser, *, looked_at: bool) -> None:
        self.name = name
        self.is_open = False
        self.session_id = ""
        self.owner = ""
        self._path = ""
        self._browser = browser
        self._looked_at = looked_at
        self._token = str(uuid4())
        self._device = str(uuid4())
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lines: dict[str, AnswerLine] = {}
        self.answers_read = 0
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._forget()

    def _forget(self) -> None:
        self._stamps: dict[int, str] = {}
        self._before: str | None = None
        self._revision = 0
        self._read_until = self._last_read = 0
        self._refreshing = False
        self._marking: asyncio.TimerHandle | None = None

    # What its reader does

    async def open(self, path: str) -> None:
        """Loads the page, as for the first time or anew."""
        await self.close()
        with self._timing("open the page"):
            async with asyncio.timeout(PATIENCE):
                await self._browser.document(path)
                self._forget()
                self.session_id = path.removeprefix("/chat").strip("/")
                waits = [self._expect("hydrated"), self._expect("news")]
                fetches: list[Coroutine[Any, Any, Any]] = [
                    self._connect(path),
                    self._sessions({"shelf": "active", "limit": "100"}),
                    self._sessions({"shelf": "active", "pinned": "true", "limit": "500"}),
                ]
                if self.session_id:
                    waits.append(self._expect(f"live {self.session_id}"))
                    fetches.append(self._newest())
                await asyncio.gather(*fetches)
                await asyncio.gather(*waits)
        self.is_open = True

    async def show(self, session_id: str) -> None:
        """Clicks on another chat."""
        self._browser.ledger.leave(self.name)
        self._leave_answers()
        self._forget()
        self.session_id, self._path = session_id, f"/chat/{session_id}"
        with self._timing("open another chat"):
            async with asyncio.timeout(PATIENCE):
                live = self._expect(f"live {session_id}")
                await self._event(_ON_LOAD, None)
                await self._newest()
                await live

    async def older(self) -> bool:
        """Scrolls up to where the next page is asked for. Whether there was one."""
        if self._before is None:
            return False
        with self._timing("page of history"):
            page = await self._browser.get(
                f"/history/{self.session_id}", {"before": self._before, "limit": str(_OLDER)}
            )
        self._before = page["before"]
        return True

    async def send(self, message_id: str, content: str) -> None:
        """Until the server has it, as the outbox does (assets/js/outbox.js)."""
        body = {"owner": self.owner, "session_id": self.session_id, "message_id": message_id}
        while True:
            try:
                await self._browser.post("/outbox", body | {"content": content, "title": ""})
            except (Failure, OSError, TimeoutError, aiohttp.ClientError) as exc:
                self._browser.figures.fail(f"{KIND}: send → acknowledged", _kind(exc))
                await asyncio.sleep(self._browser.chance.uniform(0.75, 1.25))
            else:
                self._browser.ledger.acknowledge(message_id)
                return

    async def sign_in(self, username: str, password: str) -> None:
        """From the page that asks for it, until the browser has its cookie."""
        async with asyncio.timeout(PATIENCE):
            hydrated, ticket = self._expect("hydrated"), self._expect("ticket")
            await self._browser.document("/sign-in")
            await self._connect("/sign-in")
            await hydrated
            with self._timing("sign in"):
                form = {"__reflex_form_data__": [["username", username], ["password", password]]}
                await self._event(f"{_AUTH}.sign_in", {"form": form})
                await self._browser.begin(await ticket)

    async def close(self) -> None:
        self.is_open = False
        self._browser.ledger.leave(self.name)
        self._leave_answers()
        if self._marking is not None:
            self._marking.cancel()
        tasks = [*self._tasks, *([self._reading] if self._reading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            with contextlib.suppress(aiohttp.ClientConnectionResetError):
                await self._say("41/_event,")
            await self._socket.close()
            self._socket = None

    # What the page asks for by itself

    async def _sessions(self, query: dict[str, str]) -> None:
        with self._timing("session list"):
            await self._browser.get("/sessions", query)

    async def _newest(self) -> None:
        session_id = self.session_id
        with self._timing("newest page of history"):
            page = await self._browser.get(f"/history/{session_id}", {})
        if self.session_id != session_id:
            return
        self._before, self._revision = page["before"], page["revision"]
        self._stamps = {row["id"]: row["stamp"] for row in page["rows"]}
        for row in page["rows"]:
            self._take_row(row)

    async def _refresh(self) -> None:
        """What was heard does not fit to what is here."""
        if self._refreshing:
            return
        self._refreshing = True
        try:
            with contextlib.suppress(Failure):
                await self._newest()
        finally:
            self._refreshing = False

    # Reflex

    async def _connect(self, path: str) -> None:
        self._path = path
        self._socket = await self._browser.connect(f"/_event/?token={self._token}&EIO=4&transport=websocket")
        self._reading = asyncio.create_task(self._read(self._socket))

    async def _event(self, name: str, payload: dict[str, Any] | None) -> None:
        event = {
            "name": name,
            **({} if payload is None else {"payload": payload}),
            "router_data": _router_data(self._path),
        }
        self._browser.record("event", event)
        await self._say(f"42/_event,{orjson.dumps(['event', event]).decode()}")

    async def _say(self, frame: str) -> None:
        assert self._socket is not None
        with contextlib.suppress(aiohttp.ClientConnectionResetError):  # which the reader counts
            await self._socket.send_str(frame)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        figures = self._browser.figures
        async for frame in socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                break
            figures.frames += 1
            text: str = frame.data
            if text.startswith("42/_event,"):
                match orjson.loads(text[10:]):
                    case ["event", update]:
                        self._take(update)
                    case ["new_token", token]:  # the one before is still known by its old socket
                        self._token = token
            elif text == "2":
                await self._say("3")
            elif text[0] == "0":
                await self._say(f"40/_event,{orjson.dumps(self._hydrate()).decode()}")
            elif text.startswith(("41", "44")):
                break
        self.is_open = False
        figures.fail(f"{KIND}: connection", f"closed with {socket.close_code}")

    def _hydrate(self) -> dict[str, Any]:
        hashes, schema = self._browser.built
        event: dict[str, Any] = {
            "name": f"{_ROOT_STATE}.hydrate_and_load",
            "payload": {"hashes": hashes},
            "router_data": _router_data(self._path),
        }
        self._browser.record("event", event)
        self._browser.record("connect", ["event", "state_schema", schema])
        return {"event": event, "state_schema": schema}

    def _take(self, update: dict[str, Any]) -> None:
        delta = update.get("delta") or {}
        if _ROOT_STATE in delta and delta[_ROOT_STATE].get("is_hydrated_rx_state_"):
            self._happened("hydrated")
        if auth := delta.get(_AUTH):
            self.owner = auth.get("user_id_rx_state_", self.owner)
        if chats := delta.get(_CHATS):
            self._take_chats(chats)
        for event in update.get("events") or []:
            script = event.get("payload", {}).get("javascript_code", "")
            if script.startswith(_NEWS):
                self._happened("news")
            elif found := _TICKET.search(script):
                self._happened("ticket", found[1])
            elif event["name"] == "_redirect" or "chat-failure" in script:
                self._browser.figures.fail(f"{KIND}: page", f"was told {event['name']} {script[:60]}")

    def _take_chats(self, chats: dict[str, Any]) -> None:
        if error := chats.get("error_rx_state_"):
            self._browser.figures.fail(f"{KIND}: page", f"shows {error[:60]}")
        if chats.get("missing_rx_state_"):
            self._browser.figures.fail(f"{KIND}: page", "says that the chat is missing")
        if (session := chats.get("current_session_rx_state_")) is not None:
            self._last_read = session["last_read_id"]
        self._read_until = chats.get("read_until_rx_state_", self._read_until)
        if (live := chats.get("live_rx_state_")) and live["session_id"] == self.session_id:
            self._take_window(live)
        self._mark_soon()

    def _take_window(self, live: dict[str, Any]) -> None:
        fresh = {row["id"]: row["stamp"] for row in live["rows"]}
        self._happened(f"live {self.session_id}")
        known = self._stamps | fresh
        if self._stamps and any(known.get(row_id) != stamp for row_id, stamp in live["ids"]):
            self._run(self._refresh())
        self._stamps = known
        for row in live["rows"]:
            self._take_row(row)

    def _take_row(self, row: dict[str, Any]) -> None:
        message_id = row["message_id"]
        self._browser.ledger.hear(self.name, message_id)
        line = self._lines.get(message_id)
        if row["status"] == "streaming" and line is None:
            line = self._lines[message_id] = AnswerLine(self._browser, message_id, self.name)
            self._run(line.follow())
        elif row["status"] != "streaming" and line is not None:
            del self._lines[message_id]
            line.leave()
            self.answers_read += 1
            if not row["content"].startswith(line.text):
                self._browser.ledger.complaints.append(
                    f"{self.name} read other words than are stored: {line.text[-40:]!r}"
                )

    def _leave_answers(self) -> None:
        for line in self._lines.values():
            line.leave()
        self._lines.clear()

    def _mark_soon(self) -> None:
        if self._marking is not None:
            self._marking.cancel()
            self._marking = None
        if self._looked_at and self.session_id and self._read_until > self._last_read:
            self._marking = asyncio.get_running_loop().call_later(_SOON, self._mark)

    def _mark(self) -> None:
        payload = {"session_id": self.session_id, "row_id": self._read_until, "device_id": self._device}
        self._run(self._event(f"{_CHATS}.mark_read", payload))

    # What is waited for

    def _expect(self, what: str) -> asyncio.Future[str]:
        self._waiting[what] = future = asyncio.get_running_loop().create_future()
        return future

    def _happened(self, what: str, value: str = "") -> None:
        if (future := self._waiting.pop(what, None)) is not None and not future.done():
            future.set_result(value)

    def _run(self, job: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _timing(self, what: str) -> contextlib.AbstractContextManager[None]:
        return self._browser.figures.timing(f"{KIND}: {what}")


def _router_data(path: str) -> dict[str, Any]:
    session_id = path.removeprefix("/chat").strip("/") if path.startswith("/chat/") else ""
    query = {"query": {"session_id": session_id}} if session_id else {}
    return {"pathname": path, "asPath": path, **query}


def _kind(exc: BaseException) -> str:
    return str(exc) if isinstance(exc, Failure) else type(exc).__name__
