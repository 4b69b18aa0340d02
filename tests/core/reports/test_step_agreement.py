from __future__ import annotations

import pytest
from sklearn.metrics import cohen_kappa_score

from core.reports.step_agreement import StepAgreementReport, kappa
from tests.core.step_reviews import review


def test_kappa_is_that_of_scikit_learn() -> None:
    pairs = [(1, 1), (1, -1), (-1, -1), (0, 1), (1, 1), (0, 0), (-1, 1)]
    assert kappa(pairs) == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True)))
    assert kappa([]) is None and kappa([(1, 1), (1, 1)]) is None


def test_pairs_of_people_and_what_they_differ_on() -> None:
    rows = [
        review(1, 1, output=1, user=7),
        review(2, 1, output=1, user=8),
        review(3, 0, output=2, user=7),
        review(4, 1, output=2, user=8),
        review(5, -1, output=3, user=7),
        review(6, 2, output=3, user=8),
        review(7, None, output=4, user=7),
        review(8, 2, output=4, user=8),
        review(9, -1, output=3, user=9),
        review(10, 1, output=1, user=7),
    ]
    found = StepAgreementReport().compute(rows)
    assert [pair["users"] for pair in found["pairs"]] == [(7, 8), (7, 9), (8, 9)]
    first = found["pairs"][0]
    assert first["names"] == ("person 7", "person 8")
    assert (first["n"], first["same"], first["near"]) == (3, pytest.approx(1 / 3), pytest.approx(1 / 3))
    # steps both labelled: (1,1)(-1,-1) | (-1,1) | (1,1)(1,1)(1,-1)
    assert first["steps"] == 6
    assert first["kappa"] == pytest.approx(cohen_kappa_score([1, -1, -1, 1, 1, 1], [1, -1, 1, 1, 1, -1]))
    assert (found["overall"]["n"], found["overall"]["same"]) == (5, pytest.approx(2 / 5))
    assert [(a.review_id, b.review_id) for a, b in found["differ"]] == [(6, 9), (5, 6), (3, 4)]


def test_nobody_met() -> None:
    found = StepAgreementReport().compute([review(1, 1, user=7), review(2, 1, user=7)])
    assert found["overall"]["same"] is None and found["pairs"] == [] == found["differ"]


def test_kappa_is_that_of_a_published_table() -> None:
    """Fleiss, Levin and Paik (2003), table 18.1: two raters, 100 subjects, three diagnoses; .68."""
    table = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
    pairs = [(a, b) for a, row in enumerate(table) for b, n in enumerate(row) for _ in range(n)]
    assert kappa(pairs) == pytest.approx(0.676, abs=0.0005)
