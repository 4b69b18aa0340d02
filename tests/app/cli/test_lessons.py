"""The command line takes a knowledge base out and brings it in."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.settings import Settings
from store import jobs, lessons
from store.engine import Database


def run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.output


def test_a_list_comes_in_and_a_knowledge_base_goes_from_project_to_project(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_bytes(
        orjson.dumps([{"text": "Round to cents.", "applicability": "prices"}, "Name the unit."])
    )
    there = ("--data-dir", str(tmp_path / "data"), "--json")
    told = run(
        "import",
        str(tmp_path / "list.json"),
        "--project",
        "a",
        "--create",
        "--format",
        "lessons",
        "--as-they-stand",
        *there,
    )
    assert orjson.loads(told.splitlines()[-1])["added"] == 2
    out = tmp_path / "a.jsonl"
    assert "2 lessons written" in run("export", "--project", "a", "--format", "lessons", "--out", str(out), *there[:2])
    told = run("import", str(out), "--project", "b", "--create", "--format", "lessons", *there)
    assert orjson.loads(told.splitlines()[-1])["added"] == 2
    db = Database(Settings(data_dir=tmp_path / "data").url)
    with db.read() as session:
        assert [one.status for one in lessons.page(session, 1)] == ["active"] * 2
        assert [one.status for one in lessons.page(session, 2)] == ["proposed"] * 2
        assert [job.kind for job in jobs.recent(session, 1)] == ["embed"]
    db.dispose()


def test_a_damaged_file_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"corrigenda": "lessons", "schema": 1, "lessons": 2, "sha256": ""}\n{"id": 3}\n')
    words = ["import", str(tmp_path / "x.jsonl"), "--project", "a", "--create", "--format", "lessons"]
    done = CliRunner().invoke(app, [*words, "--data-dir", str(tmp_path / "data")])
    assert done.exit_code == 1 and "line 2: " in done.output
    assert not (tmp_path / "data" / "corrigenda.sqlite").exists(), "refused before anything was made"


@pytest.mark.parametrize("words", [("--format", "words")])
def test_another_format_is_refused(tmp_path: Path, words: tuple[str, str]) -> None:
    done = CliRunner().invoke(app, ["import", "x", "--project", "a", *words, "--data-dir", str(tmp_path)])
    assert done.exit_code == 1 and "items or of lessons" in done.output
