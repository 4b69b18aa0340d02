"""Figures worked by hand from papers 3, 15, 27 and 45, and what holds of any table."""

from __future__ import annotations

import json
import random

import pytest

from core.reports.second_tries import FEWEST, Odds, SecondTry, choice_odds, intervals, odds, profile
from core.reports.self_correction import SelfCorrectionReport, changes, costs, efficiency
from core.reports.when_to_refine import overlap, policies, together

FIRST = ("1110", "0000", "1111")
SECOND = ("1101", "0100", "1111")


def tries(first: str, second: str, refiner: str = "r", **more: object) -> list[SecondTry]:
    """One question per place: each string says where an answer is right."""
    pairs = enumerate(zip(first, second, strict=True))
    return [SecondTry(str(k), refiner, a == "1", b == "1", **more) for k, (a, b) in pairs]  # type: ignore[arg-type]


def golden() -> list[SecondTry]:
    """The table of papers 3 and 15: three questions with four samples each."""
    return [
        SecondTry(str(k), "r", a == "1", b == "1")
        for k, (one, two) in enumerate(zip(FIRST, SECOND, strict=True))
        for a, b in zip(one, two, strict=True)
    ]


def rounded(found: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 6) for name, value in found.items()}


def test_golden_table_of_three_questions_by_four_samples() -> None:
    """Paper 3: Acc1 .583333, Acc2 .666667, CL .857143, CS .400000, RSS .671429. Paper 15: i->c 2/12, c->i 1/12, delta .0833."""
    assert rounded(profile(odds(golden()))) == {
        "acc_t1": 0.583333,
        "acc_t2": 0.666667,
        "delta": 0.083333,
        "i_to_c": round(2 / 12, 6),
        "c_to_i": round(1 / 12, 6),
        "confidence_level": 0.857143,
        "critique_score": 0.4,
        "rss": 0.671429,
    }


def test_identities_hold_on_any_table() -> None:
    rng = random.Random(0)
    for _ in range(1000):
        rows = []
        for _ in range(rng.randint(2, 12)):
            a = rng.random()
            rows.append(Odds(a, a * rng.random(), (1 - a) * rng.random()))
        found = {name: value for name, value in profile(rows).items() if value is not None}
        t1, t2 = found["acc_t1"], found["acc_t2"]
        assert t2 == pytest.approx(t1 * found["confidence_level"] + (1 - t1) * found["critique_score"], abs=1e-9)
        assert found["delta"] == pytest.approx(found["i_to_c"] - found["c_to_i"], abs=1e-9)
        assert (found["rss"] > 0.5) == (t2 > t1)


def test_pooled_ratios_are_no_means_of_ratios() -> None:
    rows = [Odds(0.9, 0.9, 0.0), Odds(0.1, 0.0, 0.0)]
    assert profile(rows)["confidence_level"] == pytest.approx(0.9)  # the mean of the ratios is .5


@pytest.mark.parametrize(
    ("first", "second", "none"),
    [
        ("111", "110", {"critique_score", "rss"}),
        ("000", "010", {"confidence_level", "rss"}),
        ("", "", {"acc_t1", "acc_t2", "delta", "i_to_c", "c_to_i", "confidence_level", "critique_score", "rss"}),
    ],
)
def test_a_figure_without_a_denominator_is_none(first: str, second: str, none: set[str]) -> None:
    found = profile(odds(tries(first, second)))
    assert {name for name, value in found.items() if value is None} == none


def test_thirds_that_add_up_to_one_leave_nothing_wrong() -> None:
    rows = [Odds(sum([1 / 3] * 3), 1.0, 0.0)] * 7
    assert profile(rows)["critique_score"] is None and profile(rows)["rss"] is None


