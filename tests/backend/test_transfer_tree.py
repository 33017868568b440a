"""What a conversation of elsewhere becomes: questions and answers that follow each other, whatever it was."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.transfer.conversation import Conversation, Message
from backend.services.transfer.tree import Tree

# (id, what it follows, role, text)
Spec = list[tuple[str, str | None, str, str]]


def tree(spec: Spec, current: str | None = None) -> Tree:
    messages = {key: Message(key, parent, role, text) for key, parent, role, text in spec}
    return Tree(Conversation("x", "x", "x", "x", messages, current))


def shape(found: Tree) -> dict[str, str | None]:
    return {found.messages[key].content: found.messages[key].parent for key, _ in found.walk()}


CASES: dict[str, tuple[Spec, dict[str, str | None], Counter[str]]] = {
    "prompts and tools are taken out, and what followed them follows what came before": (
        [("s", None, "system", ""), ("q", "s", "user", "Q"), ("t", "q", "tool", "T"), ("a", "t", "assistant", "A")],
        {"Q": None, "A": "q"},
        Counter(role=1),
    ),
    "an answer in pieces is one": (
        [("q", None, "user", "Q"), ("a", "q", "assistant", "A"), ("b", "a", "assistant", "B"), ("r", "b", "user", "R")],
        {"Q": None, "A\n\nB": "q", "R": "a"},
        Counter(),
    ),
    "of parallel pieces the newest is kept": (
        [
            ("q", None, "user", "Q"),
            ("a", "q", "assistant", "A"),
            ("b", "a", "assistant", "B"),
            ("c", "a", "assistant", "C"),
        ],
        {"Q": None, "A\n\nC": "q"},
        Counter(parallel=1),
    ),
    "a question beside an answer follows the answer": (
        [("q", None, "user", "Q"), ("r", "q", "user", "R"), ("a", "q", "assistant", "A")],
        {"Q": None, "A": "q", "R": "a"},
        Counter(),
    ),
    "what follows nothing that there is begins anew": (
        [("q", "gone", "user", "Q"), ("a", "q", "assistant", "A")],
        {"Q": None, "A": "q"},
        Counter(),
    ),
    "what follows itself begins anew": (
        [("q", "a", "user", "Q"), ("a", "q", "assistant", "A")],
        {"Q": None, "A": "q"},
        Counter(),
    ),
    "what is blank is nothing": (
        [("q", None, "user", "Q"), ("a", "q", "assistant", " \n"), ("r", "a", "user", "R")],
        {"Q": None, "R": "q"},
        Counter(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of(name: str) -> None:
    spec, expected, left_out = CASES[name]
    found = tree(spec)
    assert shape(found) == expected
    assert found.left_out == left_out


def test_the_open_path_ends_where_it_did_or_with_the_newest_versions() -> None:
    spec: Spec = [
        ("q", None, "user", "Q"),
        ("a", "q", "assistant", "A"),
        ("b", "q", "assistant", "B"),
        ("t", "a", "tool", "T"),
    ]
    assert tree(spec, current="t").path == {"q", "a"}
    assert tree(spec).path == {"q", "b"}
    assert tree(spec, current="nowhere").path == {"q", "b"}


KEYS = st.sampled_from("abcdefgh")


@given(
    st.lists(
        st.tuples(
            KEYS,
            st.none() | KEYS,
            st.sampled_from(["user", "assistant", "tool", "", "system"]),
            st.sampled_from(["text", "", " "]),
        ),
        max_size=12,
    ),
    st.none() | KEYS,
)
def test_whatever_follows_whatever_it_ends_as_questions_and_answers(spec: Spec, current: str | None) -> None:
    found = tree(spec, current)
    walked = [key for key, _ in found.walk()]
    assert sorted(walked) == sorted(found.messages), "each once, and each is reached"
    for key, siblings in found.walk():
        message = found.messages[key]
        assert message.role in ("user", "assistant")
        assert message.content.strip()
        assert len({found.messages[each].role for each in siblings}) == 1, "versions are of one kind"
        if message.parent is not None:
            assert walked.index(message.parent) < walked.index(key)
            assert (message.role, found.messages[message.parent].role) != ("assistant", "assistant")
    assert found.path <= found.messages.keys()
    assert bool(found.path) == bool(found.messages)
