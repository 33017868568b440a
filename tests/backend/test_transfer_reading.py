"""A file of any size and malice, one conversation at a time."""

import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.transfer.conversation import NotReadable
from backend.services.transfer.json_items import _WholePairs, items

LISTS = frozenset({"sessions"})
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(json_values, max_size=5), st.booleans(), st.booleans())
def test_every_item_of_an_array_is_read_as_json_has_it(
    values: list[object], plain: bool, named: bool
) -> None:
    document = json.dumps(
        {"version": 1, "x": values, "sessions": values} if named else values, ensure_ascii=plain
    )
    raw = document.encode("utf-8", "replace")
    expected = json.loads(raw, parse_int=number)
    found = list(items(io.BytesIO(raw), LISTS))
    assert [item.value for item in found] == (expected["sessions"] if named else expected)
    assert all(item.head.get("version") == 1 for item in found if named)


def number(text: str) -> int | float:
    return int(text) if abs(int(text)) < 2**63 else float(text)


HALVES = [
    (r'"\ud83d\ude00"', "😀"),
    (r'"\ude00"', "\ufffd"),
    (r'"a\ud83d b"', "a\ufffd b"),
    (r'"\ud83d\ud83d\ude00"', "\ufffd😀"),
    (r'"\\ud83d"', r"\ud83d"),
    (r'"\\\ude00\\\\ude00"', "\\\ufffd\\\\ude00"),
    (r'"\n\u00e9\\"', "\né\\"),
]


@pytest.mark.parametrize(("text", "read"), HALVES)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64])
def test_the_half_of_a_surrogate_pair_is_replaced_wherever_a_piece_ends(
    text: str, read: str, size: int
) -> None:
    file = _WholePairs(io.BytesIO(text.encode()))
    whole = b"".join(iter(lambda: file.read(size), b""))
    assert json.loads(whole) == read


def test_a_large_file_costs_the_memory_of_one_conversation() -> None:
    class Endless(io.RawIOBase):
        """64 MB: 64 conversations of a megabyte."""

        def __init__(self) -> None:
            self.left = [b"[", *[b'{"a": "' + b"x" * 2**20 + b'"},'] * 63, b'{"a": 1}]']
            self.waiting = b""

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:
            if not self.waiting and self.left:
                self.waiting = self.left.pop(0)
            piece, self.waiting = self.waiting[: len(buffer)], self.waiting[len(buffer) :]
            buffer[: len(piece)] = piece
            return len(piece)

    tracemalloc.start()
    try:
        assert sum(1 for _ in items(io.BufferedReader(Endless()), LISTS)) == 64
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


def test_what_is_nested_too_deep_is_refused_without_a_stack_overflow() -> None:
    with pytest.raises(NotReadable, match="nested"):
        list(items(io.BytesIO(b'[{"a":' * 100_000), LISTS))
