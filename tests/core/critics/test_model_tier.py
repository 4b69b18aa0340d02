"""Critics that ask a model, on a scripted one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from core.critics import REGISTRY
from core.critics.base import CriticInput
from core.critics.rubric import rubric_figures
from core.generators.base import Capability, Generation, GenerationRequest, NotAvailable
from core.types import Question, Step, StepLabel

STEPS = tuple(Step(i, text, 0, len(text)) for i, text in enumerate(("2 * 3 = 6", "6 + 1 = 8", "So 8.")))
CASE = CriticInput(Question("Two bags of 3 and one?"), "x", STEPS)


class Scripted:
    name = "scripted"
    capabilities = frozenset({Capability.GENERATE})

    def __init__(self, reply: Callable[[str], str]) -> None:
        self.reply, self.asked = reply, 0

    def generate(self, requests: Sequence[GenerationRequest], *_: Any) -> list[Generation]:
        self.asked += len(requests)
        return [Generation(self.reply(r.messages[-1].content), None, "stop", 1, 1) for r in requests]


def test_deliberate_stops_at_the_first_wrong_step_and_the_second_look_counts() -> None:
    def reply(text: str) -> str:
        if "A first critique of step 2" in text:
            return "7 follows, not 8. Verdict: wrong"
        return "It holds. Verdict: right"

    model = Scripted(reply)
    found = REGISTRY.make("deliberate", model).critique([CASE])[0]
    assert [(c.step_index, c.label) for c in found] == [(0, StepLabel.RIGHT), (1, StepLabel.WRONG)]
    assert found[0].confidence > found[1].confidence, "the two looks at step 2 differ"
    assert "But looking again: 7 follows" in found[1].explanation
    assert model.asked == 4
    assert REGISTRY.make("deliberate", Scripted(lambda _: "Hm.")).critique([CASE]) == [[]]


def test_rubric_is_strict() -> None:
    found = REGISTRY.make("rubric", Scripted(lambda text: "no" if "result" in text else "Yes.")).critique([CASE])[0]
    assert [c.label for c in found] == [StepLabel.WRONG] * 3 and found[0].confidence == 0.5
    unsure = Scripted(lambda _: "Probably yes")
    assert REGISTRY.make("rubric", unsure).critique([CASE])[0][0].confidence == 0.875
    assert unsure.asked == 18, "every check is asked twice, then fails"


def test_rubric_golden_figures() -> None:
    accuracy, points = rubric_figures([[True, True, False], [True] * 4, [False, None]])
    assert (round(accuracy, 6), round(points, 6)) == (0.666667, 0.583333)


@pytest.mark.parametrize("name", ["deliberate", "rubric"])
def test_without_generation(name: str) -> None:
    model = Scripted(str)
    model.capabilities = frozenset()
    with pytest.raises(NotAvailable, match="generates text"):
        REGISTRY.make(name, model).critique([CASE])
