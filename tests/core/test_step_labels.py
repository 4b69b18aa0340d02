from __future__ import annotations

import pytest

from core.step_labels import complete, first_error, settled, truth
from core.types import Verdict
from tests.core.step_reviews import review

FAULTY, FINE, NOBODY = Verdict.FAULTY, Verdict.ACCEPTABLE, Verdict.CANNOT_JUDGE


@pytest.mark.parametrize(
    ("verdict", "marked", "labels", "found"),
    [
        (FAULTY, 2, [1, 1, -1], 2),
        (FAULTY, None, [1, -1, 0, -1], 1),
        (FAULTY, None, [1, 1], None),
        (FINE, None, [1, 1], -1),
        (FINE, None, [], -1),
        (FINE, 1, [1, -1], 1),  # right answer, wrong step
        (NOBODY, 1, [1, -1], None),
    ],
)
def test_the_first_wrong_step_of_a_review(
    verdict: Verdict, marked: int | None, labels: list[int | None], found: int | None
) -> None:
    assert first_error(verdict, marked, labels) == found


def test_labels_are_completed_up_to_the_first_wrong_step() -> None:
    assert complete(2, [], 4) == [1, 1, -1, None]
    assert complete(-1, [], 3) == [1, 1, 1]
    assert complete(1, [0, -1, 1], 3) == [0, -1, 1]
    assert complete(None, [1], 2) == [1, None]


def test_more_than_half_decide_and_experts_stand_above_them() -> None:
    assert settled([1, 1, 2]) == 1
    assert settled([1, 2]) is None and settled([]) is None and settled([1, 1, 2, 3]) is None
    assert truth([review(1, 0, user=1), review(2, 1, user=2)]) is None
    assert truth([review(1, 0, user=1), review(2, 0, user=2), review(3, 1, user=3, expert=True)]) == 1
