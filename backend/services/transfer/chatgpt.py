"""ChatGPT's export: ``conversations.json``, an array of conversations, each a ``mapping`` of nodes by id.

A node has ``parent``, ``children`` and perhaps a ``message`` with ``author.role``, ``content`` and ``create_time``
(seconds). ``current_node`` is the leaf that was open. Prompts of the system and calls of tools are nodes, too.
https://help.openai.com/en/articles/7260999-how-do-i-export-my-chatgpt-history-and-data
"""

from __future__ import annotations

from typing import Any

from backend.services.transfer.conversation import (
    LONGEST_MESSAGE,
    LONGEST_TITLE,
    Conversation,
    Message,
    line_of,
    moment_of,
    text_of,
)

ORIGIN = "ChatGPT"


def reads(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("mapping"), dict)


def read(item: dict[str, Any]) -> Conversation:
    nodes = {key: node for key, node in item["mapping"].items() if isinstance(node, dict)}
    messages = {key: _message(key, nodes[key]) for key in _in_order(nodes)}
    source_id = item.get("conversation_id") or item.get("id")
    return Conversation(
        origin=ORIGIN,
        source_id=source_id if isinstance(source_id, str) else "",
        title=line_of(item.get("title"), LONGEST_TITLE),
        category=ORIGIN,
        messages=messages,
        current=current if isinstance(current := item.get("current_node"), str) else None,
        created_at=moment_of(item.get("create_time")),
        updated_at=moment_of(item.get("update_time")),
        settings={"is_archived": item.get("is_archived") is True},
    )


def _in_order(nodes: dict[str, Any]) -> list[str]:
    """Siblings in the order of their parent's ``children``, which is the order in which they came to be."""
    rank = {
        child: position
        for node in nodes.values()
        if isinstance(node.get("children"), list)
        for position, child in enumerate(node["children"])
        if isinstance(child, str)
    }
    return sorted(nodes, key=lambda key: rank.get(key, 0))


def _message(key: str, node: dict[str, Any]) -> Message:
    parent = node.get("parent")
    empty = Message(key, parent if isinstance(parent, str) else None, "", "")
    message = node.get("message")
    if not isinstance(message, dict):
        return empty
    role = message["author"].get("role") if isinstance(message.get("author"), dict) else None
    metadata = message["metadata"] if isinstance(message.get("metadata"), dict) else {}
    # What the assistant says to a tool, and what is hidden from the reader, is no message of the conversation.
    if role not in ("user", "assistant") or metadata.get("is_visually_hidden_from_conversation") is True:
        return empty
    if role == "assistant" and message.get("recipient") not in (None, "all"):
        return empty
    empty.role = role
    empty.content = text_of(_text(message.get("content")), LONGEST_MESSAGE + 1)
    empty.timestamp = moment_of(message.get("create_time"))
    if role == "assistant" and isinstance(model := metadata.get("model_slug"), str):
        empty.metadata = {"model": text_of(model, 200)}
    return empty


def _text(content: Any) -> str:
    """What a reader saw of it. Pictures and files are not in the export's JSON: a line says that there was one."""
    if not isinstance(content, dict):
        return ""
    kind = content.get("content_type")
    if kind in ("thoughts", "reasoning_recap", "model_editable_context", "user_editable_context"):
        return ""
    if kind in ("code", "execution_output") and isinstance(content.get("text"), str):
        return f"```\n{content['text']}\n```" if content["text"].strip() else ""
    parts = content.get("parts") if isinstance(content.get("parts"), list) else [content.get("text")]
    return "\n\n".join(text for part in parts or [] if (text := _part(part)).strip())


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    if isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("content_type")
    return f"*[{kind.removesuffix('_asset_pointer').replace('_', ' ')}]*" if isinstance(kind, str) else ""
