"""What the review page makes of judgements, labels, forms and empty queues, without a database."""

from __future__ import annotations

import pytest

from app.view import review as view
from app.view import review_steps
from app.view.review_form import ReviewForm
from core import steps
from core.error_types import ERROR_TYPES, ErrorType
from core.types import Critique, RiskEstimate, StepLabel, Verdict, Vote

STEPS = steps.split("Step 1: a\nStep 2: b\nStep 3: c")


def test_accusations_come_before_praise_and_the_surest_first() -> None:
    critiques = [
        Critique(1, "right", StepLabel.RIGHT, "", 0.99),
        Critique(1, "doubt", StepLabel.WRONG, "", 0.4),
        Critique(1, "proof", StepLabel.WRONG, "", 0.9, "unit_error"),
    ]
    shown = review_steps.step_views(STEPS, critiques)[1].critiques
    assert [one.source for one in shown] == ["proof", "doubt", "right"]
    assert (shown[0].verdict, shown[0].percent, shown[0].error_type) == ("Wrong", 90, "Unit error")


def test_an_error_type_that_nobody_knows_is_left_out() -> None:
    (shown,) = review_steps.step_views(STEPS[:1], [Critique(0, "x", StepLabel.WRONG, "", 1, "made_up")])[0].critiques
    assert shown.error_type == ""


@pytest.mark.parametrize(
    ("vote", "side"),
    [
        (Vote("a", Verdict.FAULTY), "against"),
        (Vote("a", Verdict.ACCEPTABLE), "for"),
        (Vote("a", Verdict.CANNOT_JUDGE), "abstains"),
        (Vote("a"), "abstains"),
        (Vote("a", error="boom"), "failed"),
        (Vote("a", label="spam"), "for"),
        (Vote("a", label="ham"), "against"),
    ],
)
def test_a_vote_is_for_or_against_the_answer(vote: Vote, side: str) -> None:
    (shown,) = view.vote_views([vote], "spam", None)
    assert shown.side == side


def test_votes_carry_their_weight_and_the_weightiest_leads_its_side() -> None:
    votes = [Vote(name, Verdict.FAULTY) for name in ("small", "large", "none")]
    risk = RiskEstimate(0.5, "polar", "1", drivers=(("large", 2.0), ("small", 0.1)))
    shown = view.vote_views(votes, None, risk)
    assert [(one.source, one.weight) for one in shown] == [("large", 2.0), ("small", 0.1), ("none", None)]


def test_past_verdicts_stand_among_the_votes_with_what_they_weigh() -> None:
    for weight, side in ((0.3, "against"), (-0.3, "for")):
        risk = RiskEstimate(0.5, "polar", "1", drivers=(("history", weight),))
        (shown,) = view.vote_views([], None, risk)
        assert (shown.side, shown.source, shown.weight) == (side, "past verdicts", weight)
    assert view.vote_views([], None, RiskEstimate(0.5, "polar", "1")) == ()


@pytest.mark.parametrize(("value", "level"), [(0.5, "high"), (0.49, "middle"), (0.25, "middle"), (0.2, "low")])
def test_risk_is_coloured_by_the_projects_threshold(value: float, level: str) -> None:
    assert view.risk_view(RiskEstimate(value, "m", "1"), 0.5, 30, "").level == level


def test_half_an_interval_is_none() -> None:
    shown = view.risk_view(RiskEstimate(0.5, "m", "1", low=0.4), 0.5, 30, "")
    assert (shown.low, shown.high) == (None, None)


def test_step_labels_stop_at_the_first_bad_step() -> None:
    form = ReviewForm(first_wrong_step=2, fine=[4])
    assert form.step_labels(5) == [1, 1, -1, None, None], "what follows the first bad step is masked"
    assert ReviewForm(fine=[1]).step_labels(3) == [None, 1, None]
    assert ReviewForm(first_wrong_step=1).step_labels(3, all_right=True) == [1, 1, 1]


def test_a_rewrite_that_changes_nothing_is_none() -> None:
    assert ReviewForm(rewrite="same").rewritten("same") is None
    assert ReviewForm(rewrite="  ").rewritten("same") is None
    assert ReviewForm(rewrite="other").rewritten("same") == "other"


def test_an_error_type_that_the_project_does_not_offer_is_not_said() -> None:
    own = (ErrorType("wrong_tone", "Wrong tone", "The step is rude."),)
    assert ReviewForm(error_type="wrong_tone").error_of(ERROR_TYPES) is None
    assert ReviewForm(error_type="wrong_tone").error_of((*ERROR_TYPES, *own)) == "wrong_tone"
    assert ReviewForm().error_of(ERROR_TYPES) is None


def test_an_empty_queue_names_every_cause_and_one_way_on() -> None:
    causes = dict.fromkeys(view.EMPTY_CAUSES, 2)
    shown = view.empty_view(causes, worker="No worker since 5 min ago.", may_reopen=True)
    assert len(shown.causes) == len(view.EMPTY_CAUSES)
    assert shown.advice.startswith("No worker since 5 min ago.")
    assert "import" in view.empty_view({}, worker="", may_reopen=False).advice.lower()
    assert "Look again later" in view.empty_view({"held_by_others": 1}, worker="", may_reopen=False).advice
    assert "in a minute" in view.empty_view({"unanswered": 1}, worker="", may_reopen=False).advice
