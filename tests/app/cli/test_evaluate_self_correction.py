"""The command on a file, a project and a model that answers: the last line of its standard output is one JSON object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from app.cli import evaluate_self_correction
from app.cli.data import opened
from app.cli.main import app
from app.cli.setup import settings_with
from app.view import self_correction as view
from store import projects
from tests.app.test_self_correction_page import tries
from tests.core.evaluation.test_second_tries import Recorder

ROWS = [{"id": str(k), "refiner": "r", "first": k < 8, "second": k < 7 or k >= 14} for k in range(20)]


def run(tmp_path: Path, *options: str, rows: list[dict[str, Any]] | None = None) -> tuple[int, str, str]:
    given = list(options)
    if rows is not None:
        file = tmp_path / "rows.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)))
        given = ["--data", str(file), *given]
    found = CliRunner().invoke(app, ["eval", "self-correction", "--data-dir", str(tmp_path), *given])
    return found.exit_code, found.stdout, found.stderr


def test_json_is_the_last_line(tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, "--json", rows=ROWS)
    found = json.loads(out.strip().splitlines()[-1])
    (card,) = found["refiners"]
    assert code == 0 and (card["acc_t1"], card["acc_t2"], card["n"]) == (0.4, 0.65, 20)
    assert card["confidence_level"] == 7 / 8 and card["critique_score"] == 0.5
    assert len(card["intervals"]["rss"]) == 2


def test_table_of_counts_and_of_choices(tmp_path: Path) -> None:
    choice = {"id": "1", "refiner": "c", "gold": "A", "first": {"A": 1.0}, "second": {"A": {"A": 1.0}}}
    code, out, _ = run(tmp_path, rows=[*ROWS, choice])
    assert code == 0 and "0.8750" in out
    assert "r: delta " in out and "breaks too many right answers" in out and "c: only 1 questions" in out


def test_a_project_gives_the_figures_of_its_page(tmp_path: Path) -> None:
    def seeded(session: Session) -> int:
        made = projects.create(session, slug="sums", name="Sums", item_type="reasoning").id
        tries(session, made, "self_examination", "11 " * 8 + "10 " * 2 + "01 " * 4 + "00 " * 6)
        return made

    with opened(settings_with(data_dir=tmp_path)) as db:
        with db.write() as session:
            made = seeded(session)
        with db.read() as session:
            page = view.read(session, made)
    code, out, _ = run(tmp_path, "--project", "sums", "--json")
    found = json.loads(out.strip().splitlines()[-1])
    assert code == 0 and found["refiners"] == page["refiners"] and found["refiners"][0]["rss"] == pytest.approx(0.7)
    code, out, _ = run(tmp_path, "--project", "sums")
    assert code == 0 and "collapsed: it repeats" in out
    code, _, error = run(tmp_path, "--project", "nobody")
    assert code == 1 and "there are: sums" in error


def test_a_model_answers_questions_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Recorder()
    monkeypatch.setattr(evaluate_self_correction, "make_generator", lambda settings: model)
    rows = [{"id": str(k), "prompt": f"Ben has 2 and gets 2, {k}?", "reference": "4"} for k in range(5)]
    code, out, _ = run(tmp_path, "--refiners", "self_supervision", "--limit", "3", "--json", rows=rows)
    found = json.loads(out.strip().splitlines()[-1])
    assert code == 0 and [(card["refiner"], card["n"]) for card in found["refiners"]] == [("self_supervision", 3)]
    assert found["refiners"][0]["acc_t2"] == 1 and len(model.requests) == 6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--format", "what"), "there is no format"),
        (("--project", "x"), "one of the two"),
        (("--refiners", "self_examination"), "for questions that a model answers"),
    ],
)
def test_errors_say_what_to_do(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    code, _, error = run(tmp_path, *options, rows=ROWS)
    assert code == 1 and said in error


def test_nothing_at_all(tmp_path: Path) -> None:
    assert "one of the two" in run(tmp_path)[2]
    assert "has no rows" in run(tmp_path, rows=[])[2]
