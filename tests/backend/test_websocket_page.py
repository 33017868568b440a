"""docs/websocket.md shows every event that there is, as it is, and every way in which a connection ends."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from backend.routes import ws_chat, ws_events
from backend.routes.ws_connection import AUTH_WITHIN, CLOSE, MALFORMED, SEND_WITHIN
from backend.services.presence import TYPING_FOR
from backend.settings import Settings
from tests.backend.test_docs import page

PAGE = page("websocket.md")
SENT, HEARD = PAGE.split("## What you send")[1].split("## What you hear")


def examples(text: str) -> list[dict[str, Any]]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def models(*, sent: bool) -> dict[str, type[BaseModel]]:
    """Every event model, by its `type`."""
    client = {*get_args(ws_events.ChatClientEvent), *get_args(ws_events.StatusClientEvent)}
    found = {
        value
        for value in vars(ws_events).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and "type" in value.model_fields
    }
    return {
        get_args(model.model_fields["type"].annotation)[0]: model
        for model in (client if sent else found - client)
        if model.__module__ == ws_events.__name__
    }


@pytest.mark.parametrize(("text", "sent"), [(SENT, True), (HEARD, False)], ids=["sent", "heard"])
def test_every_event_is_shown_whole_and_no_other(text: str, sent: bool) -> None:
    known = models(sent=sent)
    shown = examples(text)
    assert {event["type"] for event in shown} == set(known)
    for event in shown:
        model = known[event["type"]]
        assert set(event) == set(model.model_fields), event["type"]
        said = model.model_validate(event).model_dump(mode="json")
        assert said.keys() == event.keys()
        for name, value in event.items():
            if isinstance(value, dict) and name != "problem":
                assert said[name].keys() == value.keys(), name


def test_the_limits_are_the_real_ones() -> None:
    for words in (
        f"within {AUTH_WITHIN:.0f} seconds",
        f"it lasts {TYPING_FOR:.0f}",
        f"for {SEND_WITHIN:.0f} seconds",
        f"{MALFORMED} frames",
        f"newest {ws_chat.NEWEST} messages",
        f"more than {ws_chat.FURTHEST} are new",
        f"hold {Settings.model_fields['sockets_per_user'].default} connections",
    ):
        assert words in PAGE, words
    for status in (401, 403, 404, 408, 422, 429, 503):
        assert f"| {CLOSE + status} |" in PAGE
