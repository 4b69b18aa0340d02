"""The measures of first wrong steps, and the adapters on rows written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.critics.bisect import Bisection, bisect, most_questions
from core.evaluation.steps import Prediction, StepRow, best_constant, figures, mcc
from core.evaluation.steps_formats import FORMATS, read


def row(first: int | None, n: int = 4, **more: Any) -> StepRow:
    wrong = more.pop("wrong", first != -1)
    return StepRow("r", "p", tuple("abcd"[:n]), first, wrong, **more)


def said(*steps: int | None) -> list[Prediction]:
    return [Prediction(step, float(step != -1)) for step in steps]


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def test_deepcritic_example() -> None:
    found = figures([row(-1), row(-1), row(2), row(0)], said(-1, 1, 2, 1))
    assert (found["error_accuracy"], found["clean_accuracy"], found["f1"]) == (0.5, 0.5, 0.5)
    assert (found["off_by_one"], found["faulty"], found["clean"], found["n"]) == (0.5, 2, 2, 4)
    assert found["auroc"] == 0.75


def test_oracles() -> None:
    labels = (-1, 2, 0, 1)
    rows = [row(label) for label in labels]
    assert figures(rows, said(*labels))["f1"] == 1
    assert figures(rows, said(-1, -1, -1, -1))["f1"] == 0
    assert figures(rows, said(*(label + 1 for label in labels)))["error_accuracy"] == 0
    assert figures(rows, said(*(label + 1 for label in labels)))["off_by_one"] == 1


def test_outcomes_alone_and_unread_predictions() -> None:
    found = figures([row(None, wrong=True), row(None, wrong=False)], said(1, -1))
    assert (found["n"], found["f1"], found["auroc"], found["outcomes"]) == (0, None, 1.0, 2)
    assert figures([row(-1), row(1)], said(None, 1))["clean_accuracy"] == 0
    with pytest.raises(ValueError, match="one prediction per row"):
        figures([row(1)], [])


def test_mr_score_needs_step_and_reason() -> None:
    rows = [row(1, error_type="unit_error"), row(0, error_type="unit_error"), row(-1)]
    given = [Prediction(1, 1.0, "unit_error"), Prediction(0, 1.0, "wrong_formula"), Prediction(-1, 0.0)]
    found = figures(rows, given)
    assert found["mr_score"] == pytest.approx(0.2 + 0.3 + 0.25)
    assert found["by_error_type"] == {"unit_error": {"n": 2, "error_accuracy": 1.0}}
    assert mcc([True, False], [True, True]) == 0


def test_counts_error_types_per_model() -> None:
    found = figures([row(1, model="m"), row(0, model="m")], [Prediction(1, 1.0, "unit_error"), Prediction(2, 1.0)])
    assert found["by_model"] == {"m": {"other": 1, "unit_error": 1}}


def test_best_constant() -> None:
    assert best_constant([row(1), row(1), row(0), row(-1)]) == {"step": 1.0, "error_accuracy": pytest.approx(2 / 3)}


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 13, 64, 65])
@pytest.mark.parametrize("faulty", [False, True])
def test_bisect_finds_every_first_error_in_few_questions(length: int, faulty: bool) -> None:
    for first in (*(() if faulty else (-1,)), *range(length)):
        found = bisect(length, lambda k, first=first: first == -1 or k < first, faulty=faulty)  # type: ignore[misc]
        assert found.first_error == first
        assert found.asked <= most_questions(length)


def test_bisect_one_answer_at_a_time() -> None:
    state = Bisection.start(4)
    assert state.question == 2 and state.first_error is None
    state = state.answered(False)
    assert state.question == 1
    state = state.answered(True)
    assert state.settled and state.first_error == 2
    with pytest.raises(ValueError, match="already known"):
        state.answered(True)
    with pytest.raises(ValueError, match="no step"):
        Bisection.start(0)


def test_own_rows(tmp_path: Path) -> None:
    good = {"id": "1", "problem": "p", "steps": ["a", "b"], "first_error": 1, "reference": "x\ny"}
    found = read("rows", write(tmp_path / "r.jsonl", good)).rows[0]
    assert (found.first_error, found.wrong, found.reference) == (1, True, ("x", "y"))
    given = found.given()
    assert given.answer == "a\nb" and [given.answer[s.start : s.end] for s in given.steps] == ["a", "b"]
    for bad, what in (({"first_error": 2}, "none of the 2 steps"), ({"steps": "ab"}, "list of steps")):
        with pytest.raises(ValueError, match=what):
            read("rows", write(tmp_path / "r.jsonl", {**good, **bad}))
    with pytest.raises(ValueError, match="wrong as true or false"):
        read("rows", write(tmp_path / "r.jsonl", {**good, "first_error": None}))
    with pytest.raises(ValueError, match="there is no format"):
        read("what", tmp_path)


def test_adapters(tmp_path: Path) -> None:
    steps = ["a", "b", "c"]

    def first(name: str, row: Any, file: str = "x.jsonl") -> StepRow:
        return read(name, write(tmp_path / file, row)).rows[0]

    made = first("processbench", {"id": 1, "generator": "g", "problem": "p", "steps": steps, "label": 2})
    assert (made.first_error, made.model) == (2, "g")
    bench = {"id": 1, "task": "t", "input": "p", "steps": steps, "mistake_index": None}
    assert (first("bigbench_mistake", bench).first_error, first("bigbench_mistake", bench).group) == (-1, "t")
    assert first("mr_gsm8k", {"id": 0, "problem": "p", "steps": steps, "label": -1}).wrong is False
    tutor = {"id": 0, "problem": "p", "reference": "r", "steps": steps, "first_error": 0}
    made = first("tutor_first_error", {**tutor, "error_category": "Unit conversion error"})
    assert (made.error_type, made.reference) == ("unit_error", ("r",))
    real = {"id": 0, "question": "p", "solution": "One.\nTwo.", "correct": False, "reference": None}
    made = first("realcritic", real)
    assert (made.first_error, made.wrong, len(made.steps)) == (None, True, 2)
    verdicts = [{"step": "a", "verdict": "Correct"}, {"step": "b", "verdict": "Incorrect"}]
    assert first("mathcritique", {"id": 0, "question": "p", "step_critiques": verdicts}).first_error == 1
    invalid = {"id": 0, "question": "p", "steps": steps, "solution_correct": "wrong", "first_error_step": "Step 2"}
    assert first("step_critics", invalid).first_error == 1
    write(tmp_path / "problems.jsonl", {"id": "P", "problem": "p", "solution_steps": ["s"]})
    text = "First line.\n\nSecond line."
    marked = {"problem_id": "P", "text": text, "wrong_start": 15, "wrong_end": 20, "model": "m"}
    made = first("champ", marked, "first_wrong_step.jsonl")
    assert (made.first_error, made.reference, made.problem) == (1, ("s",), "p")
    assert set(FORMATS) >= {"processbench", "champ", "realcritic", "mathcritique", "step_critics", "gsm8k_solutions"}
    with pytest.raises(ValueError, match="not parse into steps"):
        first("mathcritique", {"id": 0, "question": "p", "step_critiques": []})


@pytest.mark.shared_data
def test_processbench_counts_and_oracles(shared: Path) -> None:
    """Paper 14: gold gives 1, 1, 1; "nothing is wrong" F1 0; one step off error accuracy 0. 207 and 193 of 400 there, half is here."""
    rows = read("processbench", shared / "data/processbench/gsm8k.jsonl").rows
    labels = [row.first_error for row in rows]
    found = figures(rows, said(*labels))
    assert (found["n"], found["faulty"], found["clean"]) == (199, 106, 93)
    assert (found["error_accuracy"], found["clean_accuracy"], found["f1"]) == (1, 1, 1)
    assert figures(rows, said(*[-1] * len(rows)))["f1"] == 0
    off = [label if label in (-1, None) else label + 1 for label in labels]
    assert figures(rows, said(*off))["error_accuracy"] == 0


@pytest.mark.shared_data
def test_a_reference_tells_right_from_wrong_before_the_last_calculation(shared: Path) -> None:
    """Paper 22: AUROC of at least .75 where numbers alone have .704, the last calculation left out."""
    from tests.benchmarks.quality_critics import last_left_out

    solutions, area = last_left_out(shared / "data/gsm8k_solutions")
    assert solutions == 1225 and area >= 0.75
