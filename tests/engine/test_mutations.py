"""Mutations over real rows: what they change, what they answer, and that a failure leaves nothing."""

import asyncio
from typing import Any

import pytest

from tests.engine.served import ADMIN, Served

#: (mutation, its answer); every case begins with the library's own rows
CASES: list[tuple[str, Any]] = [
    # inserts
    (
        'insert_author(objects: [{name: "Dot", tags: ["x"]}, {name: "Eva", bio: {a: 1}, active: false}])'
        " { affected_rows returning { id name tags bio active order articles { id } } }",
        {
            "affected_rows": 2,
            "returning": [
                {
                    "id": 101,
                    "name": "Dot",
                    "tags": ["x"],
                    "bio": None,
                    "active": True,
                    "order": None,
                    "articles": [],
                },
                {
                    "id": 102,
                    "name": "Eva",
                    "tags": [],
                    "bio": {"a": 1},
                    "active": False,
                    "order": None,
                    "articles": [],
                },
            ],
        },
    ),
    ("insert_author(objects: []) { affected_rows returning { id } }", {"affected_rows": 0, "returning": []}),
    (
        'insert_article_one(object: {title: "x", author_id: 1}) { id words author { name articles_aggregate'
        " { aggregate { count } } } }",
        {"id": 101, "words": 1, "author": {"name": "Ada", "articles_aggregate": {"aggregate": {"count": 3}}}},
    ),
    (
        'insert_sealed(objects: [{}, {by: "me"}]) { returning { id by } }',
        {"returning": [{"id": 1, "by": None}, {"id": 2, "by": "me"}]},
    ),
    ("insert_sealed_one(object: {}) { id }", {"id": 1}),
    (
        'mix_in(objects: {ident: 2, percent: "50%", quoted: "a\\"b", changed: "%s", object: "{}"})'
        " { affected_rows returning { percent quoted changed object article { id } } }",
        {
            "affected_rows": 1,
            "returning": [
                {"percent": "50%", "quoted": 'a"b', "changed": "%s", "object": "{}", "article": {"id": 2}}
            ],
        },
    ),
    (
        'insert_popular_one(object: {title: "seen", views: 500}) { title views author { id } }',
        {"title": "seen", "views": 500, "author": None},
    ),
    # upserts
    (
        'insert_author(objects: [{name: "Ada", order: 9}, {name: "New", order: 8}], on_conflict:'
        " {constraint: author_name_key, update_columns: [order]}) { affected_rows returning { name order account } }",
        {
            "affected_rows": 2,
            "returning": [
                {"name": "Ada", "order": 9, "account": "ada"},
                {"name": "New", "order": 8, "account": None},
            ],
        },
    ),
    (
        'insert_author(objects: {name: "Ada"}, on_conflict: {constraint: author_name_key}) {'
        " affected_rows returning { id } }",
        {"affected_rows": 0, "returning": []},
    ),
    (
        'insert_author_one(object: {name: "Ada"}, on_conflict: {constraint: author_name_key,'
        " update_columns: []}) { id }",
        None,
    ),
    (
        "insert_membership(objects: [{org: 1, person: 1, level: 9}, {org: 1, person: 2, level: 9}], on_conflict:"
        " {constraint: membership_pkey, update_columns: [level], where: {level: {_lt: 2}}}) {"
        " returning { person level } }",
        {"returning": [{"person": 1, "level": 9}]},
    ),
    # updates
    (
        "update_author(where: {id: {_lte: 2}}, _set: {bio: null}, _inc: {order: -1}) {"
        " affected_rows returning { id bio order } }",
        {
            "affected_rows": 2,
            "returning": [{"id": 1, "bio": None, "order": 2}, {"id": 2, "bio": None, "order": 0}],
        },
    ),
    (
        "update_author(where: {id: {_eq: 1}}, _append: {bio: {x: 1}}) { returning { x: bio(path:"
        ' "x") y: bio(path: "born.year") } }',
        {"returning": [{"x": 1, "y": 1815}]},
    ),
    (
        'update_author(where: {id: {_eq: 1}}, _prepend: {bio: {born: 1}}) { returning { bio(path: "born.year") } }',
        {"returning": [{"bio": 1815}]},
    ),
    (
        'update_author(where: {id: {_eq: 1}}, _delete_key: {bio: "born"}) { returning { bio } }',
        {"returning": [{"bio": {"langs": ["en", "fr"]}}]},
    ),
    (
        'update_author(where: {id: {_eq: 1}}, _delete_at_path: {bio: ["langs", "0"]}) { returning'
        ' { bio(path: "langs") } }',
        {"returning": [{"bio": ["fr"]}]},
    ),
    (
        "update_author(where: {}, _set: {}) { affected_rows returning { id } }",
        {"affected_rows": 0, "returning": []},
    ),
    ("update_author(where: {}) { affected_rows }", {"affected_rows": 0}),
    ('update_author_by_pk(pk_columns: {id: 99}, _set: {name: "x"}) { id }', None),
    ("update_membership_by_pk(pk_columns: {org: 1, person: 2}, _inc: {level: 4}) { level }", {"level": 6}),
    (
        "update_author_many(updates: [{where: {id: {_eq: 1}}, _set: {order: 5}}, {where: {order:"
        " {_eq: 5}}, _inc: {order: 1}},"
        " {where: {_or: []}, _set: {order: 0}}]) { affected_rows returning { order } }",
        [
            {"affected_rows": 1, "returning": [{"order": 5}]},
            {"affected_rows": 1, "returning": [{"order": 6}]},
            {"affected_rows": 0, "returning": []},
        ],
    ),
    ("update_author_many(updates: []) { affected_rows }", []),
    (
        'update_Mixed(where: {percent: {_like: "p%"}}, _set: {percent: "%(p0)s", changed:'
        ' "it\'s"}) { returning { percent changed article { id } } }',
        {"returning": [{"percent": "%(p0)s", "changed": "it's", "article": {"id": 1}}]},
    ),
    # deletes
    (
        'delete_article(where: {author: {name: {_eq: "Bob"}}}) { affected_rows returning { id'
        " author { name articles { id } } } }",
        {
            "affected_rows": 2,
            "returning": [
                {"id": 3, "author": {"name": "Bob", "articles": []}},
                {"id": 4, "author": {"name": "Bob", "articles": []}},
            ],
        },
    ),
    ("delete_article_by_pk(id: 5) { title }", {"title": '50% of "it\'s"'}),
    ("delete_article_by_pk(id: 99) { title }", None),
    ("delete_article(where: {_or: []}) { affected_rows }", {"affected_rows": 0}),
    (
        "delete_membership_by_pk(org: 1, person: 1) { note __typename }",
        {"note": "a", "__typename": "membership"},
    ),
    # functions
    (
        "bump(args: {article_id: 1, by: 5}) { views author { name } }",
        [{"views": 155, "author": {"name": "Ada"}}],
    ),
    ("bump(args: {article_id: 1}) { views }", [{"views": 151}]),
    (
        "bump_aggregate(args: {article_id: 3}) { aggregate { count max { views } } }",
        {"aggregate": {"count": 1, "max": {"views": 101}}},
    ),
]


