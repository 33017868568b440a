"""The catalogues of texts, and which of them a reader gets."""

from __future__ import annotations

import re

import pytest

from webapp.words import CATALOGUES, ENGLISH, Words, t, words_for

PLURAL = re.compile(r"\.(zero|one|two|few|many|other)$")


def texts(language: str) -> set[str]:
    return {PLURAL.sub("", key) for key in CATALOGUES[language]}


def values(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_language_has_the_same_texts_with_the_same_values(language: str) -> None:
    assert texts(language) == texts(ENGLISH)
    wrong = {
        key
        for key, text in CATALOGUES[language].items()
        if key in CATALOGUES[ENGLISH] and values(text) != values(CATALOGUES[ENGLISH][key])
    }
    assert not wrong
    assert all(text.strip() for text in CATALOGUES[language].values())


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr,de;q=0.9", "de"),
        ("", "fr", "en"),
        ("chat-language=de", "en", "de"),
        ("other=1; chat-language=en", "de", "en"),
        ("chat-language=xx", "de", "de"),
    ],
)
def test_a_reader_gets_the_chosen_language_or_the_first_of_the_browsers_that_there_is(
    cookie: str, accepted: str, language: str
) -> None:
    assert words_for(cookie, accepted).language == language


def test_values_are_filled_in() -> None:
    assert Words("de")("errors.too-many", seconds=3).endswith("in 3 s noch einmal.")


def test_a_page_with_a_text_that_there_is_none_of_is_not_built() -> None:
    with pytest.raises(KeyError, match=r"no text 'common\.nothing'"):
        t("common.nothing")
