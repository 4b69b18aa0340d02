from __future__ import annotations

from core.signals import REGISTRY
from core.types import Critique, StepLabel, Verdict, Vote
from tests.core.signals.test_signals import seen

ANSWER = "1. 2 + 2 = 4\n2. 12 * 4 = 46"


def said(*critiques: Critique) -> Vote:
    return REGISTRY.make("critics").vote(seen(ANSWER, critiques=critiques))


def of(step: int, label: StepLabel, confidence: float, source: str = "model_steps") -> Critique:
    return Critique(step, source, label, f"It says so of {step + 1}.", confidence)


def test_the_first_step_that_is_surely_wrong_makes_it_faulty() -> None:
    vote = said(of(1, StepLabel.WRONG, 0.9), of(0, StepLabel.WRONG, 0.79), of(0, StepLabel.RIGHT, 0.99))
    assert (vote.verdict, vote.step_index) == (Verdict.FAULTY, 1)
    assert vote.evidence == "Step 2 is wrong, says model_steps: It says so of 2."
    both = said(of(1, StepLabel.WRONG, 0.99), of(0, StepLabel.WRONG, 0.8, "arithmetic"))
    assert (both.step_index, both.details["critic"]) == (0, "arithmetic") and "(And 1 more step.)" in both.evidence


def test_acceptable_needs_every_step_called_right_surely_and_none_wrong() -> None:
    right = (of(0, StepLabel.RIGHT, 0.9), of(1, StepLabel.RIGHT, 0.8))
    assert said(*right).verdict is Verdict.ACCEPTABLE
    assert said(right[0]).abstains
    assert said(right[0], of(1, StepLabel.RIGHT, 0.7)).abstains
    assert said(*right, of(1, StepLabel.WRONG, 0.6, "other")).abstains
    assert said().evidence == "No critic looked at the steps."
