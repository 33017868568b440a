"""What the sign-in page accepts, and what it says."""

from __future__ import annotations

import pytest

from backend.services.hasura_client import (
    Conflict,
    HasuraError,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from webapp.services.api import ApiError, ApiUnavailable
from webapp.state.auth import local_path, missing, sign_in_address
from webapp.state.wording import explain
from webapp.words import Words

WORDS = Words("en")


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/chat/5c1e", "/chat/5c1e"),
        ("/chat", "/chat"),
        ("/settings", "/settings"),
        ("/settings/x", "/chat"),
        ("https://evil.example/settings", "/chat"),
        ("/chat/5c1e?x=1#y", "/chat/5c1e"),
        ("", "/chat"),
        ("/", "/chat"),
        ("/sign-in", "/chat"),
        ("https://evil.example/chat", "/chat"),
        ("//evil.example/chat", "/chat"),
        ("/\\evil.example/chat", "/chat"),
        ("/chat\\..\\x", "/chat"),
        ("javascript:alert(1)//chat", "/chat"),
    ],
)
def test_after_signing_in_one_stays_on_this_site(wanted: str, path: str) -> None:
    assert local_path(wanted) == path


def test_the_sign_in_address_says_why_and_from_where() -> None:
    assert sign_in_address("expired", "/chat/5c1e") == "/sign-in?reason=expired&next=/chat/5c1e"
    assert sign_in_address("expired", "/chat") == "/sign-in?reason=expired"


@pytest.mark.parametrize(
    ("username", "password", "new", "complaint"),
    [
        ("ada", "password1", True, ""),
        ("ada", "x", False, ""),
        ("", "x", False, "user name"),
        ("ada", "", False, "password"),
        ("a", "password1", True, "3 to 32"),
        ("ada lovelace", "password1", True, "3 to 32"),
        ("ada", "short", True, "8 characters"),
    ],
)
def test_a_form_says_what_is_missing(username: str, password: str, new: bool, complaint: str) -> None:
    said = missing(username, password, WORDS, new=new)
    assert complaint in said
    assert bool(said) is bool(complaint)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unavailable("x"), "cannot be reached"),
        (ApiUnavailable(503, "x"), "cannot be reached"),
        (NotFound("x"), "gone"),
        (ApiError(404, "x"), "gone"),
        (InvalidInput("x"), "shorten"),
        (Conflict("x"), "new message"),
        (Unauthorized("x"), "sign in"),
        (ApiError(429, "x", 61.0), "in 61 s"),
        (ApiError(401, "The user name or the password is wrong."), "password is wrong"),
        (PermissionDenied("secret"), "Please try again"),
        (UnexpectedAnswer("secret"), "Please try again"),
    ],
)
def test_every_failure_says_what_to_do_and_no_detail_of_the_server(
    error: HasuraError | ApiError, words: str
) -> None:
    assert words in explain(error, WORDS)
    assert "secret" not in explain(error, WORDS)
