"""Operations, links and readings: what each number says on texts where it can be told by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core.critics import step_links, step_operations, step_readings
from core.critics.step_features import NAMES, rows
from core.types import TokenLogprob

PROBLEM = "Ann has 3 boxes with 8 pens each. She gives 5 pens to Bob. How many pens are left?"
RIGHT = ["Ann has 3 * 8 = 24 pens.", "She has 24 - 5 = 19 pens left.", "The answer is 19"]


def value(steps: list[str], k: int, name: str) -> float:
    return step_links.rows(PROBLEM, steps)[k][name]


def test_calculations_are_read_once() -> None:
    found = step_operations.calculations("50 - (10 + 5) = 50 - 15 = 35 and 2 * 35 = 70")
    assert [one.result for one in found] == [35, 70]
    assert step_operations.chain(RIGHT)[1] == [0, 1]


def test_operands_are_linked_to_what_they_come_from() -> None:
    assert [value(RIGHT, 0, n) for n in ("fresh_given", "fresh_result", "given_left")] == [2, 0, 1]
    assert [value(RIGHT, 1, n) for n in ("fresh_given", "fresh_result", "last_result", "given_left")] == [1, 1, 1, 0]
    assert [value(RIGHT, 2, n) for n in ("ends_in_result", "ends_in_given", "is_final", "calculations")] == [1, 0, 1, 0]
    stray = ["Ann has 3 * 8 = 24 pens.", "She has 17 - 5 = 12 pens left."]
    assert [value(stray, 1, n) for n in ("from_nowhere", "dead_ends")] == [1, 1]
    again = ["3 * 8 = 24", "24 + 3 = 27"]
    assert value(again, 1, "used_given") == 1


def test_the_planted_model_prefers_the_fitting_operation() -> None:
    made = step_operations.chain
    wrong = ["Ann has 3 + 8 = 11 pens.", "She has 11 - 5 = 6 pens left."]
    assert step_operations.scores(PROBLEM, made(wrong)[0])[0] > step_operations.scores(PROBLEM, made(RIGHT)[0])[0]
    assert value(wrong, 0, "planted_worst") > value(RIGHT, 0, "planted_worst")


def test_the_planted_model_learns_from_right_solutions_alone() -> None:
    problems = [
        f"Ann has {a} boxes with {b} pens each. How many pens does she have?"
        for a in range(3, 9)
        for b in range(10, 20)
    ]
    solutions = [[f"She has {a} * {b} = {a * b} pens."] for a in range(3, 9) for b in range(10, 20)]
    weights = step_operations.fit(problems, solutions)
    times, plus = (step_operations.chain([text])[0] for text in ("4 * 12 = 48", "4 + 12 = 16"))
    asked = "Ann has 4 boxes with 12 pens each. How many pens does she have?"
    assert step_operations.scores(asked, plus, weights)[0] > 0 > step_operations.scores(asked, times, weights)[0]
    with pytest.raises(ValueError, match="no solution has a calculation"):
        step_operations.fit(["Who?"], [["Ann."]])


def test_a_state_that_does_not_follow_is_a_fault_like_a_slip() -> None:
    fault = NAMES.index("faults")
    held = ["Ann: red, Bob: green.", "Ann and Bob swap: Ann: green, Bob: green.", "2 + 2 = 5", "2 + 2 = 4"]
    assert rows("Who has green?", held)[:, fault].tolist() == [0, 1, 1, 0]


def test_no_steps_and_strange_ones_are_read() -> None:
    assert rows("", []).shape == (0, len(NAMES))
    assert np.isfinite(rows("", ["", "9" * 500 + " = 1", "<<1/0=2>>"])).all()


def test_readings_are_of_their_own_step() -> None:
    steps = ["Step 1: I see 3.", "It is 4 + 9 = 13."]
    request = step_readings.request(PROBLEM, steps)
    assert request.reply == "I see 3.\nIt is 4 + 9 = 13."
    said = [("I", -1.0), (" see", -1.0), (" ", -1.0), ("3", -2.0), (".", -1.0), ("\n", -0.5)]
    said += [
        ("It", -1.0),
        (" is", -1.0),
        (" 4", -3.0),
        (" +", -0.25),
        (" 9", -7.0),
        (" =", -0.75),
        (" 13", -0.5),
        (".", -1.0),
    ]
    found = step_readings.rows(steps, [TokenLogprob(text, logprob, 2.0) for text, logprob in said])
    read = {name: found[:, i].tolist() for i, name in enumerate(step_readings.NAMES)}
    assert read["read_least_number"] == [-2, -7]
    assert read["read_first_number"] == [-2, -3]
    assert read["read_sum"] == [-6.5, -14.5]
    assert read["read_signs"][1] == -0.5 and read["read_least_sign"][1] == -0.75
    assert read["read_less"] == pytest.approx([0, -14.5 / 8 + 6.5 / 6])
    assert read["read_entropy"] == [2, 2]


def test_steps_beyond_what_was_read_get_what_says_nothing() -> None:
    found = step_readings.rows(["One.", "Two."], [TokenLogprob("One.", -1.0, 1.0)])
    assert found.shape == (2, len(step_readings.NAMES)) and np.isfinite(found).all()
    assert found[1, step_readings.NAMES.index("read_sum")] == 0
