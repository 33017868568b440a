"""search_chat: what is found, in which order, shown how; and nothing of anybody else's."""

import json
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.sql.conftest import new_session, new_user, one


class Library:
    """One user, one session, and a search over them."""

    def __init__(self, db: psycopg.Connection, name: str = "ada") -> None:
        self.db = db
        self.user = new_user(db, name)
        self.session = new_session(db, self.user)

    def write(self, *texts: str, session: UUID | None = None, role: str = "user") -> None:
        for text in texts:
            self.db.execute(
                "INSERT INTO chat_messages (session_id, user_id, role, content) VALUES (%s, %s, %s, %s)",
                [session or self.session, self.user, role, text],
            )

    def search(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        names = "".join(f", {name} => %({name})s" for name in arguments)
        caller = json.dumps({"x-hasura-role": "user", "x-hasura-user-id": str(self.user)})
        rows = self.db.execute(
            f"SELECT to_jsonb(h) FROM search_chat(%(query)s{names}, hasura_session => %(caller)s) AS h".encode(),
            {"query": query, "caller": caller} | arguments,
        )
        return [row[0] for row in rows]

    def found(self, query: str, **arguments: Any) -> list[str]:
        """The snippets, without their marks."""
        hits = self.search(query, **arguments)
        return [hit["snippet"].translate({2: None, 3: None}) for hit in hits]


@pytest.fixture
def library(db: psycopg.Connection) -> Library:
    return Library(db)


MEETS = [
    ("hello", "Hello, world", True),
    ("HELLO", "hello world", True),
    ("wor", "hello world", True),
    ("wor ", "hello world", False),
    ('"wor"', "hello world", False),
    ("world hello", "hello world", True),
    ('"world hello"', "hello world", False),
    ('"hello wor', "hello world", True),
    ("“world hello”", "hello world", False),
    ("„hello world“", "hello world", True),
    ("hello nobody", "hello world", False),
    ("nobody or world", "hello world", True),
    ("hello -world", "hello world", False),
    ("hello -nobody", "hello world", True),
    ("-nobody", "hello world", False),
    ("join", "os.path.join(root)", True),
    ("os.path.jo", "os.path.join(root)", True),
    ("string", "List<String> names", True),
    ("cursor", "keyset-cursor", True),
    ("keyset-cur", "keyset cursor", True),
    ("size", "max_page_size", True),
    ("example", "see https://www.example.com/a?b=c", True),
    ("ada", "write to ada@example.com", True),
    ("äpfel", "Äpfel und Birnen", True),
    ("世界", "你好世界，今天", True),
    ("界世", "你好世界，今天", False),
    ("東京タワー", "明日は東京タワーへ行く", True),
    ("don't", "I don't know", True),
    ("привет ми", "Привет, мир", True),
]


@pytest.mark.parametrize(("query", "text", "meets"), MEETS)
def test_a_search_means_what_people_expect(library: Library, query: str, text: str, meets: bool) -> None:
    library.write(text)
    assert library.found(query) == ([text] if meets else [])


@pytest.mark.parametrize(
    "query", ["", "   ", '"', "-", "&|!()", "''", "\\", "<->", ":*", "x" * 5000, "a " * 2000]
)
def test_whatever_is_typed_is_an_answer_and_no_error(library: Library, query: str) -> None:
    library.write("& | ! ( ) ' \\ : *")
    assert library.found(query) == []


def test_what_was_sought_is_marked_in_one_line_around_it(library: Library) -> None:
    library.write("start " * 50 + "the quick\n\n  brown\x02 fox " + "end " * 100)
    (hit,) = library.search('"quick brown" or f')
    snippet = hit["snippet"]
    assert "the \x02quick\x03 \x02brown\x03 \x02fox\x03 end" in snippet
    assert snippet.startswith("…start ")
    assert snippet.endswith(" end…")
    assert len(snippet) < 260


def test_a_phrase_is_shown_where_it_stands_not_where_its_first_word_does(library: Library) -> None:
    library.write("quick " + "nothing " * 100 + "quick brown fox")
    assert library.search('"quick brown"')[0]["snippet"].endswith("\x02quick\x03 \x02brown\x03 fox")


def test_a_title_comes_before_messages_and_of_equals_the_newer_first(library: Library) -> None:
    library.write("about lisbon", "lisbon again")
    library.db.execute("UPDATE chat_sessions SET title = 'Trip to Lisbon'")
    assert library.found("lisb") == ["Trip to Lisbon", "lisbon again", "about lisbon"]
    title = library.search("lisb")[0]
    assert (title["message_id"], title["role"], title["snippet"]) == (None, None, "Trip to \x02Lisbon\x03")
    assert [hit["place"] for hit in library.search("lisb")] == [1, 2, 3]


def test_a_message_that_says_it_more_often_comes_first(library: Library) -> None:
    library.write("lisbon lisbon lisbon", "lisbon once")
    assert library.found("lisbon")[0] == "lisbon lisbon lisbon"


def test_filters_narrow(library: Library) -> None:
    db = library.db
    other = new_session(db, library.user)
    db.execute("UPDATE chat_sessions SET title = 'word', category = 'work' WHERE session_id = %s", [other])
    library.write("word of a user")
    library.write("word of an assistant", role="assistant", session=other)
    assert len(library.search("word")) == 3
    assert library.found("word", category="work") == ["word", "word of an assistant"]
    assert library.found("word", message_role="assistant") == ["word of an assistant"]
    assert library.found("word", target_session_id=library.session) == ["word of a user"]
    written = one(db, """SELECT max("timestamp") FROM chat_messages""")[0]
    assert library.found("word", since=written, message_role="assistant") == ["word of an assistant"]
    assert library.found("word", until=written) == ["word of a user"]


def test_the_trash_is_left_out_until_it_is_restored(library: Library) -> None:
    library.write("word")
    library.db.execute("UPDATE chat_sessions SET title = 'word', is_active = false")
    assert library.search("word") == []
    library.db.execute("UPDATE chat_sessions SET is_active = true")
    assert len(library.search("word")) == 2


def test_pages_follow_each_other(library: Library) -> None:
    library.write(*(f"word {n}" for n in range(25)))
    pages = [library.found("word", result_limit=10, result_offset=n) for n in (0, 10, 20, 30)]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert [*pages[0], *pages[1], *pages[2]] == library.found("word", result_limit=100)
    assert len(library.found("word", result_limit=-5)) == 0
    assert len(library.found("word", result_limit=None, result_offset=None)) == 20


def test_what_another_version_says_is_found_and_said_to_be_off_the_path(library: Library) -> None:
    library.write("first words")
    old = one(library.db, "SELECT message_id FROM chat_messages")[0]
    library.db.execute(
        "INSERT INTO chat_messages (session_id, user_id, content, edit_of) VALUES (%s, %s, 'second words', %s)",
        [library.session, library.user, old],
    )
    assert [(hit["snippet"], hit["off_path"]) for hit in library.search('"words"')] == [
        ("second \x02words\x03", False),
        ("first \x02words\x03", True),
    ]
    caller = json.dumps({"x-hasura-role": "user", "x-hasura-user-id": str(library.user)})
    library.db.execute("SELECT choose_chat_message_version(%s, %s)", [old, caller])
    assert [hit["off_path"] for hit in library.search("words")] == [True, False]


def test_an_answer_is_found_once_it_has_ended(library: Library) -> None:
    library.write("a streaming")
    library.db.execute(
        "INSERT INTO chat_messages (session_id, user_id, role, content, status)"
        " VALUES (%s, %s, 'assistant', 'halfway', 'streaming')",
        [library.session, library.user],
    )
    assert library.search("halfway") == []
    library.db.execute("UPDATE chat_messages SET status = 'complete' WHERE status = 'streaming'")
    assert library.found("halfway") == ["halfway"]


def test_nobody_finds_what_is_another_s(db: psycopg.Connection) -> None:
    ada, bob = Library(db, "ada"), Library(db, "bob")
    for person in (ada, bob):
        person.write("the secret")
        db.execute("UPDATE chat_sessions SET title = 'a secret' WHERE user_id = %s", [person.user])
    for query in ("secret", "secr", "secret or the", str(bob.user), "-nothing secret", "sec"):
        hits = ada.search(query)
        assert {hit["user_id"] for hit in hits} <= {str(ada.user)}
        assert {hit["session_id"] for hit in hits} <= {str(ada.session)}
    assert ada.search("secret", target_session_id=bob.session) == []
    for session in (None, "{}", '{"x-hasura-role": "admin"}'):
        assert one(db, "SELECT count(*) FROM search_chat('secret', hasura_session => %s)", session) == (0,)


def test_the_longest_message_of_the_most_different_words_can_be_stored(library: Library) -> None:
    """A tsvector has at most a megabyte."""
    letters = [chr(code) for code in range(0x20000, 0x20000 + 300)]
    words = [first + second for first in letters for second in letters]
    for text in (
        " ".join(words)[:100_000],
        "-".join(words)[:100_000],
        "".join(f"{a}.{b}/{c} " for a, b, c in zip(words, words[1:], words[2:], strict=False))[:100_000],
        "".join(map(chr, range(0x4E00, 0x9000)))[:100_000],
        " ".join(f"{n:x}" for n in range(20_000))[:100_000],
        "x" * 100_000,
    ):
        library.write(text)
    assert len(library.search("7fe")) == 1


def test_the_index_answers_for_one_user_among_many(library: Library) -> None:
    db = library.db
    library.write("needle in a haystack")
    db.execute(
        "INSERT INTO users (username, password_hash, display_name)"
        " SELECT 'user' || n, '!', 'u' FROM generate_series(1, 50) AS n"
    )
    db.execute("INSERT INTO chat_sessions (user_id) SELECT id FROM users WHERE username LIKE 'user%'")
    db.execute(
        "INSERT INTO chat_messages (session_id, user_id, content) SELECT session_id, user_id, 'needle ' || n"
        " FROM chat_sessions, generate_series(1, 100) AS n WHERE session_id <> %s",
        [library.session],
    )
    db.execute("VACUUM ANALYZE chat_messages")
    plan = one(
        db,
        "EXPLAIN (ANALYZE, FORMAT JSON) SELECT FROM chat_messages WHERE search @@ %s::tsquery AND user_id = %s",
        f"'{library.user}' & 'needle'",
        library.user,
    )[0][0]["Plan"]
    assert plan["Node Type"] == "Bitmap Heap Scan", plan
    (scan,) = plan["Plans"]
    assert (scan["Index Name"], scan["Actual Rows"]) == ("chat_messages_search", 1)
    assert library.found("needle") == ["needle in a haystack"]


def test_the_table_of_hits_stays_empty(library: Library) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        library.db.execute(
            "INSERT INTO chat_search_hits SELECT 1, %s, %s, NULL, NULL, '', '', false, false, '', 0, now()",
            [library.user, library.session],
        )
