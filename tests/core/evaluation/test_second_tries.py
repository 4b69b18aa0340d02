"""Files of second tries: our own rows, the public folders, and a model that is asked now without ever seeing a right answer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from core.evaluation import refining
from core.evaluation.second_tries import AskedTwice, another_sample, read
from core.generators.base import Capability, Generation, GenerationRequest
from core.refiners.base import RefineInput
from core.reports.second_tries import odds, profile
from core.reports.self_correction import SelfCorrectionReport
from core.types import Question


def written(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def test_samples_of_the_golden_table(tmp_path: Path) -> None:
    table = (([1, 1, 1, 0], [1, 1, 0, 1]), ([0, 0, 0, 0], [0, 1, 0, 0]), ([1, 1, 1, 1], [1, 1, 1, 1]))
    found = read(
        "rows", written(tmp_path, *({"id": str(k), "first": a, "second": b} for k, (a, b) in enumerate(table)))
    )
    assert len(found.tries) == 12 and round(profile(odds(found.tries))["rss"] or 0, 6) == 0.671429


def test_texts_are_compared_with_their_reference(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "reference": "7", "first_text": "So the answer is 8.", "second_text": "So the answer is 7."},
        {
            "id": "2",
            "reference": "7",
            "first_text": "I do not know what to say here at all.",
            "second_text": "Answer: 7",
        },
    ]
    found = read("rows", written(tmp_path, *rows)).tries
    assert [(one.first, one.second) for one in found] == [(False, True), (False, True)]
    assert found[0].change == pytest.approx(1 / 19) and found[0].refiner == "second try"


def test_choice_and_costs(tmp_path: Path) -> None:
    choice = {
        "id": "1",
        "gold": "A",
        "first": {"A": 0.5, "B": 0.5},
        "second": {"A": {"A": 1}, "B": {"A": 0.5, "B": 0.5}},
    }
    plain = {"id": "2", "refiner": "x", "first": False, "second": True, "tokens": 9, "calls": 2, "failure": "other"}
    found = read("rows", written(tmp_path, choice, plain))
    assert found.odds["second try"][0].fixed == 0.25
    assert (found.tries[0].tokens, found.tries[0].calls, found.tries[0].refiner) == (9, 2, "x")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "1"}, "line 1: give first and second"),
        ({"first": True, "second": [True, False]}, "1 first answers and 2 second"),
        ({"first": "yes", "second": True}, "first is true or false"),
        ({"first": True, "second": None}, "second is true or false"),
        ({"first_text": "a", "reference": "7"}, "needs second_text"),
        ({"first": True, "second": True, "tokens": -1}, "tokens is a number"),
        ({"gold": "A", "first": {"A": 0.4}, "second": {"A": {"A": 1}}}, "line 1: probabilities"),
        ({"first": {"A": 1}, "second": {"A": {"A": 1}}}, "not in the format"),
    ],
)
def test_a_bad_row_says_what_is_wrong(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read("rows", written(tmp_path, row))


def test_another_sample_is_worth_as_much_as_the_first() -> None:
    """Independent samples: Acc@t2 = Acc@t1, so RSS is .5 whatever the accuracies."""
    found = profile([another_sample(60, 53), another_sample(60, 12), another_sample(100, 7)])
    assert found["delta"] == pytest.approx(0) and found["rss"] == pytest.approx(0.5)
    one = another_sample(4, 2)  # of 12 ordered pairs, 2 are right twice and 4 are put right
    assert (one.first, one.kept, one.fixed) == pytest.approx((1 / 2, 2 / 12, 4 / 12))


def test_reflexion_runs(shared: Path) -> None:
    """Counted here, on 46 of the 100 ReAct runs: 14 right in trial 1, 25 in trial 5. Programs: 134 and 150 of 164."""
    cards = {
        row["refiner"]: row
        for row in SelfCorrectionReport().compute(read("reflexion_runs", shared / "data" / "reflexion_runs").tries)[
            "refiners"
        ]
    }
    last, programs = cards["hotpotqa_react, trial 5"], cards["humaneval_py"]
    assert (last["n"], last["right"], last["fixed"], last["broken"]) == (46, 14, 11, 0)
    assert last["confidence_level"] == 1 and last["critique_score"] == pytest.approx(11 / 32)
    assert (programs["n"], programs["right"], programs["fixed"], programs["broken"]) == (164, 134, 16, 0)
    assert programs["acc_t2"] == pytest.approx(150 / 164)


def test_sampled_solutions(shared: Path) -> None:
    found = read("sampled_solutions", shared / "data" / "sampled_solutions").odds
    assert {name: len(rows) for name, rows in found.items()} == {
        "game24_process, another sample": 10,
        "gsm8k_llama7b, another sample": 10,
    }
    assert profile(found["gsm8k_llama7b, another sample"])["acc_t1"] == pytest.approx(229 / 600)


class Recorder:
    """Answers by what it is asked last, and keeps every request."""

    name = "recorder"
    capabilities = frozenset({Capability.GENERATE})

    def __init__(self) -> None:
        self.requests: list[GenerationRequest] = []

    def generate(self, requests: Sequence[GenerationRequest], *_: Any) -> list[Generation]:
        self.requests += requests
        return [self._one(request.messages[-1].content) for request in requests]

    def _one(self, asked: str) -> Generation:
        said = "2 + 2 = 5\nSo the answer is 5."
        if "Are you sure" in asked:
            said = "2 + 2 = 4\nSo the answer is 4." if "evidence" in asked else "I cannot tell what it may be, sorry."
        return Generation(said, None, "stop", 100, 10)

    def score(self, requests: Sequence[Any]) -> list[list[float]]:
        raise AssertionError("nothing is scored here")


def test_a_model_is_asked_and_every_column_is_filled() -> None:
    model, said = Recorder(), list[str]()
    asked = [AskedTwice(f"q{k}", f"Ben has 2 and gets 2, {k}. How many?", "4") for k in range(12)]
    tries = refining.refine(model, asked, refining.names(), said.append)
    cards = {card["refiner"]: card for card in SelfCorrectionReport().compute(tries)["refiners"]}
    assert set(cards) == {"ask_again", "self_examination", "self_supervision"} == set(refining.names())
    assert cards["self_supervision"]["acc_t2"] == 1, "the wrong sum is shown as evidence"
    assert (cards["ask_again"]["acc_t2"], cards["self_examination"]["acc_t2"]) == (0, 0)
    assert cards["ask_again"]["failures"] == [["calculation_error", 12]]
    assert cards["self_examination"]["failures"] == [["no_answer", 12]]
    assert cards["self_supervision"]["efficiency"] == pytest.approx(100 / (220 * 2))
    for card in cards.values():
        assert card["n"] == 12 and None not in (card["tokens"], card["calls"], card["seconds"], card["changed"])
    assert len(model.requests) == 12 * 4, "one first answer, and one of each refiner"


def test_no_refiner_can_read_the_right_answer() -> None:
    """Neither in what it is given, nor in any prompt, and no round ends early because an answer was right."""
    for kind in (RefineInput, Question):
        names = {field.name for field in dataclasses.fields(kind)}
        assert not names & {"reference", "gold", "answer", "target"}
    model = Recorder()
    asked = [AskedTwice("q", "Ben has 2 and gets 2. How many?", "gold-314159"), AskedTwice("r", "And 2 and 3?", "5")]
    tries = refining.refine(model, asked, refining.names(), lambda _: None)
    sent = " ".join(message.content for request in model.requests for message in request.messages)
    assert "314159" not in sent
    assert [one.first for one in tries if one.question == "r"] == [True] * 3 and len(model.requests) == 8


def test_a_refiner_that_needs_a_person_is_refused() -> None:
    with pytest.raises(ValueError, match="no refiner feedback that needs no person; choose among ask_again"):
        refining.refine(Recorder(), [AskedTwice("q", "?", "4")], ["feedback"], lambda _: None)