def test_choice_by_probabilities() -> None:
    """p1 = .6 right; after A (right) .9 right again; after B (.3) .5 and after C (.1) .2 right: .15 + .02 put right."""
    second = {
        "A": {"A": 0.9, "B": 0.1, "C": 0.0},
        "B": {"A": 0.5, "B": 0.5, "C": 0.0},
        "C": {"A": 0.2, "B": 0.0, "C": 0.8},
    }
    found = choice_odds({"A": 0.6, "B": 0.3, "C": 0.1}, second, "A")
    assert (found.first, found.kept, found.fixed) == pytest.approx((0.6, 0.54, 0.17))
    figures = profile([found])
    assert (figures["confidence_level"], figures["critique_score"]) == pytest.approx((0.9, 0.425))
    with pytest.raises(ValueError, match="add up to 1"):
        choice_odds({"A": 0.6, "B": 0.3}, second, "A")
    with pytest.raises(ValueError, match="after each option"):
        choice_odds({"A": 0.6, "D": 0.4}, second, "A")


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """400 simulated studies of 60 questions by three samples; 95 % is meant, and the percentile interval is a little narrow."""
    rng = random.Random(1)
    covered = dict.fromkeys(("acc_t1", "delta", "confidence_level", "critique_score"), 0)
    for study in range(400):
        made = []
        for question in range(60):
            p = rng.choice((0.3, 0.7))
            for _ in range(3):
                first = rng.random() < p
                made.append(SecondTry(str(question), "r", first, rng.random() < (0.9 if first else 0.2)))
        found = intervals(odds(made), rounds=300, seed=study)
        truth = {"acc_t1": 0.5, "delta": 0.05, "confidence_level": 0.9, "critique_score": 0.2}
        for name, value in truth.items():
            low, high = found[name] or (2.0, 2.0)
            covered[name] += low <= value <= high
    assert all(0.91 <= count / 400 <= 0.98 for count in covered.values()), covered


def test_what_was_never_seen_keeps_an_interval_and_few_questions_have_none() -> None:
    found = intervals(odds(tries("1" * 20 + "0" * 20, "1" * 20 + "0" * 20)))
    assert found["confidence_level"] == pytest.approx((0.8389, 1.0), abs=1e-3)  # Wilson, 20 of 20
    assert found["critique_score"] == pytest.approx((0.0, 0.1611), abs=1e-3)
    assert found["delta"] == pytest.approx((-0.0876, 0.0876), abs=1e-3)
    assert found["rss"] is None
    assert set(intervals(odds(tries("10" * 4, "11" * 4))).values()) == {None}


def test_efficiency_of_correctbench() -> None:
    """Base, RARR and RATT to four decimals. Reflexion-v1 is published as .0143 from inputs that are printed rounded."""
    assert round(efficiency(68.5, 791, 1) or 0, 4) == 0.0866
    assert round(efficiency(76.3, 533, 2) or 0, 4) == 0.0716
    assert round(efficiency(78.7, 2185, 3) or 0, 4) == 0.0120
    assert efficiency(72.8, 1460, 3.5) == pytest.approx(0.0143, abs=1e-4)
    assert efficiency(50.0, 0, 0) is None


def test_costs_by_hand() -> None:
    """Four tries of 100 + 60 tokens and two calls each, two right in the end and one of them put right."""
    made = tries("1000", "1100", first_tokens=100.0, tokens=60.0, calls=1.0, seconds=2.0)
    found = costs(made, fixed=1)
    assert (found["tokens_per_fix"], found["tokens"], found["calls"], found["seconds"]) == (240, 60, 1, 2)
    assert found["efficiency"] == pytest.approx(50 / (160 * 2)) and found["first_efficiency"] == pytest.approx(25 / 100)
    assert costs(tries("10", "11"), 1)["efficiency"] is None and costs([], 0)["tokens"] is None
    assert costs(made, fixed=0)["tokens_per_fix"] is None


def test_scorecard_marks_what_harms() -> None:
    """Harmful: MR > CR x wrong / right. Of 8 right ones 3 broken (.375), of 12 wrong ones 2 fixed (.167 x 12 / 8 = .25)."""
    first, harm, help_ = "1" * 8 + "0" * 12, "1" * 5 + "0" * 13 + "11", "1" * 8 + "0" * 6 + "1" * 6
    rows = [*tries(first, harm, "bad"), *tries(first, help_, "good", tokens=5.0, first_tokens=5.0)]
    found = SelfCorrectionReport().compute([*rows, *tries("10", "01", "few")])
    bad, few, good = found["refiners"]
    assert (bad["refiner"], few["refiner"], good["refiner"]) == ("bad", "few", "good")
    assert (bad["right"], bad["broken"], bad["wrong"], bad["fixed"]) == (8, 3, 12, 2)
    assert bad["break_rate"] == pytest.approx(0.375) and bad["fix_rate"] == pytest.approx(1 / 6)
    assert (bad["harmful"], bad["may_run_alone"]) == (True, False)
    assert (good["harmful"], good["may_run_alone"], good["efficiency_rank"]) == (False, True, 1)
    assert (few["harmful"], few["may_run_alone"], few["efficiency_rank"]) == (None, None, None)
    assert json.loads(json.dumps(found)) == found, "the page and the command show the same object"
    (wrong,) = (one for one in found["overlap"] if one["refiners"] == ["bad", "good"])
    assert (wrong["wrong"], wrong["both"], wrong["only_first"], wrong["only_second"], wrong["neither"]) == (
        12,
        2,
        0,
        4,
        6,
    )


