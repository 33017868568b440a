"""Open WebUI's export: an array of chats, each with ``chat.history``: ``messages`` by id, and ``currentId``.

A message has ``parentId``, ``childrenIds``, ``role``, ``content``, ``timestamp`` (seconds), ``model`` and, where it
was rated, ``annotation.rating`` (1 or -1). Answers of several models to one question are its children.
https://docs.openwebui.com/features/chat-features/
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from backend.services.transfer.conversation import (
    LONGEST_MESSAGE,
    LONGEST_TITLE,
    Conversation,
    Message,
    Rating,
    line_of,
    moment_of,
    prompt_of,
    temperature_of,
    text_of,
)

ORIGIN = "Open WebUI"
_RATINGS: dict[Any, Rating] = {1: "up", -1: "down"}


def reads(item: Any) -> bool:
    chat = item.get("chat") if isinstance(item, dict) else None
    return isinstance(chat, dict) and (
        isinstance(chat.get("history"), dict) or isinstance(chat.get("messages"), list)
    )


def read(item: dict[str, Any]) -> Conversation:
    chat = item["chat"]
    history = chat["history"] if isinstance(chat.get("history"), dict) else {}
    listed = history.get("messages")
    if isinstance(listed, dict):
        messages = {key: _message(key, each) for key, each in listed.items() if isinstance(each, dict)}
        current = history.get("currentId")
    else:  # the oldest exports have the open path only
        path = [each for each in chat.get("messages") or [] if isinstance(each, dict)]
        keys = [each["id"] if isinstance(each.get("id"), str) else str(n) for n, each in enumerate(path)]
        messages = {key: _message(key, each) for key, each in zip(keys, path, strict=True)}
        for before, key in pairwise(keys):
            messages[key].parent = before
        current = keys[-1] if keys else None
    params = chat["params"] if isinstance(chat.get("params"), dict) else {}
    source_id = item.get("id") or chat.get("id")
    return Conversation(
        origin=ORIGIN,
        source_id=source_id if isinstance(source_id, str) else "",
        title=line_of(item.get("title") or chat.get("title"), LONGEST_TITLE),
        category=ORIGIN,
        messages=messages,
        current=current if isinstance(current, str) else None,
        created_at=moment_of(item.get("created_at") or chat.get("timestamp")),
        updated_at=moment_of(item.get("updated_at")),
        settings={
            "is_archived": item.get("archived") is True,
            "is_pinned": item.get("pinned") is True,
            "system_prompt": prompt_of(params.get("system")),
            "temperature": temperature_of(params.get("temperature")),
        },
    )


def _message(key: str, item: dict[str, Any]) -> Message:
    parent, role = item.get("parentId"), item.get("role")
    message = Message(
        key,
        parent if isinstance(parent, str) else None,
        role if isinstance(role, str) else "",
        text_of(_text(item.get("content")), LONGEST_MESSAGE + 1),
        timestamp=moment_of(item.get("timestamp")),
    )
    if role == "assistant":
        annotation = item["annotation"] if isinstance(item.get("annotation"), dict) else {}
        message.rating = _RATINGS.get(annotation.get("rating"))
        if isinstance(model := item.get("model"), str):
            message.metadata = {"model": text_of(model, 200)}
    return message


def _text(content: Any) -> str:
    if isinstance(content, list):  # as the models' API has it: texts and pictures
        return "\n\n".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return content if isinstance(content, str) else ""