@pytest.mark.parametrize(("text", "answer"), CASES, ids=[case[0][:70] for case in CASES])
async def test_a_mutation_answers(desk: Served, text: str, answer: Any) -> None:
    assert await desk.ask(ADMIN, f"mutation {{ found: {text} }}") == {"found": answer}


async def test_the_fields_of_a_mutation_run_in_order_in_one_transaction(desk: Served) -> None:
    answer = await desk.ask(
        ADMIN,
        "mutation { a: update_author(where: {id: {_eq: 1}}, _inc: {order: 1}) { returning { order } }"
        " b: update_author(where: {order: {_eq: 4}}, _inc: {order: 10}) { returning { id order } } __typename"
        " c: delete_membership(where: {}) { affected_rows } d: bump(args: {article_id: 1}) { views } }",
    )
    assert list(answer.items()) == [
        ("a", {"returning": [{"order": 4}]}),
        ("b", {"returning": [{"id": 1, "order": 14}]}),
        ("__typename", "mutation_root"),
        ("c", {"affected_rows": 3}),
        ("d", [{"views": 151}]),
    ]


@pytest.mark.parametrize(
    ("text", "code", "path", "message"),
    [
        (
            'insert_author(objects: {name: "Ada"}) { affected_rows }',
            "constraint-violation",
            "$.selectionSet.insert_author.args.objects",
            'Uniqueness violation. duplicate key value violates unique constraint "author_name_key"',
        ),
        (
            "insert_author_one(object: {order: 1}) { id }",
            "constraint-violation",
            "$.selectionSet.insert_author_one.args.object",
            'Not-NULL violation. null value in column "name" of relation "author" violates not-null constraint',
        ),
        (
            'insert_article(objects: {title: "x", author_id: 99}) { affected_rows }',
            "constraint-violation",
            "$.selectionSet.insert_article.args.objects",
            'Foreign key violation. insert or update on table "article" violates foreign key constraint '
            '"article_author_id_fkey"',
        ),
        (
            'insert_article(objects: {title: ""}) { affected_rows }',
            "constraint-violation",
            "$.selectionSet.insert_article.args.objects",
            'Check constraint violation. new row for relation "article" violates check constraint "article_title"',
        ),
    ],
)
async def test_a_refusal_of_the_database_is_in_its_words_and_undoes_everything(
    desk: Served, text: str, code: str, path: str, message: str
) -> None:
    first = "update_author(where: {}, _set: {account: null}) { affected_rows }"
    assert await desk.refusal(ADMIN, f"mutation {{ {first} {text} }}") == (code, path, message)
    assert await desk.fetch("SELECT count(*) FROM author WHERE account IS NOT NULL") == [(2,)]