def test_a_refiner_below_the_floor_helps_and_still_may_not_run_alone() -> None:
    found = SelfCorrectionReport().compute(tries("1" * 10 + "0" * 10, "1" * 9 + "0" + "1" * 10))
    (card,) = found["refiners"]
    assert (card["harmful"], card["may_run_alone"]) == (False, False)


def test_repeating_oneself_is_a_collapse() -> None:
    same, different = tries("1" * 20, "1" * 20, change=0.0), tries("1" * 20, "1" * 20, change=0.36)
    assert changes(same)["collapsed"] is True and changes(same)["change_histogram"][0] == 20
    assert changes(different)["collapsed"] is False and changes(different)["change_histogram"][3] == 20
    assert changes([*same, *different])["changed"] == 0.5
    assert changes(tries("1", "1", change=1.0))["change_histogram"][9] == 1
    assert changes(tries("1", "1", change=1.0))["collapsed"] is None and changes(tries("1", "1"))["collapsed"] is None


def test_failures_by_kind_of_wrong_second_answers_alone() -> None:
    rows = [
        SecondTry("1", "r", False, False, failure="other"),
        SecondTry("2", "r", True, False, failure="calculation_error"),
        SecondTry("3", "r", True, False, failure="calculation_error"),
        SecondTry("4", "r", False, True, failure="other"),
    ]
    assert SelfCorrectionReport().compute(rows)["refiners"][0]["failures"] == [["calculation_error", 2], ["other", 1]]


def test_policies_by_hand() -> None:
    """First risks .8 .6 .3 .1, second ones .2 .7 .1 .4; outcomes 0>1, 1>0, 1>1, 1>0."""
    risks = ((0.8, 0.2, 0, 1), (0.6, 0.7, 1, 0), (0.3, 0.1, 1, 1), (0.1, 0.4, 1, 0))
    rows = [
        SecondTry(str(k), "r", bool(a), bool(b), first_risk=p, second_risk=q) for k, (p, q, a, b) in enumerate(risks)
    ]
    found = policies(rows, 0.5)
    assert found == {"n": 4, "first": 0.75, "always": 0.5, "gated": 0.75, "least_risky": 1.0}
    assert policies(tries("1", "1"), 0.5) is None and together(rows) is None


def test_gates_and_reranking_order_as_in_glore() -> None:
    """Paper 45's policy simulator: two refiners that each fix .28 and break .2, independently, and a model of outcomes of AUC .9.

    Accuracy of drafts < of each refiner behind the gate < of the best of all three by risk; refining everything is no gain.
    """
    rng, n, accuracy = random.Random(0), 20_000, 0.53
    apart = 1.812  # of two unit normals, for an AUC of .9

    def risk(right: bool) -> float:
        return rng.gauss(0.0 if right else apart, 1.0)

    rows = []
    for k in range(n):
        first = rng.random() < accuracy
        before = risk(first)
        for name in ("global", "local"):
            second = rng.random() >= 0.2 if first else rng.random() < 0.28
            rows.append(SecondTry(str(k), name, first, second, first_risk=before, second_risk=risk(second)))
    gate = apart / 2
    found = SelfCorrectionReport(threshold=gate).compute(rows)
    single = [card["policies"] for card in found["refiners"]]
    combined = found["together"]
    assert combined is not None and combined["n"] == n
    for one in single:
        assert one["first"] + 0.02 < one["gated"] < combined["least_risky"] - 0.05
        assert one["always"] < one["gated"]
    both = overlap(rows)[0]
    assert both["both"] / both["wrong"] == pytest.approx(0.28**2, abs=0.01)


def test_below_the_fewest_questions_nothing_is_judged() -> None:
    rows = tries("0" * (FEWEST - 1), "1" * (FEWEST - 1))
    card = SelfCorrectionReport().compute(rows)["refiners"][0]
    assert card["harmful"] is None and card["intervals"]["acc_t2"] is None and card["fix_rate"] == 1.0
    assert SelfCorrectionReport().compute([])["refiners"] == []
