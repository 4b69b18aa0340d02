"""What is planted is what it says, and everything before it stays right."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from core.checkers.arithmetic import equations
from core.critics.reference_spare import numbers, quantities, results
from core.critics.step_planting import KINDS, Planted, courses, plant
from core.error_types import BY_KEY

PROBLEM = "Ann buys 4 pens at 3 dollars each and a notebook for 5 dollars. She pays with 20 dollars. How much is left?"
STEPS = (
    "The pens cost 4 * 3 = 12 dollars.",
    "With the notebook that is 12 + 5 = 17 dollars.",
    "So 20 - 17 = 3 dollars are left.",
)
FOREIGN = ("Each of the 8 boxes holds 9 apples, so 8 * 9 = 72 apples.",)


def planted(kind: str, seed: int = 0) -> Planted:
    found = plant(kind, PROBLEM, STEPS, random.Random(seed), FOREIGN)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_known_and_leaves_what_comes_before_it(kind: str) -> None:
    for seed in range(12):
        made = planted(kind, seed)
        assert made.error_type == kind and kind in BY_KEY
        assert made.steps != STEPS and 0 <= made.first_error < len(made.steps)
        kept = set(made.steps[: made.first_error])
        assert kept <= set(STEPS)


@pytest.mark.parametrize("seed", range(12))
def test_each_kind_is_wrong_in_that_one_thing(seed: int) -> None:
    slip = planted("calculation_error", seed)
    assert sum(not e.ok for step in slip.steps for e in equations(step)) == 1
    assert not all(e.ok for e in equations(slip.steps[slip.first_error]))
    for kind in ("wrong_given_value", "wrong_earlier_value", "wrong_operator"):
        made = planted(kind, seed)
        assert all(e.ok for e in equations(made.steps[made.first_error])), "only the value or the operation is wrong"
    given = planted("wrong_given_value", seed)
    assert set(numbers(given.steps[given.first_error])) - {*quantities(PROBLEM), 12.0, 17.0}
    assert planted("wrong_earlier_value", seed).first_error in (1, 2)
    swap = planted("unsupported_number", seed)
    k = swap.first_error
    assert (swap.steps[k], swap.steps[k + 1]) == (STEPS[k + 1], STEPS[k])
    assert planted("irrelevant_information", seed).steps.count(FOREIGN[0]) == 1
    gone = planted("missing_step", seed)
    assert len(gone.steps) == 2
    (lost,) = set(STEPS) - set(gone.steps)
    assert results(lost)[0] in numbers(gone.steps[gone.first_error])


def test_without_a_place_nothing_is_planted() -> None:
    words = ("It is late.", "So it is dark.")
    assert all(plant(kind, "When is it dark?", words, random.Random(0)) is None for kind in KINDS)
    with pytest.raises(KeyError):
        plant("wrong_concept", PROBLEM, STEPS, random.Random(0))


@pytest.mark.shared_data
def test_the_three_courses_come_in_equal_shares(shared: Path) -> None:
    """Acceptance of paper 11: 30 to 37 % each, and every label exact by construction."""
    rows = [json.loads(line) for line in (shared / "data/processbench/gsm8k.jsonl").read_text().splitlines()]
    clean = [(row["problem"], row["steps"]) for row in rows if row["label"] == -1]
    made = courses(clean, random.Random(0))
    counts = Counter(one.course for one in made)
    assert len(made) >= 60 and set(counts) == {"replace", "swap", "insert"}
    assert all(0.30 <= n / len(made) <= 0.37 for n in counts.values())
    solutions = {tuple(steps) for _, steps in clean}
    for one in made:
        k = one.first_error
        at = next(own for own in solutions if own[:k] == one.steps[:k] and _is(one, own))
        assert one.steps[k] != at[k]


def _is(one: Planted, own: tuple[str, ...]) -> bool:
    k, made = one.first_error, one.steps
    if one.course == "replace":
        return len(own) == len(made) and own[k + 1 :] == made[k + 1 :] and own[k] != made[k]
    if one.course == "swap":
        return (*own[:k], own[k + 1], own[k], *own[k + 2 :]) == made if k + 1 < len(own) else False
    return own == (*made[:k], *made[k + 1 :])
