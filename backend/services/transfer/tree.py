"""The tree of a conversation as this project has it: questions and answers only, each answer after its question.

What the origin has besides, prompts of the system and calls of tools, is taken out, and what followed it follows what
came before it. An answer in several pieces becomes one. Whatever cannot be kept is counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from backend.services.transfer.conversation import LONGEST_MESSAGE, Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backend.services.transfer.conversation import Conversation

Children = dict[str | None, list[str]]


class Tree:
    """`messages` by id, `children` by the id of what they follow, `path` of those that are open; ``left_out`` counts
    by reason.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.left_out: Counter[str] = Counter()
        self.messages = _shown(conversation.messages, self.left_out)
        self._current = _nearest(conversation.messages, self.messages, conversation.current)
        self.path = self._path()
        self._join_pieces()
        self.path = self._path()
        self._answers_before_questions()
        self.path = self._path()
        for message in self.messages.values():
            if len(message.content) > LONGEST_MESSAGE:
                message.content = message.content[:LONGEST_MESSAGE]
                self.left_out["shortened"] += 1

    @property
    def leaf(self) -> str | None:
        """Where the open path ends."""
        return self._current if self._current is not None else self._newest_leaf()

    @property
    def children(self) -> Children:
        children: Children = defaultdict(list)
        for key, message in self.messages.items():
            children[message.parent].append(key)
        return children

    def walk(self) -> Iterator[tuple[str, list[str]]]:
        """Each message with its siblings, itself among them, after what it follows; the first of several siblings
        with all that follows it before the next.
        """
        children = self.children
        waiting = [(key, children[None]) for key in reversed(children[None])]
        while waiting:
            key, siblings = waiting.pop()
            yield key, siblings
            waiting += [(child, children[key]) for child in reversed(children.get(key, []))]

    def _path(self) -> set[str]:
        path: set[str] = set()
        key = self.leaf
        while key is not None and key not in path:
            path.add(key)
            key = self.messages[key].parent
        return path

    def _newest_leaf(self) -> str | None:
        """Where no leaf is known: the end of the versions that came last."""
        children, key = self.children, None
        while following := children.get(key):
            key = following[-1]
        return key

    def _preferred(self, keys: list[str]) -> str:
        return next((key for key in keys if key in self.path), keys[0])

    def _join_pieces(self) -> None:
        """An answer that follows an answer is its next piece."""
        into: dict[str, str] = {}
        dropped: list[str] = []
        for key, siblings in list(self.walk()):
            message = self.messages[key]
            parent = message.parent
            if message.role != "assistant" or (parent is not None and self.messages[parent].role == "user"):
                continue
            pieces = [each for each in siblings if self.messages[each].role == "assistant"]
            if key != self._preferred(pieces):
                dropped.append(key)
            elif parent is not None:
                into[key] = into.get(parent, parent)
        for key, whole in into.items():
            self.messages[whole].content += "\n\n" + self.messages[key].content
        for message in self.messages.values():
            if message.parent in into:
                message.parent = into[message.parent]
        if self._current in into:
            self._current = into[self._current]
        for key in into:
            del self.messages[key]
        for key in dropped:
            self._drop(key)

    def _drop(self, top: str) -> None:
        children = self.children
        waiting = [top]
        while waiting:
            key = waiting.pop()
            waiting += children.get(key, [])
            if self.messages.pop(key, None) is not None:
                self.left_out["parallel"] += 1
            if key == self._current:
                self._current = None

    def _answers_before_questions(self) -> None:
        """Where a question and an answer follow the same message, the question follows the answer."""
        for parent, keys in self.children.items():
            answers = [key for key in keys if self.messages[key].role == "assistant"]
            if answers and (parent is None or len(answers) < len(keys)):
                before = self._preferred(answers)
                for key in keys:
                    if key not in answers:
                        self.messages[key].parent = before


def _shown(messages: Mapping[str, Message], left_out: Counter[str]) -> dict[str, Message]:
    shown: dict[str, Message] = {}
    for key, message in messages.items():
        if message.role in ("user", "assistant") and (
            message.content.strip() or (message.role == "assistant" and message.status != "complete")
        ):
            shown[key] = replace(message)
        elif message.content.strip():
            left_out["role"] += 1
    for message in shown.values():
        message.parent = _nearest(messages, shown, message.parent)
    return _without_rings(shown)


def _nearest(messages: Mapping[str, Message], shown: Mapping[str, Message], key: str | None) -> str | None:
    """The message of that id, or the nearest before it that is shown."""
    seen = set()
    while key is not None and key not in shown:
        if key in seen or key not in messages:
            return None
        seen.add(key)
        key = messages[key].parent
    return key


def _without_rings(shown: dict[str, Message]) -> dict[str, Message]:
    """A hostile file may have messages that follow each other in a circle: there each begins anew."""
    good: set[str] = set()
    for key in shown:
        trail: dict[str, None] = {}
        at: str | None = key
        while at is not None and at not in good:
            if at in trail:
                shown[at].parent = None
                break
            trail[at] = None
            at = shown[at].parent
        good.update(trail)
    return shown