async def test_nothing_is_written_by_a_request_that_does_not_fit(desk: Served) -> None:
    text = "mutation { delete_membership(where: {}) { affected_rows } delete_nothing(where: {}) { affected_rows } }"
    code, _, _ = await desk.refusal(ADMIN, text)
    assert code == "validation-failed"
    assert await desk.fetch("SELECT count(*) FROM membership") == [(3,)]


@pytest.mark.parametrize(
    "text",
    [
        "mutation($id: Int) { delete_author(where: {id: {_eq: $id}}) { affected_rows } }",
        "mutation($ids: [Int!]) { delete_author(where: {id: {_in: $ids}}) { affected_rows } }",
        "mutation($w: author_bool_exp) { delete_author(where: {_and: [$w]}) { affected_rows } }",
        "mutation { delete_author(where: null) { affected_rows } }",
        "mutation { delete_author { affected_rows } }",
        "mutation { delete_author(where: {id: null}) { affected_rows } }",
        "mutation { update_author(where: {id: {_eq: null}}, _set: {active: false}) { affected_rows } }",
    ],
)
async def test_a_forgotten_value_never_means_every_row(desk: Served, text: str) -> None:
    code, _, _ = await desk.refusal(ADMIN, text)
    assert code == "validation-failed"


async def test_a_variable_that_was_not_given_is_written_as_null(desk: Served) -> None:
    query = (
        "mutation($order: Int) { update_author_by_pk(pk_columns: {id: 1}, _set: {order: $order}) { order } }"
    )
    assert await desk.ask(ADMIN, query) == {"update_author_by_pk": {"order": None}}


async def test_values_are_stored_as_they_are(desk: Served) -> None:
    tags = ["", "NULL", '"', "\\", "{}", ",", "%s", "é😀", " ", "\n"]
    bio = {"": [None, True, 1.5, "\\u0000", {"%s": "'"}]}
    answer = await desk.ask(
        ADMIN,
        "mutation($t: [String!], $b: jsonb, $n: String!) { update_author_by_pk(pk_columns: {id: 1},"
        " _set: {tags: $t, bio: $b, name: $n}) { tags bio name articles { id } } }",
        t=tags,
        b=bio,
        n="%(p0)s '; --",
    )
    found = answer["update_author_by_pk"]
    assert (found["tags"], found["bio"], found["name"]) == (tags, bio, "%(p0)s '; --")


async def test_big_numbers_keep_every_digit(desk: Served) -> None:
    await desk.ask(
        ADMIN,
        "mutation { update_article_by_pk(pk_columns: {id: 1}, _set: {views: 9223372036854775807, rating:"
        " 123456789012345678901234567890.123456789}) { id } update_author_by_pk(pk_columns: {id: 1},"
        " _set: {bio: {n: 12345678901234567890123}}) { id } }",
    )
    assert await desk.fetch(
        "SELECT views::text, rating::text, (SELECT bio::text FROM author WHERE id = 1) FROM article WHERE id = 1"
    ) == [
        ("9223372036854775807", "123456789012345678901234567890.123456789", '{"n": 12345678901234567890123}')
    ]


async def test_many_rows_are_one_insert_and_too_many_are_refused_at_once(desk: Served) -> None:
    query = "mutation($o: [author_insert_input!]!) { insert_author(objects: $o) { affected_rows } }"
    rows = [{"name": f"n{place}", "order": place} for place in range(1500)]
    assert await desk.ask(ADMIN, query, o=rows) == {"insert_author": {"affected_rows": 1500}}
    code, path, message = await desk.refusal(
        ADMIN, query, o=[{"name": "x", "order": 1, "account": "y", "active": True}] * 17_000
    )
    assert (code, path) == ("bad-request", "$.selectionSet.insert_author.args.objects")
    assert "at most" in message


async def test_increments_at_the_same_time_are_all_counted(desk: Served) -> None:
    query = "mutation { update_article_by_pk(pk_columns: {id: 1}, _inc: {views: 1}) { views } }"
    await asyncio.gather(*(desk.ask(ADMIN, query) for _ in range(40)))
    assert await desk.fetch("SELECT views FROM article WHERE id = 1") == [(190,)]
