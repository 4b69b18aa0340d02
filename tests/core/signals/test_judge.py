"""The judge's vote: a verdict that holds in both orders counts, one that follows the place does not."""

from __future__ import annotations

from core.critics.judge_audit import Judgement, Settled, audit
from core.signals import REGISTRY
from core.signals.base import SignalInput
from core.types import Question, Verdict

PAIR = ("3 + 4 = 8. The answer is 8.", "3 + 4 = 7. The answer is 7.")


def vote_on(first: str | None, swapped: str | None, before: Judgement | None = None):  # type: ignore[no-untyped-def]
    one = Judgement(first, swapped, PAIR, judge="m")
    settled = Settled(one, audit(one), before)
    x = SignalInput(Question("3 + 4?"), PAIR[0], (), judgements=(settled,))
    return REGISTRY.make("judge").vote(x)


def test_doubts_an_answer_that_loses_in_both_orders() -> None:
    vote = vote_on("2", "2")
    assert vote.verdict is Verdict.FAULTY and "The answer is 7." in vote.evidence
    assert vote.details["orders"] == ["2", "2"] and vote.details["chips"] == []


def test_trusts_an_answer_that_wins_in_both_orders() -> None:
    vote = vote_on("1", "1")
    assert vote.verdict is Verdict.ACCEPTABLE and vote.details["judge"] == "m"


def test_a_verdict_that_follows_the_place_is_an_abstention_that_says_so() -> None:
    vote = vote_on("1", "2")
    assert vote.abstains and not vote.error
    assert "changes with the order" in vote.evidence and "kept the place" in vote.evidence
    assert vote.details["chips"] == ["position-sensitive"] and vote.details["orders"] == ["1", "2"]


def test_a_reply_that_cannot_be_read_is_an_abstention() -> None:
    vote = vote_on("1", None)
    assert vote.abstains and "could not be read" in vote.evidence


def test_a_second_asking_is_said() -> None:
    vote = vote_on("2", "2", before=Judgement("1", "2", PAIR))
    assert "asked once more" in vote.evidence and vote.details["before"]["orders"] == ["1", "2"]


def test_leaves_an_answer_alone_that_has_no_rival() -> None:
    vote = REGISTRY.make("judge").vote(SignalInput(Question("3 + 4?"), PAIR[0], ()))
    assert vote.abstains and vote.details == {}
