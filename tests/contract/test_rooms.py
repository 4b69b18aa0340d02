"""The walls: what may import what, how long a module may be, which folders exist, and what no code may call."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKED_DOWN = ROOT / "core/sandbox_child.py"  # the process without rights in which unit tests run: the one exception
ROOMS = ("app", "core", "store", "migrations", "tests", "assets")
MAY_IMPORT = {"core": {"core"}, "store": {"core", "store"}, "app": {"core", "store", "app", "migrations", "assets"}}
HEAVY = {"torch", "transformers", "sentence_transformers", "faiss"}
WEB_ROOMS = ("app/pages", "app/api", "app/view", "app/web.py", "app/auth.py", "app/security.py", "store")


def tracked(pattern: str) -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).exists()]


def modules(room: str) -> list[Path]:
    return sorted(path for path in (ROOT / room).rglob("*.py") if "__pycache__" not in path.parts)


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_import_direction(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(room)
        for name in imported(ast.parse(path.read_text()))
        if name.split(".")[0] in ROOMS and name.split(".")[0] not in MAY_IMPORT[room]
    ]
    assert not wrong, wrong


def test_core_knows_no_sql_and_no_web() -> None:
    banned = {"sqlalchemy", "alembic", "gradio", "fastapi", "starlette", "uvicorn", "dbos"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("core")
        for name in imported(ast.parse(path.read_text()))
        if name.split(".")[0] in banned
    ]
    assert not wrong, wrong


def test_only_the_engine_module_speaks_to_the_job_engine() -> None:
    users = [
        str(path.relative_to(ROOT))
        for room in ("app", "store", "core")
        for path in modules(room)
        if any(name.split(".")[0] == "dbos" for name in imported(ast.parse(path.read_text())))
    ]
    assert users == ["app/worker/engine.py"]


def test_web_rooms_never_import_a_model_library() -> None:
    files = [p for room in WEB_ROOMS for p in ([ROOT / room] if room.endswith(".py") else modules(room))]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(ast.parse(path.read_text()))
        if name.split(".")[0] in HEAVY
    ]
    assert not wrong, wrong


def test_no_module_is_longer_than_600_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("*.py") + tracked("*.js") + tracked("*.css")
        if (lines := path.read_text().count("\n")) > 600
    }
    assert not long, long


def test_top_level_folders() -> None:
    folders = {path.relative_to(ROOT).parts[0] for path in tracked("*") if len(path.relative_to(ROOT).parts) > 1}
    assert {name for name in folders if not name.startswith(".")} == set(ROOMS)


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for room in ("app", "core", "store")
        for path in modules(room)
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent, silent


def dangerous_calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"eval", "exec", "compile"}
        ):
            yield node.func.id
        if isinstance(node, ast.Call) and any(
            k.arg == "shell" and isinstance(k.value, ast.Constant) and k.value.value for k in node.keywords
        ):
            yield "shell=True"
        if isinstance(node, ast.Call) and any(k.arg == "html_template" for k in node.keywords):
            yield "html_template"


def test_no_code_evaluates_data() -> None:
    banned = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    wrong = []
    for room in ("app", "core", "store", "migrations"):
        for path in modules(room):
            tree = ast.parse(path.read_text())
            may = {"exec", "compile"} if path == LOCKED_DOWN else set()
            wrong += [f"{path.relative_to(ROOT)} calls {name}" for name in dangerous_calls(tree) if name not in may]
            wrong += [f"{path.relative_to(ROOT)} imports {n}" for n in imported(tree) if n.split(".")[0] in banned]
    assert not wrong, wrong


def test_templates_escape_everything() -> None:
    unsafe = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "assets").rglob("*.html")
        if any(word in path.read_text() for word in ("|safe", "| safe", "autoescape false"))
    ]
    assert not unsafe, unsafe
