"""The reader of the demo's problems, on a hand-written file of the same shape, and on the package's own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import orjson
import pytest

from app.cli import champ, demo, seed
from core import steps
from core.types import Verdict
from store.engine import Database
from store.tables import Item, Output, Review


def raw() -> dict[str, object]:
    text = "First we add.\nThen 2 + 2 = 5.\nAnswer: 5"
    problem = {
        "identifier": "P_1",
        "category": "Sums",
        "_text": "What is 2 + 2?",
        "_answer": "4",
        "solution": {"steps": [{"_text": "Add."}, {"_text": "2 + 2 = 4."}]},
        "ch_list": ["H_1", "C_add", "H_1"],
        "fws_annotations": {
            "Model A|No C w/o H": {"text": text, "start_idx": text.index("Then"), "end_idx": text.index("5.") + 2},
            "Model A|Direct C w/ H": {"text": "4", "start_idx": None, "end_idx": None},
        },
    }
    return {
        "problems": {"P_1": problem},
        "concepts": {"C_add": {"_text": "Adding."}},
        "hints": {"H_1": {"_text": "Add the twos."}},
    }


@pytest.fixture
def data(tmp_path: Path) -> champ.Champ:
    path = tmp_path / "v0.json"
    path.write_bytes(orjson.dumps(raw()))
    return champ.load(path)


def test_problem(data: champ.Champ) -> None:
    [problem] = data.problems
    assert problem.hints == ("Add the twos.",)
    assert problem.concepts == {"C_add"}
    assert problem.solution == ("Add.", "2 + 2 = 4.")


def test_marked_solution_keeps_model_and_condition_apart(data: champ.Champ) -> None:
    first, second = data.solutions
    assert (first.model, first.condition) == ("Model A", "No C w/o H")
    assert first.text[first.wrong_start : first.wrong_end] == "Then 2 + 2 = 5."
    assert second.wrong_start is None


def test_first_wrong_step_is_the_one_with_the_mark(data: champ.Champ) -> None:
    first = data.solutions[0]
    pieces = steps.split(first.text)
    wrong = seed.first_wrong(pieces, first.wrong_start)
    assert wrong is not None and "2 + 2 = 5" in pieces[wrong].text
    assert seed.first_wrong(pieces, len(first.text) + 10) == len(pieces) - 1
    assert seed.first_wrong(pieces, None) is None


def test_seeding_twice_adds_nothing(db: Database, data: champ.Champ) -> None:
    once = seed.seed(db, data)
    with db.read() as session:
        before = [session.query(table).count() for table in (Item, Output, Review)]
    assert seed.seed(db, data) == once
    with db.read() as session:
        assert [session.query(table).count() for table in (Item, Output, Review)] == before
        [review] = session.query(Review).all()
        assert review.verdict == Verdict.FAULTY and review.first_wrong_step == 1


def test_gold_is_in_no_question(db: Database, data: champ.Champ) -> None:
    from store import outputs

    seeded = seed.seed(db, data)
    with db.read() as session:
        question = outputs.question(session, seeded.item_ids["P_1"])
    assert "4" not in question.prompt + question.context and "C_add" not in question.prompt


def test_first_answers_come_soon() -> None:
    cut = demo.chunks(list(range(24)))
    assert [len(c) for c in cut] == [2, 4, 8, 8, 2]
    assert [i for c in cut for i in c] == list(range(24))


def test_clearing_spares_foreign_folders(tmp_path: Path) -> None:
    from app.cli.setup import SetupError

    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SetupError, match="name another folder"):
        demo._clear(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.skipif(importlib.util.find_spec("champ_dataset") is None, reason="champ-dataset is not installed")
def test_the_package_itself() -> None:
    data = champ.load()
    assert len(data.problems) == 270 and len(data.solutions) == 540
    assert sum(1 for p in data.problems if p.hints) == 245
    assert len({c for p in data.problems for c in p.concepts}) == 89
