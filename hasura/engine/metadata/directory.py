"""Reads the ``metadata/`` folder of a Hasura CLI project (config v3) into the metadata document it stands for.

Hasura's CLI splits the document into files and joins them with strings of the form ``"!include path"``, relative to
the file that holds them: https://hasura.io/docs/2.0/migrations-metadata-seeds/metadata-format/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from hasura.engine.errors import BadRequest

if TYPE_CHECKING:
    from pathlib import Path

INCLUDE = "!include "

#: file of the project -> key of the document
SECTIONS = {
    "actions.yaml": None,
    "allow_list.yaml": "allowlist",
    "api_limits.yaml": "api_limits",
    "cron_triggers.yaml": "cron_triggers",
    "databases/databases.yaml": "sources",
    "graphql_schema_introspection.yaml": "graphql_schema_introspection",
    "inherited_roles.yaml": "inherited_roles",
    "metrics_config.yaml": "metrics_config",
    "network.yaml": "network",
    "opentelemetry.yaml": "opentelemetry",
    "query_collections.yaml": "query_collections",
    "remote_schemas.yaml": "remote_schemas",
    "rest_endpoints.yaml": "rest_endpoints",
}


def load_metadata_directory(path: Path) -> dict[str, Any]:
    """The metadata document (``{"version": 3, "sources": […], …}``) of a folder.

    Raises:
        BadRequest: the folder, or a file that it includes, is missing or is not YAML.
    """
    version = _read(path / "version.yaml", root=path)
    if not isinstance(version, dict) or version.get("version") != 3:
        raise BadRequest(f"{path / 'version.yaml'}: only metadata of version 3 is understood")
    document: dict[str, Any] = {"version": 3}
    for name, key in SECTIONS.items():
        file = path / name
        if not file.exists():
            continue
        content = _read(file, root=path)
        if content is None or content in ([], {}):
            continue
        if key is None:  # actions.yaml holds two keys of the document
            document.update({k: v for k, v in content.items() if v})
        else:
            document[key] = content
    document.setdefault("sources", [])
    return document


def _read(file: Path, *, root: Path, within: tuple[Path, ...] = ()) -> Any:
    if file.resolve() in within:
        raise BadRequest(f"{file}: includes itself")
    if root.resolve() not in file.resolve().parents:
        raise BadRequest(f"{file}: an include leaves the metadata folder")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadRequest(f"{file}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise BadRequest(f"{file}: {problem}") from problem
    return _expand(content, root, (*within, file.resolve()))


def _expand(value: Any, root: Path, within: tuple[Path, ...]) -> Any:
    if isinstance(value, str) and value.startswith(INCLUDE):
        return _read(within[-1].parent / value.removeprefix(INCLUDE).strip(), root=root, within=within)
    if isinstance(value, list):
        return [_expand(item, root, within) for item in value]
    if isinstance(value, dict):
        return {key: _expand(item, root, within) for key, item in value.items()}
    return value
