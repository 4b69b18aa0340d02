"""Import, export and index on the command line, as a person calls them."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from app.cli.main import app
from store import users
from store.engine import Database
from store.tables import Output, Review
from tests.factories import build

ROWS = '{"question":"What is 2+2?","response":"1. 2 + 2 = 5\\nAnswer: 5","id":"a"}\n{broken\n{"question":"","id":"b"}\n'


@pytest.fixture
def run(tmp_path: Path):  # type: ignore[no-untyped-def]
    def call(*words: str, code: int = 0):  # type: ignore[no-untyped-def]
        result = CliRunner().invoke(app, [*words, "--data-dir", str(tmp_path / "data")])
        assert result.exit_code == code, result.output
        return result

    return call


def test_good_rows_are_kept_and_bad_ones_told(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "answers.jsonl"
    path.write_text(ROWS)
    words = ("import", str(path), "--project", "p", "--map", "prompt=question", "--map", "answer=response")
    run(*words, code=1)  # no such project yet
    report = orjson.loads(run(*words, "--create", "--json", code=2).stdout.splitlines()[-1])
    assert (report["rows"], report["added"], report["answers"], report["error_count"]) == (3, 1, 1, 2)
    assert [error["row"] for error in report["errors"]] == [2, 3]
    again = orjson.loads(run(*words, "--json", code=2).stdout.splitlines()[-1])
    assert (again["added"], again["unchanged"], again["answers"]) == (0, 1, 0)


def test_what_cannot_be_done_says_what_to_do(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "q"}\n')
    run("import", str(path), "--project", "p", "--create")
    assert "FIELD=COLUMN" in run("import", str(path), "--project", "p", "--map", "prompt", code=1).output
    assert "there is no file" in run("import", str(tmp_path / "no.csv"), "--project", "p", code=1).output
    told = run("export", "--project", "p", "--format", "x", "--out", "x", code=1).output
    assert "there is no format" in told and "prm800k" in told and "sft" in told
    assert "p" in run("export", "--project", "q", "--format", "sft", "--out", str(tmp_path / "o"), code=1).output


def test_index_is_verified(run) -> None:  # type: ignore[no-untyped-def]
    run("index", "verify")
    run("index", "rebuild")


def test_an_export_through_the_quality_gate(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Ranked by length, which asks no model; the same command gives the same bytes, and says what it left out."""
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(f'{{"prompt":"q{n}","answer":"{"word " * n}","id":"{n}"}}\n' for n in range(1, 5)))
    run("import", str(path), "--project", "p", "--create")
    db = Database(f"sqlite:///{tmp_path / 'data' / 'corrigenda.sqlite'}")
    with db.write() as session:
        person = users.create(session, "ann", "annotator").id
        for output in session.query(Output):
            build(session, Review, output_id=output.id, user_id=person, verdict="acceptable", first_wrong_step=None)
    db.dispose()
    words = ("export", "--project", "p", "--format", "sft", "--rule", "length", "--keep", "2")
    told = run(*words, "--out", str(tmp_path / "a.jsonl"))
    assert "2 rows written" in told.output and "left out 2: beyond the best that are kept" in told.output
    rows = [orjson.loads(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    assert [row["corrigenda"]["external_id"] for row in rows] == ["1", "2"]
    run(*words, "--out", str(tmp_path / "b.jsonl"))
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    out = ("--out", str(tmp_path / "c"))
    assert "record 12 more" in run(*words[:5], "--rule", "fitted", *out, code=1).output
    assert "choose a rule" in run(*words[:5], "--keep", "2", *out, code=1).output
    assert "no filters" in run("export", "--project", "p", "--format", "lessons", "--keep", "2", *out, code=1).output
    assert "choose the format edit_spans" in run(*words[:5], "--as", "m2", *out, code=1).output
    m2 = tmp_path / "a.m2"
    assert "4 rows written" in run(*words[:3], "--format", "edit_spans", "--as", "m2", "--out", str(m2)).output
    noop = "A -1 -1|||noop|||-NONE-|||REQUIRED|||-NONE-|||0"
    assert m2.read_text().startswith(f"S word\n{noop}\n\nS word word\n{noop}\n\n")


def test_an_export_comes_back_by_its_format_or_by_what_it_shows(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "kto.jsonl"
    row = {
        "prompt": [{"role": "user", "content": "1+1?"}],
        "completion": [{"role": "assistant", "content": "2"}],
        "label": True,
    }
    path.write_bytes(orjson.dumps(row) + b"\n{broken\n")
    words = ("import", str(path), "--project", "p", "--format", "export")
    assert "there is no project" in run(*words, code=1).output
    report = orjson.loads(run(*words, "--create", "--json", code=2).stdout.splitlines()[-1])
    assert (report["format"], report["rows"], report["added"], report["reviews"], report["error_count"]) == (
        "kto",
        2,
        1,
        1,
        1,
    )
    assert report["errors"][0]["row"] == 2
    for container in ("jsonl", "parquet", "csv", "dataset"):
        out = tmp_path / f"out.{container if container != 'dataset' else 'zip'}"
        run("export", "--project", "p", "--format", "kto", "--out", str(out), "--as", container)
        told = run("import", str(out), "--project", container, "--format", "kto", "--create").output
        assert "1 items added" in told and "1 reviews" in told
        again = tmp_path / "again.jsonl"
        run("export", "--project", container, "--format", "kto", "--out", str(again))
        assert again.read_bytes() == (tmp_path / "out.jsonl").read_bytes()
    path.write_text('{"text": "x"}\n')
    assert "shows no format of an export" in run(*words, code=1).output
    assert "there is no format" in run(*words[:-1], "nothing", code=1).output
