"""The judge signal through the runner: asked in both orders, flagged verdicts once more, and nothing at all unless wanted."""

from __future__ import annotations

from typing import Any

import pytest

from app.worker.judging import letter_in, rival
from core.generators.base import GenerationRequest
from core.types import ItemType, Verdict, Vote
from store import judgements, outputs
from tests.app.worker.loop import Loop

OWN, OTHER = "3 + 4 = 8. The answer is 8.", "3 + 4 = 7. The answer is 7."
JUDGE = {"signals": ["judge"], "critics": [], "generator": {"samples": 1}}


def reply(verdict: str) -> Any:
    """A model that answers wrongly when greedy and rightly when sampled, and judges as told: the right one, or the first one."""

    def say(request: GenerationRequest) -> str:
        asked = request.messages[-1].content
        if "Which answer is better?" not in asked:
            return OTHER if request.temperature else OWN
        right = "A" if asked.index(OTHER) < asked.index(OWN) else "B"
        return {"right": right, "first": "A", "nothing": "I cannot say."}[verdict]

    return say


def judged(loop: Loop, verdict: str, settings: dict[str, Any] = JUDGE) -> Vote | None:
    from tests.app.worker.fakes import FakeGenerator

    loop.fake = FakeGenerator(reply(verdict), can_score=False)
    ids = loop.project(1, settings=settings)
    loop.run("generate", {"item_ids": ids})
    (output,) = loop.all_outputs()
    with loop.db.read() as session:
        assert outputs.get(session, output.id).text == OWN
        return next((vote for vote in judgements.votes(session, output.id) if vote.source == "judge"), None)


def asked(loop: Loop) -> int:
    return sum("Which answer is better?" in request.messages[-1].content for request in loop.fake.requests)


def test_the_better_answer_wins_in_both_orders(loop: Loop) -> None:
    vote = judged(loop, "right")
    assert vote is not None and vote.verdict is Verdict.FAULTY
    assert vote.details["orders"] == ["2", "2"] and vote.details["chips"] == []
    assert asked(loop) == 2  # an audit that finds nothing asks nothing


def test_a_judge_that_follows_the_place_is_asked_once_more_and_then_abstains(loop: Loop) -> None:
    vote = judged(loop, "first")
    assert vote is not None and vote.abstains and "changes with the order" in vote.evidence
    assert vote.details["chips"] == ["position-sensitive"] and vote.details["before"]["orders"] == ["1", "2"]
    assert asked(loop) == 4
    assert sum("earlier verdict" in request.messages[-1].content for request in loop.fake.requests) == 2


def test_a_reply_that_cannot_be_read_is_an_abstention(loop: Loop) -> None:
    vote = judged(loop, "nothing")
    assert vote is not None and vote.abstains and vote.details["orders"] == [None, None]


def test_a_project_that_does_not_want_it_pays_nothing(loop: Loop) -> None:
    assert judged(loop, "right", {**JUDGE, "signals": ["agreement"]}) is None
    assert asked(loop) == 0


@pytest.mark.parametrize(
    ("said", "letter"),
    [("A", "A"), ("Answer B.", "B"), ("(A)", "A"), ("A or B", None), ("", None), ("Above all", None), ("b", None)],
)
def test_a_letter_is_read_or_not(said: str, letter: str | None) -> None:
    assert letter_in(said) == letter


def test_the_rival_ends_in_another_final_answer() -> None:
    assert rival(ItemType.REASONING, OWN, ["It is 4 + 4. The answer is 8.", OTHER]) == OTHER
    assert rival(ItemType.REASONING, OWN, ["The answer is 8.0"]) is None
    assert rival(ItemType.LABEL, "spam", ["Spam", "ham"]) == "ham"
    assert rival(ItemType.TEXT, "a b", ["a b"]) is None
