"""A session as a plain tree of messages, and the same as the database says: what branches are held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
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


def broken(db: psycopg.Connection, session: UUID) -> list[str]:
    """What is wrong with the tree of a session, told from its lines alone."""
    rows = db.execute(
        "SELECT m.id, m.role, m.branch, m.place, m.off_path, q.id, m.message_id, m.versions, m.edit_of"
        "  FROM chat_messages AS m LEFT JOIN chat_messages AS q ON q.message_id = m.reply_to"
        " WHERE m.session_id = %s ORDER BY m.place, m.id",
        [session],
    ).fetchall()
    lines = {
        branch: (parent, fork_at)
        for branch, parent, fork_at in db.execute(
            "SELECT branch, parent, fork_at FROM chat_branches WHERE session_id = %s", [session]
        )
    }
    (branch,) = one(db, "SELECT branch FROM chat_sessions WHERE session_id = %s", session)
    until: dict[UUID, int] = {}
    at, end = branch, 2**63
    while at is not None:
        until[at] = end
        at, end = lines.get(at, (None, 0))
    wrong = [f"branch of {row[0]} is unknown" for row in rows if row[2] != session and row[2] not in lines]
    wrong += [
        f"{row[0]} is {'off' if row[4] else 'on'} the path"
        for row in rows
        if row[4] is (row[3] < until.get(row[2], 0))
    ]
    wrong += [
        f"{line} is empty" for line in lines if line != session and line not in {row[2] for row in rows}
    ]
    shown = [row for row in rows if not row[4]]
    wrong += [f"two at {a[3]}" for a, b in pairwise(shown) if a[3] == b[3]]
    wrong += [
        f"{b[0]} is not below its question"
        for a, b in zip([None, *shown], shown, strict=False)
        if b[5] is not None and (a is None or a[0] != b[5])
    ]
    known = {str(row[6]): row for row in rows}
    for row in rows:
        for version in row[7] or ():
            if version not in known or known[version][7] != row[7]:
                wrong.append(f"{row[0]} has {version} as a version")
        if (
            row[7]
            and not row[4]
            and sum(not known[version][4] for version in row[7] if version in known) != 1
        ):
            wrong.append(f"more than one version of {row[0]} is shown")
        if row[8] is not None and str(row[8]) not in known:
            wrong.append(f"{row[0]} is an edit of nothing")
    return wrong
