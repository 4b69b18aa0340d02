"""How wrong the wrong ones are, against counts by hand and on a public set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.evaluation.steps_formats import read
from core.reports.supervision_quality import Supervised, SupervisionQualityReport, figures


def test_the_same_outcome_error_may_hide_very_different_steps() -> None:
    careful = [Supervised("careful", n % 5 < 3, 8 if n % 5 < 3 else -1, 10) for n in range(50)]
    careless = [Supervised("careless", n % 5 < 3, 0 if n % 5 < 3 else -1, 10) for n in range(50)]
    report = SupervisionQualityReport().compute([*careless, *careful])
    first, second = report["authors"]
    assert (first["author"], second["author"]) == ("careful", "careless")
    assert first["outcome_error"] == second["outcome_error"] == 0.6
    assert first["step_error"] == pytest.approx(0.12) and second["step_error"] == pytest.approx(0.6)
    assert first["severity"] == pytest.approx(0.2) and second["severity"] == 1
    assert first["step_low"] < 0.12 < first["step_high"]


def test_what_people_said_of_a_single_step_counts_before_the_convention() -> None:
    row = Supervised("m", None, 1, 5, (1, -1, 1, None, 0))
    assert row.wrong_steps == 2, "step 2 was given +1, step 4 is neutral, step 3 follows the first wrong one"
    assert figures([row])["outcome_error"] is None
    assert figures([])["process_error"] is None
    assert SupervisionQualityReport().compute([Supervised("m", True, -1, 0)])["authors"] == [], "no steps, no figure"


def test_processbench_gsm8k(shared: Path) -> None:
    """Outcome and process error are those that the file itself counts (paper 7's check), and one generator's steps a hand count."""
    path = shared / "data" / "processbench" / "gsm8k.jsonl"
    raw = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    wrong_end = {(row["problem"], row["generator"]): not row["final_answer_correct"] for row in raw}
    rows = read("processbench", path).rows
    mine = [
        Supervised(row.model, wrong_end[row.problem, row.model], row.first_error, len(row.steps))
        for row in rows
        if row.first_error is not None
    ]
    report = SupervisionQualityReport().compute(mine)
    assert report["overall"]["n"] == len(raw)
    assert report["overall"]["outcome_error"] == pytest.approx(sum(wrong_end.values()) / len(raw))
    assert report["overall"]["process_error"] == pytest.approx(sum(row["label"] >= 0 for row in raw) / len(raw))
    assert report["overall"]["process_error"] > report["overall"]["outcome_error"], "right answers by wrong steps"
    one = report["authors"][0]
    own = [row for row in raw if row["generator"] == one["author"]]
    wrong = sum(len(row["steps"]) - row["label"] for row in own if row["label"] >= 0)
    assert one["step_error"] == pytest.approx(wrong / sum(len(row["steps"]) for row in own))
