from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.critics import REGISTRY
from core.critics.base import CriticInput
from core.critics.model_steps import prompt
from core.generators.base import Capability, Generation, GenerationRequest, NotAvailable, ScoreRequest
from core.steps import split
from core.types import Question, StepLabel


def case(answer: str, question: str = "How many?") -> CriticInput:
    return CriticInput(Question(question), answer, tuple(split(answer)))


class FakeGenerator:
    """Doubts every step that holds "46"; is inclined to say yes by ``habit``; records what it was asked."""

    name = "fake"

    def __init__(self, *capabilities: Capability, habit: float = 2.0, reply: str = "No.") -> None:
        self.capabilities = frozenset(capabilities)
        self.habit, self.reply = habit, reply
        self.asked: list[str] = []

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        if Capability.SCORE not in self.capabilities:
            raise NotAvailable("score")
        found = []
        for request in requests:
            text = request.messages[-1].content
            self.asked.append(text)
            last = text.split("\n\n")[-2].rsplit("\n", 1)[-1]
            odds = self.habit + (-3.0 if "46" in last else 0.0 if "N/A" in last or "perhaps" in last else 2.0)
            found.append([odds / 2, -odds / 2])
        return found

    def generate(
        self, requests: Sequence[GenerationRequest], on_text: object = None, should_stop: object = None
    ) -> list[Generation]:
        if Capability.GENERATE not in self.capabilities:
            raise NotAvailable("generate")
        return [Generation(self.reply, None, "stop", 1, 1) for _ in requests]


def test_arithmetic_judges_the_steps_that_calculate() -> None:
    found = REGISTRY.make("arithmetic").critique([case("1. We add.\n2. 12 * 4 = 46\n3. 2 + 2 = 4"), case("Nothing.")])
    assert [(c.step_index, c.label, c.error_type) for c in found[0]] == [
        (1, StepLabel.WRONG, "calculation_error"),
        (2, StepLabel.RIGHT, None),
    ]
    assert found[0][0].explanation == "12 × 4 is 48, not 46."
    assert found[0][1].explanation == "Checked: 2 + 2 is 4."
    assert found[0][0].confidence > found[0][1].confidence
    assert found[1] == []


def test_model_steps_takes_the_habit_out_and_says_what_was_asked() -> None:
    critic = REGISTRY.make("model_steps", FakeGenerator(Capability.SCORE))
    found = critic.critique([case("1. We add.\n2. 12 * 4 = 46\n3. perhaps")])[0]
    assert [c.label for c in found] == [StepLabel.RIGHT, StepLabel.WRONG, StepLabel.NEUTRAL]
    assert found[0].explanation == "Asked whether step 1 is correct, the model says yes (88 % yes)."
    assert found[1].explanation == "The model itself doubts step 2 (95 % no)."
    assert found[2].explanation == "Asked whether step 3 is correct, the model is undecided (50 % no)."
    assert found[1].confidence == pytest.approx(0.9526, abs=1e-3)


def test_requests_share_their_beginning_and_show_no_later_step() -> None:
    generator = FakeGenerator(Capability.SCORE)
    REGISTRY.make("model_steps", generator).critique([case("1. We add.\n2. Double.\n3. Done.")])
    first, second, third = generator.asked[:3]
    shared = first.rsplit("\n\n", 1)[0]
    assert second.startswith(shared)
    assert third.startswith(second.rsplit("\n\n", 1)[0])
    assert "Double" not in first
    assert first.endswith("Is step 1 correct, given the problem and the steps before it? Answer Yes or No.")


def test_the_habit_is_asked_for_once() -> None:
    generator = FakeGenerator(Capability.SCORE)
    critic = REGISTRY.make("model_steps", generator)
    critic.critique([case("One."), case("Two.")])
    critic.critique([case("Three.")])
    assert sum("N/A" in asked for asked in generator.asked) == 1


def test_without_scores_it_asks_for_a_word_and_says_so() -> None:
    found = REGISTRY.make("model_steps", FakeGenerator(Capability.GENERATE)).critique([case("One.")])[0]
    assert found[0].label is StepLabel.WRONG
    assert "does not tell how sure" in found[0].explanation
    silent = REGISTRY.make("model_steps", FakeGenerator(Capability.GENERATE, reply="Well, step 1"))
    assert silent.critique([case("One.")]) == [[]]


def test_a_backend_that_can_do_neither_gives_no_critiques() -> None:
    critic = REGISTRY.make("model_steps", FakeGenerator())
    assert critic.critique([case("One."), case("")]) == [[], []]


def test_the_prompt_holds_context_and_no_reference() -> None:
    system, user = prompt(Question("How many?", context="A table."), tuple(split("One.")), 0)
    assert user.content.startswith("Problem:\nA table.\n\nHow many?\n\nSolution:\nStep 1: One.")
    assert system.role == "system"
