from __future__ import annotations

from core.signals import REGISTRY
from core.types import Verdict, Vote
from tests.core.signals.test_signals import seen

GOOD, BAD, UNSURE = Verdict.ACCEPTABLE, Verdict.FAULTY, Verdict.CANNOT_JUDGE


def said(*verdicts: Verdict) -> Vote:
    return REGISTRY.make("annotators").vote(seen("4", verdicts=verdicts))


def test_the_majority_of_those_who_could_judge_counts() -> None:
    vote = said(BAD, GOOD, BAD, UNSURE, UNSURE, UNSURE)
    assert (vote.source, vote.verdict, vote.evidence) == ("annotators", BAD, "2 of 3 people said faulty.")
    assert said(GOOD).evidence == "1 of 1 person said acceptable."


def test_a_tie_and_nobody_abstain() -> None:
    assert said(BAD, GOOD).abstains and "split" in said(BAD, GOOD).evidence
    assert said().abstains and said(UNSURE).abstains
