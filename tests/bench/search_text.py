"""Messages of a thousand users: words as often as in a language, users as busy as people are, the same in each run."""

from __future__ import annotations

import random
from itertools import accumulate
from typing import TYPE_CHECKING

from tests.bench.world import user_id

if TYPE_CHECKING:
    from collections.abc import Iterator

USERS, OF_A_SESSION = 1_000, 50
_WORDS, _SENTENCES = 30_000, 20_000
_SYLLABLES = (
    "a an ar be ca co con de di en er es ex fi for ga ge ho im in ing ion ka la le li lo ma me men mi mo na ne no"
    " ob or pa per po pre pro qui ra re ri ro sa se si so sta su ta te ter the ti to tra tu un ur va ve vi wa we ya"
)


def vocabulary() -> list[str]:
    """Different words, the most frequent (and shortest) first."""
    dice, words, syllables = random.Random(1), dict[str, None](), _SYLLABLES.split()  # noqa: S311
    while len(words) < _WORDS:
        words["".join(dice.choices(syllables, k=1 + min(4, len(words) // 60)))] = None
    return list(words)


def sentences(words: list[str]) -> list[str]:
    """By Zipf's law: the n-th word of the list is 1/n as frequent as the first."""
    dice = random.Random(2)  # noqa: S311
    weights = list(accumulate(1 / (n + 3) for n in range(len(words))))
    return [
        " ".join(dice.choices(words, cum_weights=weights, k=dice.randint(5, 18))) + "."
        for _ in range(_SENTENCES)
    ]


def sizes(messages: int) -> list[int]:
    """How many of the messages each user has: the busiest forty times as many as the quietest."""
    weights = [(n + 10) ** -0.8 for n in range(USERS)]
    return [round(messages * weight / sum(weights)) for weight in weights]


def session_id(user: int, place: int) -> str:
    return f"00000000-0000-4000-9000-{user * 1000 + place:012}"


def messages(count: int, texts: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Session, user, role and text of each: users write in turns, so that nobody's messages lie together."""
    dice = random.Random(3)  # noqa: S311
    owners = [user for user, own in enumerate(sizes(count)) for _ in range(own)]
    dice.shuffle(owners)
    written = [0] * USERS
    for user in owners:
        place, written[user] = written[user], written[user] + 1
        role, length = ("user", dice.randint(1, 3)) if place % 2 == 0 else ("assistant", dice.randint(2, 14))
        content = " ".join(dice.choices(texts, k=length))
        yield session_id(user, place // OF_A_SESSION), user_id(user), role, content
