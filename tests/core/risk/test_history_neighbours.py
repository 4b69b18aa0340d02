"""Past verdicts: the nearest come first, an answer is never its own reason, and its item's other attempts only on demand."""

from __future__ import annotations

import numpy as np
import pytest

from core.lessons.index import WrongVectors
from core.risk.history_neighbours import PastVerdict, VerdictHistory
from core.types import Verdict


def unit(*angles: float) -> np.ndarray:
    return np.array([[np.cos(a), np.sin(a)] for a in np.radians(angles)], np.float32)


PAST = [
    PastVerdict(1, 10, Verdict.FAULTY),
    PastVerdict(2, 10, Verdict.ACCEPTABLE),
    PastVerdict(3, 11, Verdict.FAULTY),
    PastVerdict(4, 12, Verdict.ACCEPTABLE),
    PastVerdict(5, 13, Verdict.FAULTY),
]
HISTORY = VerdictHistory(PAST, unit(0, 1, 30, 60, 90))


def ids(**how: object) -> list[int]:
    return [one.past.output_id for one in HISTORY.similar(unit(2)[0], **how)]  # type: ignore[arg-type]


def test_the_nearest_come_first_with_their_cosine() -> None:
    found = HISTORY.similar(unit(31)[0], 2, output_id=99, item_id=99)
    assert [one.past.output_id for one in found] == [3, 4]  # the angles from 31 are 1 and 29; the third is at 30
    assert found[0].similarity == pytest.approx(np.cos(np.radians(1)), abs=1e-3)
    assert found[0].to_json() == {
        "output_id": 3,
        "item_id": 11,
        "similarity": pytest.approx(1, abs=1e-3),
        "verdict": "faulty",
    }


def test_an_answer_is_not_its_own_reason_nor_are_its_items_other_attempts() -> None:
    assert ids(output_id=1, item_id=10) == [3, 4, 5]
    assert ids(output_id=1, item_id=10, same_item=True) == [2, 3, 4]
    assert ids(output_id=77, item_id=10) == [3, 4, 5]
    assert ids(output_id=77, item_id=77) == [2, 1, 3]


def test_a_project_without_reviews_has_no_neighbours() -> None:
    empty = VerdictHistory([], np.zeros((0, 2), np.float32))
    assert len(empty) == 0 and empty.similar(unit(0)[0], output_id=1, item_id=1) == []


def test_vectors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(WrongVectors):
        VerdictHistory(PAST, unit(0, 1))
    with pytest.raises(WrongVectors):
        HISTORY.similar(np.ones(3, np.float32), output_id=1, item_id=1)
