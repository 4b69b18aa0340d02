"""OmegaPRM's values and searches (paper 18) with oracles, chance and budgets, and the critic on a scripted model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import ceil, log2
from pathlib import Path

import pytest

from core.critics import REGISTRY
from core.critics.base import CriticInput, ReferenceInput, sees_gold
from core.critics.rollout_tree import Prefix, Rolled, State, Tree, exploration, quality
from core.critics.rollouts_reference import GO_ON, continuing, critiques, reference_answer
from core.evaluation.steps_formats import read
from core.generators.base import Capability, Generation, GenerationRequest, Message, NotAvailable
from core.types import Question, Step, StepLabel

STEPS = ("Add them.", "2 * 3 = 6", "6 + 1 = 8", "So double it: 16", "The answer is 16.")


def case(*steps: str, reference: Sequence[str] = ("2 * 3 = 6", "#### 7")) -> ReferenceInput:
    made = tuple(Step(i, text, 0, len(text)) for i, text in enumerate(steps))
    return ReferenceInput(Question("Two bags of 3 and one?"), "\n".join(steps), made, tuple(reference))


def test_unit_values_of_the_paper() -> None:
    assert quality(0.5, 250) == pytest.approx(0.6708, abs=5e-5)
    assert exploration(4, 1) == 0.125
    assert quality(0.9, 100) > quality(0.1, 100) and quality(0.5, 100) > quality(0.5, 900)


def test_a_soft_label_has_its_k_and_its_interval() -> None:
    state = State(("a",), [Rolled(("b",), right) for right in (True, True, False, False, False, False, False, False)])
    assert (state.n, state.successes, state.mc) == (8, 2, 0.25)
    assert state.interval == pytest.approx((0.0715, 0.5907), abs=1e-3)
    assert State(("a",), []).interval == (0.0, 1.0)


def found_by(steps: Prefix, complete, k: int = 8) -> tuple[int | None, Tree]:  # type: ignore[no-untyped-def]
    tree = Tree(complete, k)
    tree.state(())
    return tree.search((), steps), tree


@pytest.mark.shared_data
def test_an_oracle_finds_every_labelled_error(shared: Path) -> None:
    rows = [row for row in read("bigbench_mistake", shared / "data" / "bigbench_mistake").rows if row.wrong]
    assert len(rows) > 700
    for row in rows:
        first = row.first_error
        assert first is not None

        def oracle(prefix: Prefix, k: int, first: int = first) -> list[Rolled]:
            return [Rolled(("x",), len(prefix) <= first)] * k

        found, tree = found_by(row.steps, oracle, k=1)
        assert found == first
        assert len(tree.states) <= ceil(log2(len(row.steps))) + 1


@pytest.mark.shared_data
def test_chance_on_clean_prefixes_still_finds_it(shared: Path) -> None:
    rows = [row for row in read("bigbench_mistake", shared / "data" / "bigbench_mistake").rows if row.wrong]
    rng = random.Random(0)
    exact = 0
    for row in rows:
        first = row.first_error or 0

        def chance(prefix: Prefix, k: int, first: int = first) -> list[Rolled]:
            return [Rolled(("x",), len(prefix) <= first and rng.random() < 0.5) for _ in range(k)]

        exact += found_by(row.steps, chance)[0] == row.first_error
    assert exact >= 0.95 * len(rows)


def test_the_pool_holds_what_should_have_been_right() -> None:
    """Wrong rollouts of states with an MC strictly between 0 and 1; the one with the highest Q + U is searched next, and N counts."""
    wrong = Rolled(("long " * 400, "way"), False)

    def complete(prefix: Prefix, k: int) -> list[Rolled]:
        if prefix == ():
            return [Rolled(("fine",), True), Rolled(("p", "q"), False), wrong]
        return [Rolled(("x",), prefix[-1] != "q")] * k

    tree = Tree(complete, k=3)
    tree.state(())
    assert tree.pool == [((), ("p", "q")), ((), wrong.steps)]
    assert tree.next() == ((), ("p", "q")), "the shorter one first"
    assert tree.grow(5) == 1 and tree.pool == []
    assert tree.states[()].visits == 1
    assert tree.states[("p",)].mc == 1 if ("p",) in tree.states else True


def test_the_budget_ends_the_search_without_a_verdict() -> None:
    asked: list[int] = []

    def complete(prefix: Prefix, k: int) -> list[Rolled]:
        asked.append(k)
        return [Rolled(("x",), True)] * k

    tree = Tree(complete, k=8, most=12)
    tree.state(())
    assert tree.search((), tuple("abcdefgh")) is None
    assert asked == [8, 4] and tree.asked == 12


class Scripted:
    """Goes on rightly from a prefix that holds no 8."""

    name = "scripted"
    capabilities = frozenset({Capability.GENERATE})

    def __init__(self, hopeless: bool = False) -> None:
        self.requests: list[GenerationRequest] = []
        self.hopeless = hopeless

    def generate(self, requests: Sequence[GenerationRequest], *_: object) -> list[Generation]:
        self.requests += requests
        made = []
        for number, request in enumerate(requests):
            prefix = next((m.content for m in request.messages if m.role == "assistant"), "")
            fine = "8" not in prefix and number % 2 == 0 and not self.hopeless
            made.append(Generation(f"So it is.\nThe answer is {7 if fine else 9}.", None, "stop", 1, 1))
        return made


def test_the_critic_names_the_first_wrong_step_with_its_figures() -> None:
    model = Scripted()
    found = REGISTRY.make("rollouts_reference", model).critique([case(*STEPS)])[0]
    assert [(c.step_index, c.label) for c in found] == [(1, StepLabel.RIGHT), (2, StepLabel.WRONG)]
    assert found[0].explanation == "4 of 8 continuations from here reach the reference's answer (22% to 78%)."
    assert found[1].explanation.startswith("0 of 8 continuations") and found[1].confidence == pytest.approx(
        0.676, abs=1e-3
    )
    assert {c.source for c in found} == {"rollouts"} and sees_gold("rollouts") and sees_gold("reference_spare")
    assert not sees_gold("arithmetic")
    shown = "\n".join(message.content for request in model.requests for message in request.messages)
    assert "#### 7" not in shown and GO_ON in shown, "the model goes on without the reference"
    assert len({request.seed for request in model.requests}) == len(model.requests)


def test_what_is_not_searched() -> None:
    model = Scripted()
    critic = REGISTRY.make("rollouts_reference", model)
    right, none, bare = (
        case("3 + 4 = 7", "The answer is 7."),
        case(*STEPS, reference=()),
        CriticInput(Question("?"), "x", ()),
    )
    assert [[(c.step_index, c.label) for c in one] for one in critic.critique([right, none, bare])] == [
        [(1, StepLabel.RIGHT)],
        [],
        [],
    ]
    assert model.requests == []
    hopeless = Scripted(hopeless=True)
    assert REGISTRY.make("rollouts_reference", hopeless).critique([case(*STEPS)]) == [[]]
    assert len(hopeless.requests) == 8, "a question that the model never gets right is left alone"
    with pytest.raises(NotAvailable, match="generates text"):
        REGISTRY.make("rollouts_reference").critique([case(*STEPS)])


def test_only_the_last_step_is_wrong() -> None:
    found = REGISTRY.make("rollouts_reference", Scripted()).critique([case("One.", "Two.", "The answer is 5.")])[0]
    assert found[-1].label is StepLabel.WRONG and found[-1].step_index == 2
    assert "the answer itself is wrong" in found[-1].explanation


def test_reference_answers_and_prompts() -> None:
    assert reference_answer(("2 + 5 = 7", "#### 7")) == "7"
    assert reference_answer(("42",)) == "42"
    assert reference_answer(()) is None
    prompt = [Message("user", "Q")]
    assert continuing(prompt, ()) == (Message("user", "Q"),)
    assert continuing(prompt, ("a", "b"))[1:] == (Message("assistant", "a\nb"), Message("user", GO_ON))
    assert critiques(case(*STEPS, reference=()), None) == []
