"""Steps aligned to a reference written by hand: one to one, merged, split, another valid way, and wrong."""

from __future__ import annotations

import numpy as np
import pytest

from core.critics import REGISTRY
from core.critics.base import CriticInput, ReferenceInput
from core.critics.reference_spare import align, reachable, results, told_answer
from core.generators.base import NotAvailable
from core.types import Question, Step, StepLabel

PROBLEM = "Ann buys 4 bags of 6 apples and 3 bags of 5 pears. She eats 2. How many pieces of fruit are left?"
REFERENCE = (
    "There are 4*6=<<4*6=24>>24 apples.",
    "There are 3*5=15 pears.",
    "Together 24+15=39.",
    "So 39-2=37 are left.",
)


def case(*steps: str, reference: tuple[str, ...] = REFERENCE) -> ReferenceInput:
    made = tuple(Step(i, text, 0, len(text)) for i, text in enumerate(steps))
    return ReferenceInput(Question(PROBLEM), "\n".join(steps), made, reference)


def labels(*steps: str) -> list[StepLabel]:
    return [c.label for c in REGISTRY.make("reference_spare").critique([case(*steps)])[0]]


def test_one_to_one_merged_and_split() -> None:
    found = align(PROBLEM, ["4 x 6 = 24 apples", "3 x 5 = 15 pears, and 24 + 15 = 39 in all", "39 - 2 = 37"], REFERENCE)
    assert [one.reference for one in found] == [(0,), (1, 2), (3,)]
    split = align(PROBLEM, ["4 x 6 = 24 apples", "3 x 5 = 15 pears"], ("4*6=24 and 3*5=15 of them.",))
    assert [one.reference for one in split] == [(0,), (0,)]


def test_right_wrong_and_another_way() -> None:
    assert labels("4 x 6 = 24", "3 x 5 = 15", "24 + 15 = 39", "39 - 2 = 37") == [StepLabel.RIGHT] * 4
    assert labels("4 x 6 = 24", "3 x 5 = 15", "24 - 2 = 22", "22 + 15 = 37")[2] is StepLabel.RIGHT, (
        "a valid detour is no error"
    )
    assert labels("4 + 6 = 10", "10 + 3 = 13")[0] is StepLabel.WRONG
    (slip,) = REGISTRY.make("reference_spare").critique([case("4 x 6 = 26")])[0]
    assert (slip.label, slip.error_type) == (StepLabel.WRONG, "calculation_error")


def test_text_alone_is_not_wrong() -> None:
    (said,) = REGISTRY.make("reference_spare").critique([case("First we look at the words.")])[0]
    assert said.label is StepLabel.RIGHT and said.explanation.startswith("Unaligned")


def test_needs_a_reference() -> None:
    for given in (case("4 + 6 = 10", reference=()), CriticInput(Question(PROBLEM), "x", (Step(0, "x", 0, 1),))):
        with pytest.raises(NotAvailable, match="there is none"):
            REGISTRY.make("reference_spare").critique([given])


def test_meaning_aligns_where_words_do_not() -> None:
    def embed(texts: object) -> np.ndarray:
        return np.array([[1.0, 0.0] if "fruit" in t or "produce" in t else [0.0, 1.0] for t in texts], np.float32)  # type: ignore[attr-defined]

    steps, reference = ["She counts produce"], ["Nothing of note", "We count fruit"]
    assert align("?", steps, reference)[0].reference != (1,)
    assert align("?", steps, reference, embed)[0].reference == (1,)


def test_parts() -> None:
    assert results("a 2*3=<<2*3=6>>6, then 6 + 1,000 = 1,006.") == (6, 1006)
    assert told_answer(("a = 3", "A: 12")) == 12
    assert reachable(37, [39], [2]) and not reachable(37, [10], [4, 6])
    assert reachable(12, [5, 4, 3], [])
