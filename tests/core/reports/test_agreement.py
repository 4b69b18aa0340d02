"""Agreement against values worked out elsewhere, and a model of errors that finds the careless and the strict."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from time import perf_counter

import numpy as np
import pytest

from core.reports.agreement import AgreementReport, Judgement, _interval, alpha
from core.reports.annotator_errors import fit


def test_alpha_is_that_of_the_literature() -> None:
    """The binary example of Krippendorff (2011, section A): ten units, two observers, alpha .095."""
    first = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    second = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    units = [(bool(a), bool(b)) for a, b in zip(first, second, strict=True)]
    assert alpha(units) == pytest.approx(0.095, abs=0.0005)
    assert alpha([(True, True), (False, False)]) == 1
    assert alpha([(True, True), (True,)]) is None, "one value only says nothing"
    assert alpha([]) is None
    assert alpha([(True, False)] * 50 + [(False, True)] * 50) == pytest.approx(-1, abs=0.02)


def test_units_with_one_value_do_not_count_and_more_judges_do() -> None:
    units = [(True, True, False), (False, False), (True, True)]
    assert alpha([*units, (True,), (False,)]) == alpha(units)
    # By hand: 4 true, 3 false of 7; observed disagreement 2 of (2 * 2 * 1 / 2) = 2; expected 24 / 6 = 4.
    assert alpha(units) == pytest.approx(1 - 6 * 2 / 24)


def _crowd(people: dict[int, tuple[float, float]], answers: int, seed: int = 1) -> tuple[list[Judgement], list[bool]]:
    """Verdicts of people by their (misses, alarms) on answers of which two fifths are faulty; each is judged by three."""
    draw = random.Random(seed)
    truth = [draw.random() < 0.4 for _ in range(answers)]
    rows = []
    for output, wrong in enumerate(truth):
        for user in draw.sample(sorted(people), 3):
            misses, alarms = people[user]
            said = draw.random() >= misses if wrong else draw.random() < alarms
            rows.append(Judgement(output, user, f"p{user}", said, seconds=float(10 * user)))
    return rows, truth


def test_the_careless_and_the_strict_are_told_apart_without_gold() -> None:
    people = {1: (0.05, 0.05), 2: (0.1, 0.05), 3: (0.05, 0.1), 4: (0.5, 0.05), 5: (0.05, 0.45)}
    rows, _ = _crowd(people, 600)
    model = fit([(row.output_id, row.user_id, row.wrong) for row in rows])
    for user, (misses, alarms) in people.items():
        found = model.people[user]
        # About 140 faulty answers each: two standard errors of a share of one half are .085.
        assert found.misses == pytest.approx(misses, abs=0.1) and found.alarms == pytest.approx(alarms, abs=0.1)
    assert max(model.people, key=lambda user: model.people[user].misses) == 4
    assert max(model.people, key=lambda user: model.people[user].alarms) == 5


def test_knowing_who_errs_how_beats_counting_heads() -> None:
    people = {1: (0.05, 0.05), 2: (0.1, 0.05), 3: (0.5, 0.05), 4: (0.5, 0.05), 5: (0.05, 0.45)}
    majority = modelled = 0
    for seed in range(4):
        rows, truth = _crowd(people, 400, seed)
        model = fit([(row.output_id, row.user_id, row.wrong) for row in rows])
        for n, wrong in enumerate(truth):
            majority += (sum(row.wrong for row in rows if row.output_id == n) >= 2) == wrong
            modelled += (model.wrong[n] > 0.5) == wrong
    assert modelled > majority + 16, "at least one answer in a hundred more"


def test_nobody_is_judged_by_too_little_or_by_themselves_alone() -> None:
    alone = fit([(n, 1, n % 2 == 0) for n in range(100)])
    assert alone.people == {}
    assert fit([]).people == {}
    gold = fit([(n, 1, True) for n in range(40)], gold={n: n < 20 for n in range(40)})
    assert gold.people[1].alarms > 0.8 and gold.people[1].misses < 0.1


def test_the_report_says_what_each_is_known_for() -> None:
    rows, truth = _crowd({1: (0.0, 0.0), 2: (0.1, 0.1), 3: (0.3, 0.3)}, 80)
    gold = [Judgement(r.output_id, r.user_id, r.user, r.wrong, r.seconds, truth[r.output_id]) for r in rows]
    report = AgreementReport().compute(gold)
    people = {row["user"]: row for row in report["people"]}
    assert people[1]["right"] == 1 and people[3]["right"] < people[2]["right"]
    assert [people[n]["seconds"] for n in (1, 2, 3)] == [10, 20, 30]
    assert report["n"] == 80 and report["low"] < report["alpha"] < report["high"]
    assert [pair["n"] for pair in report["pairs"]] == [80, 80, 80]
    assert all(pair["kappa"] is not None for pair in report["pairs"])
    assert AgreementReport().compute([])["people"] == []


def test_who_judges_an_answer_again_is_counted_by_the_last_verdict() -> None:
    rows = [Judgement(1, 1, "a", True), Judgement(1, 2, "b", False), Judgement(1, 1, "a", False)]
    report = AgreementReport().compute(rows)
    assert report["pairs"][0]["same"] == 1 and report["n"] == 1


def test_alpha_of_more_than_two_values_and_four_observers() -> None:
    """The second example of Krippendorff (2011, section C): twelve units, four observers, five values, missing ones; .743."""
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[row[n] for row in observers if row[n] != "."] for n in range(12)]
    assert alpha(units) == pytest.approx(0.743, abs=0.0005)


def test_who_found_a_fault_and_marked_no_words_says_nothing_of_spans() -> None:
    rows = [
        Judgement(n, user, f"p{user}", True, spans=((0, 4),) if user == 1 else ()) for n in range(12) for user in (1, 2)
    ]
    assert AgreementReport().compute(rows)["pairs"][0]["spans"]["n"] == 0
    fine = [
        Judgement(n, user, f"p{user}", user == 1, spans=((0, 4),) if user == 1 else ())
        for n in range(12)
        for user in (1, 2)
    ]
    assert AgreementReport().compute(fine)["pairs"][0]["spans"]["f1"] == 0, "nothing is wrong, says the other"


def test_alpha_by_week_and_first_errors_by_pair() -> None:
    """Two ISO weeks: in the first ten answers of full agreement on both values, in the second nine, which are too few."""
    moments = [datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)]
    rows = [
        Judgement(
            n, user, f"p{user}", n % 2 == 0, at=moments[n >= 10], first_error=0 if n % 2 == 0 and user < 3 else -1
        )
        for n in range(19)
        for user in (1, 2)
    ]
    report = AgreementReport().compute(rows)
    assert [(week["week"], week["n"], week["alpha"]) for week in report["weeks"]] == [
        ("2026-W10", 10, 1.0),
        ("2026-W11", 9, None),
    ]
    assert report["weeks"][1]["low"] is None
    assert report["pairs"][0]["first"] == {"n": 19, "same": 1.0, "low": pytest.approx(0.832, abs=0.001), "high": 1.0}


def test_the_interval_is_that_of_alpha_over_answers_drawn_whole() -> None:
    """By drawing and computing each alpha anew, with the same draws."""
    draw = random.Random(2)
    units = [[draw.random() < 0.4 for _ in range(draw.choice((2, 2, 3)))] for _ in range(60)]
    rng = np.random.default_rng(0)
    each = [alpha([units[n] for n in rng.integers(0, 60, 60)]) for _ in range(400)]
    assert _interval(units) == pytest.approx(tuple(np.percentile(np.array(each, float), [2.5, 97.5])))
    assert _interval([(True, True)] * 20) == (None, None), "one value only"
    began = perf_counter()
    _interval([(True, False), (True, True)] * 5_000)
    assert perf_counter() - began < 2
