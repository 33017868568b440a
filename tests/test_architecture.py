"""The arrows of the design: who may import whom, which stage comes before which, and where GraphQL may be written."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("backend", "hasura", "telemetry", "webapp")
ENGINE = ROOT / "hasura" / "engine"
LONGEST_FILE = 425  # lines; the usual is 100 to 250

# A stage imports earlier ones only: start-up is metadata + catalog → resolve → role_schema, a request goes
# serve → session → document → plan → to_sql → execute → response, and what ties them together comes last.
STAGES = [
    "errors",
    "session",
    "auth",
    "settings",
    "metrics",
    "metadata",
    "metadata_store",
    "catalog",
    "resolve",
    "role_schema",
    "document",
    "plan",
    "to_sql",
    "execute",
    "response",
    "prepared",
    "snapshot",
    "offload",
    "pipeline",
    "metadata_ops",
    "sql_api",
    "allowlist",
    "api_limits",
    "live",
    "serve",
    "__main__",
]


def sources(*rooms: str) -> list[Path]:
    return [
        path
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        if not {".web", "__pycache__", "node_modules"} & set(path.parts)
    ]


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, by its full name; `from a import b` gives both ``a`` and ``a.b``."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def crossings(room: str, target: str) -> list[tuple[str, str]]:
    """(file, module) of each import in `room` that reaches `target`."""
    return [
        (str(path.relative_to(ROOT)), module)
        for path in sources(room)
        for module in imported(path)
        if is_in(module, target)
    ]


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def texts(path: Path) -> Iterator[str]:
    """Every string of a file that is not a docstring."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docstrings:
            yield node.value


def test_the_reader_of_imports_sees_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    file = tmp_path / "room" / "inner" / "file.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "import a.b\nfrom c import d\nfrom . import e\nfrom ..f import g\ndef h():\n    import i\n"
    )
    assert set(imported(file)) >= {"a.b", "c.d", "room.inner.e", "room.f.g", "i"}


def test_the_web_ui_knows_of_the_backend_its_graphql_client_and_how_it_speaks_with_a_client_only() -> None:
    allowed = ("backend.services.hasura_client", "backend.protocols")
    parents = {"backend", "backend.services"}
    outside = [
        (file, module)
        for file, module in crossings("webapp", "backend")
        if not any(is_in(module, each) for each in allowed) and module not in parents
    ]
    assert outside == []
    assert crossings("webapp", allowed[0]), "the web UI talks to GraphQL through this client"


def test_the_graphql_client_stands_alone() -> None:
    """But for the files that the web UI's image holds besides."""
    image = (ROOT / "webapp" / "Dockerfile").read_text()
    copied = re.findall(r"backend/(?:services/)?\w+(?:\.py)?(?=\s)", image)
    own = {path.removesuffix(".py").replace("/", ".") for path in copied}
    assert own >= {"backend.services.hasura_client", "backend.protocols"}
    files = [path for path in sources("backend") if any(is_in(_module(path), module) for module in own)]
    reaching_out = [
        (path.name, module)
        for path in files
        for module in imported(path)
        if is_in(module, "backend")
        and module not in {"backend", "backend.services"}
        and not any(is_in(module, each) for each in own)
    ]
    assert reaching_out == []


@pytest.mark.parametrize("target", ["backend", "hasura", "webapp"])
def test_what_all_tell_of_themselves_with_imports_none_of_them(target: str) -> None:
    assert crossings("telemetry", target) == []


@pytest.mark.parametrize("room", ["backend", "webapp"])
def test_nobody_imports_the_embedded_engine(room: str) -> None:
    assert crossings(room, "hasura") == []


def test_only_the_one_machine_launcher_names_the_embedded_engine() -> None:
    naming = {
        str(path.relative_to(ROOT))
        for path in sources("backend", "webapp")
        if any("hasura.engine" in text for text in texts(path))
    }
    assert naming == {"backend/stack.py"}


@pytest.mark.parametrize("target", ["backend", "webapp"])
def test_the_embedded_engine_imports_nothing_of_the_application(target: str) -> None:
    assert crossings("hasura", target) == []


def test_the_backend_imports_nothing_of_the_web_ui() -> None:
    assert crossings("backend", "webapp") == []


def test_every_part_of_the_engine_is_one_of_its_stages() -> None:
    parts = {path.relative_to(ENGINE).parts[0].removesuffix(".py") for path in sources("hasura/engine")}
    assert parts - {"__init__"} == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_earlier_stages_only(stage: str) -> None:
    room = ENGINE / stage
    files = sources(str(room.relative_to(ROOT))) if room.is_dir() else [room.with_suffix(".py")]
    later = STAGES[STAGES.index(stage) + 1 :]
    backwards = [
        (str(path.relative_to(ROOT)), module)
        for path in files
        for module in imported(path)
        if any(is_in(module, f"hasura.engine.{name}") for name in later)
    ]
    assert backwards == []


# The start of a document: `query Name(…) {`, `mutation {`, `fragment F on t {` …
GRAPHQL = re.compile(r"^\s*((query|mutation|subscription)\b[^{};]*|fragment \w+ on \w+\s*)\{", re.MULTILINE)


def test_graphql_is_written_in_the_client_and_nowhere_else() -> None:
    places = {
        str(path.relative_to(ROOT).parent)
        for path in sources("backend", "webapp")
        if any(GRAPHQL.search(text) for text in texts(path))
    }
    assert places == {"backend/services/hasura_client"}


def test_no_file_is_too_long_to_read() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources(*ROOMS)}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_the_compose_deployment_stands_without_the_embedded_engine() -> None:
    files = ["docker-compose.yml", ".dockerignore", "backend/Dockerfile", "webapp/Dockerfile"]
    naming = [name for name in files if re.search(r"hasura[./]engine", (ROOT / name).read_text())]
    assert naming == []
