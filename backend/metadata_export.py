"""What was changed in a console, brought into the files of `hasura/metadata`: as `hasura metadata export` does.

The files are a Hasura CLI project's: https://hasura.io/docs/2.0/migrations-metadata-seeds/metadata-format/
A file whose content has not changed is left as it is, with its comments.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from backend.installation import ADMIN_SECRET, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backend.installation import Installation

#: key of the document -> file of the project; what is neither here nor a source is refused
_SECTIONS = {
    "allowlist": "allow_list.yaml",
    "api_limits": "api_limits.yaml",
    "cron_triggers": "cron_triggers.yaml",
    "graphql_schema_introspection": "graphql_schema_introspection.yaml",
    "inherited_roles": "inherited_roles.yaml",
    "metrics_config": "metrics_config.yaml",
    "network": "network.yaml",
    "opentelemetry": "opentelemetry.yaml",
    "query_collections": "query_collections.yaml",
    "remote_schemas": "remote_schemas.yaml",
    "rest_endpoints": "rest_endpoints.yaml",
}
_ACTIONS = ("actions", "custom_types")  # together in one file


class ExportFailed(Exception):
    """The text is one line for a person."""


class _Include(str):
    """Stands for another file."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes as Hasura's CLI does: lists indented, includes in double quotes."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)


_Dumper.add_representer(
    _Include, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"')
)


def export_metadata(installation: Installation) -> list[str]:
    """What was done, a line a file. Raises ExportFailed, OSError."""
    folder = Path(installation.environment.get("HASURA_GRAPHQL_METADATA_DIR") or ROOT / "hasura" / "metadata")
    return write(download(installation), folder)


def download(installation: Installation) -> dict[str, Any]:
    """What is served. Raises ExportFailed."""
    url = str(httpx.URL(installation.graphql_url).copy_with(raw_path=b"/v1/metadata"))
    secret = installation.environment.get(ADMIN_SECRET)
    try:
        answer = httpx.post(
            url,
            json={"type": "export_metadata", "version": 2, "args": {}},
            headers={"x-hasura-admin-secret": secret} if secret else {},
            timeout=30,
            trust_env=False,
        )
        if not answer.is_success:
            raise ExportFailed(f"{url} refused: {answer.json().get('error', answer.status_code)}")
        document: dict[str, Any] = answer.json()["metadata"]
    except httpx.HTTPError as error:
        raise ExportFailed(f"{url} cannot be reached: is the stack running (`make up`)?") from error
    except (ValueError, KeyError) as error:
        raise ExportFailed(f"{url} answers something that is no metadata") from error
    return document


def write(document: dict[str, Any], folder: Path) -> list[str]:
    """Makes the files of `folder` stand for the document. Raises ExportFailed before anything is written."""
    files = _files(document)
    done = []
    for name, content in files.items():
        if _stored(folder / name) != content:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
            (folder / name).write_text(text, encoding="utf-8")
            done.append(f"wrote {name}")
    for name in _superfluous(folder, files):
        (folder / name).unlink()
        done.append(f"removed {name}")
    return done


def differing(document: dict[str, Any], folder: Path) -> list[str]:
    """The files that `write` would write or remove. Raises ExportFailed."""
    files = _files(document)
    changed = [name for name, content in files.items() if _stored(folder / name) != content]
    return sorted([*changed, *_superfluous(folder, files)])


def _files(document: dict[str, Any]) -> dict[str, Any]:
    unknown = set(document) - {"version", "sources", *_SECTIONS, *_ACTIONS}
    if unknown:
        raise ExportFailed(f"no file is known for {', '.join(sorted(unknown))}: use `hasura metadata export`")
    files = {"version.yaml": {"version": document["version"]}}
    files |= dict(_sources(document.get("sources", [])))
    files |= {name: document[key] for key, name in _SECTIONS.items() if key in document}
    if actions := {key: document[key] for key in _ACTIONS if key in document}:
        files["actions.yaml"] = actions
    return files


def _superfluous(folder: Path, files: Mapping[str, Any]) -> list[str]:
    """What stands in the folder for something that is not in the document."""
    found = {file.relative_to(folder).as_posix(): file for file in sorted(_owned(folder))}
    return [name for name, file in found.items() if name not in files and _stored(file)]


def _sources(sources: list[dict[str, Any]]) -> Iterable[tuple[str, Any]]:
    """Each file with its content."""
    listed, taken = [], set[str]()
    for source in sources:
        place = _free(source["name"], taken)
        entry = dict(source)
        for part, key in (("tables", "table"), ("functions", "function")):
            if part not in source:
                continue
            entry[part] = _Include(f"!include {place}/{part}/{part}.yaml")
            names, used = [], {part}
            for each in source[part]:
                name = _free(_spelled(each[key]), used)
                names.append(_Include(f"!include {name}.yaml"))
                yield f"databases/{place}/{part}/{name}.yaml", each
            yield f"databases/{place}/{part}/{part}.yaml", names
        listed.append(entry)
    yield "databases/databases.yaml", listed


def _spelled(name: Any) -> str:
    return f"{name['schema']}_{name['name']}" if isinstance(name, dict) else f"public_{name}"


def _free(name: str, taken: set[str]) -> str:
    """A file's name for it that no other has, whatever is in it."""
    plain = candidate = re.sub(r"[^\w-]", "_", name)
    number = 1
    while candidate in taken:
        number += 1
        candidate = f"{plain}_{number}"
    taken.add(candidate)
    return candidate


def _owned(folder: Path) -> Iterable[Path]:
    """The files that stand for a part of the metadata, and for nothing else."""
    for part in ("tables", "functions"):
        yield from folder.glob(f"databases/*/{part}/*.yaml")
    for name in (*_SECTIONS.values(), "actions.yaml"):
        if (folder / name).exists():
            yield folder / name


def _stored(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ExportFailed(f"{file} is no YAML: mend or remove it first") from error
