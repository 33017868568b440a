"""The folder of a Hasura CLI project as the metadata document that it stands for."""

from pathlib import Path

import pytest

from hasura.engine.errors import BadRequest
from hasura.engine.metadata.directory import load_metadata_directory
from hasura.engine.metadata.model import Metadata
from tests.engine.served import METADATA


def folder(root: Path, **files: str) -> Path:
    """A metadata folder; ``__`` in a name stands for a slash, every file is ``.yaml``."""
    for name, text in {"version": "version: 3", **files}.items():
        path = root / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_the_project_s_folder_is_a_whole_document() -> None:
    document = load_metadata_directory(METADATA)
    assert document["version"] == 3
    (source,) = document["sources"]
    assert [table["table"]["name"] for table in source["tables"]] == [
        "audit_log",
        "chat_messages",
        "chat_read_marks",
        "chat_search_hits",
        "chat_session_categories",
        "chat_sessions",
        "sign_ins",
        "token_usage",
        "users",
    ]
    assert [f["function"]["name"] for f in source["functions"]] == [
        "choose_chat_message_version",
        "import_chat_session",
        "search_chat",
        "rate_chat_message",
        "update_session_message_count",
    ]
    assert Metadata.model_validate(document).sources[0].name == "default"


def test_the_folder_leaves_nothing_unread() -> None:
    """A file that no include names would be a permission that nobody has."""
    included = set(METADATA.rglob("*.yaml"))
    text = "".join(path.read_text() for path in included)
    for path in included - {METADATA / "version.yaml", METADATA / "databases" / "databases.yaml"}:
        assert path.name in text


def test_includes_are_relative_to_the_file_that_holds_them(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        databases__databases='- name: default\n  tables: "!include default/tables/tables.yaml"',
        databases__default__tables__tables='- "!include a.yaml"\n- table: {name: b, schema: public}',
        databases__default__tables__a="table: {name: a, schema: public}",
    )
    assert load_metadata_directory(root) == {
        "version": 3,
        "sources": [
            {
                "name": "default",
                "tables": [
                    {"table": {"name": "a", "schema": "public"}},
                    {"table": {"name": "b", "schema": "public"}},
                ],
            }
        ],
    }


def test_other_sections_have_the_document_s_names_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        allow_list="- collection: a",
        query_collections="[]",
        actions="actions: []\ncustom_types: {}",
        inherited_roles="- role_name: both\n  role_set: [a, b]",
    )
    assert load_metadata_directory(root) == {
        "version": 3,
        "allowlist": [{"collection": "a"}],
        "inherited_roles": [{"role_name": "both", "role_set": ["a", "b"]}],
        "sources": [],
    }


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"version": "version: 2"}, "only metadata of version 3"),
        ({"version": ""}, "only metadata of version 3"),
        ({"databases__databases": "- {name: [}"}, "databases.yaml"),
        ({"databases__databases": '"!include gone.yaml"'}, "gone.yaml: no such file"),
        ({"databases__databases": '"!include ../../outside.yaml"'}, "leaves the metadata folder"),
        ({"databases__databases": '"!include /etc/passwd"'}, "leaves the metadata folder"),
    ],
)
def test_a_folder_that_cannot_be_read_says_which_file(
    tmp_path: Path, files: dict[str, str], reason: str
) -> None:
    (tmp_path / "outside.yaml").write_text("secret: 1")
    with pytest.raises(BadRequest, match=reason):
        load_metadata_directory(folder(tmp_path / "metadata", **files))


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path, databases__databases='- "!include databases.yaml"')
    with pytest.raises(BadRequest, match=r"databases\.yaml"):
        load_metadata_directory(root)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"version\.yaml: no such file"):
        load_metadata_directory(tmp_path / "nowhere")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "databases").mkdir()
    (root / "databases" / "databases.yaml").write_bytes(b"\xff\xfe- \x80")
    with pytest.raises(BadRequest, match=r"databases\.yaml"):
        load_metadata_directory(root)
