"""The debate's form (paper 39): turns, sides, who begins, the jury's mean and spread, and where the blame falls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from core.critics import REGISTRY
from core.critics.base import CriticInput
from core.critics.debate import DebateCritic, Held, Turn, verdict
from core.generators.base import Capability, Generation, GenerationRequest, NotAvailable, ScoreRequest
from core.metrics import performance_gap_recovered
from core.types import Question, Step, StepLabel

STEPS = tuple(Step(i, text, 0, len(text)) for i, text in enumerate(("2 * 3 = 6", "6 + 1 = 8", "So 8.")))
CASE = CriticInput(Question("Two bags of 3 and one?"), "x", STEPS)


class Scripted:
    name = "scripted"

    def __init__(self, score: Callable[[str], float] | None = None, word: str = "Wrong.") -> None:
        self.capabilities = frozenset({Capability.GENERATE} | ({Capability.SCORE} if score else set()))
        self.how, self.word = score, word
        self.batches: list[int] = []
        self.asked: list[str] = []

    def generate(self, requests: Sequence[GenerationRequest], *_: object) -> list[Generation]:
        self.batches.append(len(requests))
        made = []
        for request in requests:
            text = request.messages[-1].content
            self.asked.append(text)
            said = self.word
            if "Your turn" in text:
                said = "Step 2 is 7 and not 8." if "answer is wrong" in text else "Step 1 holds, see step 1."
            made.append(Generation(said, None, "stop", 1, 1))
        return made

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        assert self.how
        return [[self.how(r.messages[-1].content), 0.0] for r in requests]


def test_two_sides_speak_three_times_each_in_turn() -> None:
    model = Scripted(lambda _: -2.0)
    critic = DebateCritic(model)
    held = critic.held(CASE)
    assert len(held.debates) == 4 == len(held.votes)
    for debate in held.debates:
        sides = [turn.side for turn in debate]
        assert len(sides) == 6 and sides.count("right") == 3 and all(a != b for a, b in pairwise(sides))
    assert model.batches == [4] * 6, "one turn of every debate at a time"
    assert "The side that says" in model.asked[4] and "turn 3 of 3" in model.asked[-1]


def test_who_begins_is_drawn() -> None:
    critic = DebateCritic(Scripted(lambda _: 0.0))
    firsts = [d[0].side for n in range(50) for d in critic.held(replace(CASE, answer=str(n))).debates]
    assert 70 < firsts.count("right") < 130, "half of 200, give or take four standard deviations"
    again = [d[0].side for n in range(50) for d in critic.held(replace(CASE, answer=str(n))).debates]
    assert again == firsts


def test_the_soft_label_is_the_mean_and_blame_falls_where_the_accusers_point() -> None:
    model = Scripted(lambda _: -2.0)
    (found,) = REGISTRY.make("debate", model).critique([CASE])[0]
    assert (found.step_index, found.label) == (1, StepLabel.WRONG)
    assert found.confidence == pytest.approx(1 / (1 + 2.718281828**-2), abs=1e-6)
    assert found.explanation.startswith("A jury of 4 finds the answer right with 12% (spread 0%).")
    assert found.explanation.count("Wrong: ") == 3 == found.explanation.count("Right: ")


def test_mean_spread_and_division() -> None:
    debate = (Turn("wrong", "See step 3."), Turn("right", "No."))
    held = Held((debate,) * 4, (0.9, 0.1, 0.9, 0.1))
    assert held.soft_label == pytest.approx(0.5) and held.spread == pytest.approx(0.4)
    assert verdict(CASE, held).label is StepLabel.NEUTRAL
    divided = Held((debate,) * 4, (1.0, 1.0, 1.0, 0.2))
    assert divided.soft_label == pytest.approx(0.8) and verdict(CASE, divided).label is StepLabel.NEUTRAL
    sure = verdict(CASE, Held((debate,) * 4, (0.9, 0.8, None, 0.7)))
    assert (sure.label, sure.step_index, sure.confidence) == (StepLabel.RIGHT, 2, pytest.approx(0.8))
    assert verdict(CASE, Held((debate,) * 4, (None,) * 4)).label is StepLabel.NEUTRAL


@pytest.mark.parametrize(
    ("word", "label"), [("Wrong.", StepLabel.WRONG), ("right", StepLabel.RIGHT), ("Right or wrong?", StepLabel.NEUTRAL)]
)
def test_a_backend_that_cannot_score_is_read_by_its_word(word: str, label: StepLabel) -> None:
    (found,) = REGISTRY.make("debate", Scripted(word=word)).critique([CASE])[0]
    assert found.label is label


def test_nothing_to_debate_and_nobody_to_debate() -> None:
    assert REGISTRY.make("debate", Scripted()).critique([replace(CASE, steps=())]) == [[]]
    silent = Scripted(lambda _: 0.0)
    silent.capabilities = frozenset({Capability.SCORE})
    with pytest.raises(NotAvailable, match="generates text"):
        REGISTRY.make("debate", silent).critique([CASE])


@pytest.mark.parametrize(
    ("weak", "student", "ceiling", "gap"),
    [
        (0.6, 0.7, 0.8, 0.5),
        (0.6, 0.6, 0.8, 0.0),
        (0.6, 0.8, 0.8, 1.0),
        (0.6, 0.5, 0.8, -0.5),
        (0.6, 0.9, 0.8, 1.5),
        (0.8, 0.9, 0.8, None),
        (0.9, 0.85, 0.8, None),
    ],
)
def test_performance_gap_recovered(weak: float, student: float, ceiling: float, gap: float | None) -> None:
    assert performance_gap_recovered(weak, student, ceiling) == (None if gap is None else pytest.approx(gap))
