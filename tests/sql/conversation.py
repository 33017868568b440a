"""A session as a plain tree of messages, and the same as the database says: what branches are held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from tests.sql.conftest import one

if TYPE_CHECKING:
    import psycopg


@dataclass(eq=False)
class Node:
    """A question, or an answer, which follows its question; a question follows an answer or an unanswered question."""

    id: int
    answer: bool
    parent: Node | None
    children: list[Node] = field(default_factory=list)
    #: When a path through it was left last.
    left: int = 0

    def __post_init__(self) -> None:
        if self.parent is not None:
            self.parent.children.append(self)

    def versions(self) -> list[Node]:
        assert self.parent is not None
        return sorted((n for n in self.parent.children if n.answer == self.answer), key=lambda n: n.id)

    def move_to(self, parent: Node) -> None:
        assert self.parent is not None
        self.parent.children.remove(self)
        self.parent = parent
        parent.children.append(self)
        parent.left = max(parent.left, self.left)


class Tree:
    """The conversation that a session's rows stand for; ids are those of the rows."""

    def __init__(self) -> None:
        self.root = Node(0, True, None)
        self.path: list[Node] = []
        self.nodes: dict[int, Node] = {}
        self._clock = 0

    def _new(self, row: int, answer: bool, parent: Node) -> Node:
        self.nodes[row] = Node(row, answer, parent)
        return self.nodes[row]

    def append(self, row: int) -> None:
        self.path.append(self._new(row, False, self.path[-1] if self.path else self.root))

    def edit(self, row: int, of: int) -> None:
        parent = self.nodes[of].parent
        assert parent is not None
        self._show(self._new(row, False, parent))

    def answer(self, row: int, to: int) -> None:
        question = self.nodes[to]
        if any(child.answer for child in question.children):
            self._show(self._new(row, True, question))
            return
        after = list(question.children)
        answer = self._new(row, True, question)
        for node in after:
            node.move_to(answer)
        if question in self.path:
            self.path.insert(self.path.index(question) + 1, answer)

    def choose(self, row: int) -> None:
        if self.nodes[row] not in self.path:
            self._show(self.nodes[row])

    def delete(self, row: int) -> None:
        gone = self.nodes[row]
        assert gone.parent is not None
        versions = gone.versions()
        place = versions.index(gone)
        heir = [*versions[place - 1 : place], *versions[place + 1 : place + 2], None][0]
        shown = gone in self.path
        removed = {gone, *(child for child in gone.children if child.answer)}
        ends = shown and not set(self.path[self.path.index(gone) :]) - removed
        after = [node for lost in removed for node in list(lost.children) if node not in removed]
        left = max(node.left for node in removed)
        target = (heir or gone.parent) if gone.answer else gone.parent
        for node in after:
            node.move_to(target)
        target.left = max(target.left, left)
        gone.parent.children.remove(gone)
        for node in removed:
            del self.nodes[node.id]
        if ends:
            self._leave()
            self._lay(heir or gone.parent)
        elif shown:
            at = self.path.index(gone)
            rest = [node for node in self.path[at:] if node not in removed]
            self.path = [*self.path[:at], *([heir] if gone.answer and heir else []), *rest]
        elif self.path[-1].children:
            self._leave()
            self._lay(self.path[-1])

    def _leave(self) -> None:
        self._clock += 1
        for node in self.path:
            node.left = self._clock

    def _show(self, node: Node) -> None:
        self._leave()
        self._lay(node)

    def _lay(self, node: Node) -> None:
        """To `node`, and on as it was when a path through it was left last."""
        up: list[Node] = []
        at: Node | None = node
        while at is not None and at is not self.root:
            up.append(at)
            at = at.parent
        self.path = up[::-1]
        while node.children:
            node = max(node.children, key=lambda child: child.left)
            self.path.append(node)


def page(db: psycopg.Connection, session: UUID) -> list[int]:
    statement = "SELECT id FROM chat_messages WHERE session_id = %s AND NOT off_path ORDER BY place"
    return [row for (row,) in db.execute(statement, [session])]


def versions(db: psycopg.Connection, session: UUID) -> dict[int, list[int] | None]:
    statement = (
        "SELECT m.id, (SELECT array_agg(v.id ORDER BY n) FROM jsonb_array_elements_text(m.versions)"
        " WITH ORDINALITY AS w (message_id, n) LEFT JOIN chat_messages AS v ON v.message_id = w.message_id::uuid)"
        "  FROM chat_messages AS m WHERE m.session_id = %s"
    )
    return dict(db.execute(statement, [session]).fetchall())


def revision(db: psycopg.Connection, session: UUID) -> int:
    return one(db, "SELECT revision FROM chat_sessions WHERE session_id = %s", session)[0]
