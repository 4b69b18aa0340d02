"""Features from planted errors: reading calculations, planting, what is learnt, and that a saved model gives the same numbers."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from core.risk.history_equations import Calculation, read_calculations, read_question, traits
from core.risk.history_operations import OperationModel
from core.risk.history_planted import KINDS, planted, worked_out

ASKED = "Ann has 12 apples. She buys 3 bags with 8 apples each. How many apples does she have in total?"
RIGHT = "She buys 3 * 8 = <<3*8=24>>24 apples.\nShe has 12 + 24 = <<12+24=36>>36 apples.\nA: 36"
WRONG = "She buys 3 + 8 = <<3+8=11>>11 apples.\nShe has 12 + 11 = <<12+11=23>>23 apples.\nA: 23"


def worked(n: int = 130, seed: int = 0) -> tuple[list[str], list[str]]:
    """Purchases: bags of so many each are multiplied, and what was there before is added."""
    draw = random.Random(seed)
    prompts, solutions = [], []
    for _ in range(n):
        a, b, c = draw.randint(11, 30), draw.randint(2, 5), draw.randint(6, 10)
        prompts.append(
            f"Ann has {a} apples. She buys {b} bags with {c} apples each. How many apples does she have in total?"
        )
        solutions.append(
            f"She buys {b} * {c} = {b * c} apples.\nShe has {a} + {b * c} = {a + b * c}.\n#### {a + b * c}"
        )
    return prompts, solutions


@pytest.fixture(scope="module")
def fitted() -> OperationModel:
    model = OperationModel()
    model.fit(*worked())
    return model


def test_quantities_of_a_question() -> None:
    question = read_question("Half of the 20% discount is $5 on two shirts. How much is left?")
    assert [q.value for q in question.quantities] == [0.5, 20, 5, 2]
    assert question.quantities[0].values() == pytest.approx((0.5, 0.005, 2.0))
    assert question.quantities[1].percent and set(question.quantities[1].values()) >= {20, 0.2, 0.8, 1.2, 80}
    assert question.quantities[2].money
    assert question.asked == ("left", "how")


def test_calculations_of_an_answer() -> None:
    assert read_calculations(RIGHT) == [Calculation(("3", "*", "8"), 24.0), Calculation(("12", "+", "24"), 36.0)]
    assert read_calculations("It is 3 x 8 = 24.") == [Calculation(("3", "*", "8"), 24.0)]
    assert read_calculations("No sums here.") == []


def test_traits_link_numbers_to_what_they_come_from() -> None:
    right, wrong = (traits(read_question(ASKED), read_calculations(answer)) for answer in (RIGHT, WRONG))
    assert right["shape:Q*Q"] == 1 and right["last_shape:Q+R"] == 1 and "unused" not in right
    assert wrong["shape:Q+Q"] == 1 and "shape:Q*Q" not in wrong
    left_out = traits(read_question(ASKED), read_calculations("3 * 8 = <<3*8=24>>24\nA: 24"))
    assert left_out["unused"] == 1 and left_out["unused_after:apple"] == 1


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_planted_error_is_worked_out_to_the_end(kind: str) -> None:
    question, steps = read_question(ASKED), read_calculations(RIGHT)
    draw = random.Random(0)
    made = [spoilt for _ in range(40) if (spoilt := planted(kind, question, steps, draw))]
    assert made
    for spoilt in made:
        assert spoilt != steps
        assert all(worked_out(step.pieces) == pytest.approx(step.result) for step in spoilt)
        assert kind == "skipped" or spoilt[-1].result != 36
    assert {len(spoilt) for spoilt in made} == {{"cut": 1, "skipped": 1, "extra": 3}.get(kind, 2)}


def test_nothing_is_planted_where_there_is_no_place() -> None:
    question = read_question("Why?")
    assert planted("extra", question, [Calculation(("1", "+", "1"), 2.0)], random.Random(0)) is None
    assert planted("cut", question, [Calculation(("1", "+", "1"), 2.0)], random.Random(0)) is None
    assert planted("number", question, [], random.Random(0)) is None


@pytest.mark.parametrize("pieces", [("1", "/", "0"), ("(", "2"), ("9" * 39, "*", "9" * 39), ("+",)])
def test_what_cannot_be_worked_out(pieces: tuple[str, ...]) -> None:
    assert worked_out(pieces) is None


def test_spoilt_answers_score_higher(fitted: OperationModel) -> None:
    right, wrong = fitted.features(ASKED, RIGHT), fitted.features(ASKED, WRONG)
    for name in ("planted_any", "planted_operation", "planted_forest"):
        assert wrong[name] > right[name] + 0.5
    cut = fitted.features(ASKED, "3 * 8 = <<3*8=24>>24\nA: 24")
    assert cut["planted_cut"] > right["planted_cut"] + 0.5
    assert cut["steps_differ"] > right["steps_differ"]
    assert right["prompt_steps_expected"] == pytest.approx(np.log1p(2), abs=0.05)


def test_an_answer_without_calculations_has_no_features(fitted: OperationModel) -> None:
    assert fitted.features(ASKED, "She has many.") == {}


def test_state_is_json_and_gives_the_same_numbers(fitted: OperationModel) -> None:
    again = OperationModel()
    again.load(json.loads(json.dumps(fitted.state())))
    assert again.features(ASKED, WRONG) == fitted.features(ASKED, WRONG)
    with pytest.raises(ValueError, match="fit it again"):
        OperationModel().load({"name": "operations", "format": 0})


def test_too_few_worked_solutions() -> None:
    prompts, solutions = worked(20)
    with pytest.raises(ValueError, match="100 worked solutions with calculations are needed; there are 20"):
        OperationModel().fit(prompts, solutions)
    with pytest.raises(ValueError, match="fit the operation model first"):
        OperationModel().features(ASKED, RIGHT)
