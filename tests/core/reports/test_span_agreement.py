"""F1 of two people's spans against values worked out elsewhere and by hand."""

from __future__ import annotations

import pytest

from core.reports.span_agreement import FEWEST, SpanAgreementReport, f1


def test_f1_over_characters_is_that_of_the_shared_task() -> None:
    """The worked example of SemEval-2021 task 5 (toxic spans): offsets 0, 1, 4, 5 against 0, 1, 6."""
    assert f1([(0, 2), (4, 6)], [(0, 2), (6, 7)]) == pytest.approx(0.5714285714285714)
    assert f1([], []) == 1 and f1([(0, 3)], []) == 0
    assert f1([(0, 4), (2, 6)], [(0, 6)]) == 1, "spans that overlap count each character once"
    assert f1([(3, 3)], [(3, 4)]) == 1, "an insertion marks the character before which it stands"


def test_a_pair_by_hand() -> None:
    """Ten answers: on six both mark [0, 4), on two one marks [0, 4) and the other [2, 6), on two one marks nothing."""
    rows = [(((0, 4),), ((0, 4),))] * 6 + [(((0, 4),), ((2, 6),))] * 2 + [(((0, 4),), ())] * 2
    report = SpanAgreementReport().compute([*rows, ((), ()), ((), ())])
    # Characters: common 6 * 4 + 2 * 2 = 28; all 8 * 8 + 2 * 4 = 72. Whole spans: common 6, all 8 * 2 + 2 = 18.
    assert report["n"] == 10 and report["f1"] == pytest.approx(56 / 72) and report["exact"] == pytest.approx(12 / 18)
    assert 0.4 < report["low"] < report["f1"] < report["high"] <= 1


def test_few_answers_say_nothing() -> None:
    report = SpanAgreementReport().compute([(((0, 1),), ((0, 1),))] * (FEWEST - 1) + [((), ())] * 20)
    assert report == {"n": FEWEST - 1, "f1": None, "low": None, "high": None, "exact": None}


def test_who_is_named_first_makes_no_difference() -> None:
    rows = [(((0, n % 5 + 1),), ((n % 3, 6),)) for n in range(30)]
    other = [(b, a) for a, b in rows]
    assert SpanAgreementReport().compute(rows) == SpanAgreementReport().compute(other)
