"""Self-practice rows: balanced, split by question, in the published shape; and a gate on the published ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.embedding import Embedder
from core.evaluation import practice
from core.recipes.self_practice import COLUMNS, Turn, balanced, build, read, split


def turns(n: int, accepted: int) -> list[Turn]:
    return [Turn(f"q{k // 2}", k % 2, f"Question: {k}?\n", "a", "r", k < accepted) for k in range(n)]


def test_rejects_are_drawn_down_and_questions_stay_together() -> None:
    made = turns(102, 49)
    kept = balanced(made)
    assert len(kept) == 98 and sum(one.accepted for one in kept) == 49
    assert kept == sorted(kept, key=made.index) and kept == balanced(made) != balanced(made, seed=1)
    train, dev = build(made)
    assert len(train) + len(dev) == 98 and train and dev
    assert not {one.question for one in train} & {one.question for one in dev}
    assert split(made)[0] == [one for one in made if one in split([one])[0]], "a question is where it always was"
    assert balanced(turns(10, 0)) == []


def test_rows_are_read_as_they_are_published(tmp_path: Path) -> None:
    one = Turn("tc_1", 2, "Question: Who?\nWrong answer!", "nobody", "Because.", True, "['nobody']")
    assert tuple(one.row()) == COLUMNS and Turn.of(one.row()) == one
    said = "tc_1,2,\"Question: Who?\nWrong answer!\",nobody,Because.,['nobody'],1"
    lines = [",".join([*COLUMNS[:-1], "Verdict"]), said]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    assert read(tmp_path / "x.csv") == [one]
    with pytest.raises(ValueError, match="verdict"):
        Turn.of({**one.row(), "Gate Verdict": "2"})
    with pytest.raises(ValueError, match="Turn"):
        Turn.of({name: value for name, value in one.row().items() if name != "Turn"})


@pytest.mark.models
def test_a_gate_on_the_published_rows_beats_the_majority(shared: Path, embedder: Embedder) -> None:
    found = practice.evaluate(shared / "data/multi_round_rag", 0, embedder.embed)
    assert (found["train"], found["dev"], found["questions_on_both_sides"]) == (77, 21, 0)
    assert found["balanced_accuracy"] > 0.5 and found["precision"] is not None
    coverage = [row["coverage"] for row in found["risk_coverage"]]
    assert coverage == sorted(coverage, reverse=True) and coverage[0] == 1.0


def test_a_folder_without_rows_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"_train\.csv"):
        practice.evaluate(tmp_path, 0, lambda texts: [])  # type: ignore[arg-type, return-value]
