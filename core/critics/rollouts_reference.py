"""Finds the first wrong step of a wrong answer by what the model makes of its prefixes (OmegaPRM, paper 18): see ``rollout_tree``.

An answer is compared with the reference, which gives one bit and no more. Of a wrong one, prefixes are halved; from each the model
goes on k times. Each judged step has the soft label MC, k, and its interval in words. Nothing is said of an answer whose question
the model never gets right: every step would look wrong. The worker runs it as a job of its own (``rollouts``), which keeps every
continuation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.answers import final_answer
from core.critics.base import REGISTRY, ROLLOUTS, CriticInput, ReferenceInput
from core.critics.rollout_tree import K, Prefix, Rolled, State, Tree
from core.equality import same
from core.generators.base import Capability, GenerationRequest, Generator, Message, NotAvailable
from core.item_types import REGISTRY as ITEM_TYPES
from core.steps import split
from core.types import Critique, ItemType, StepLabel

TEMPERATURE, TOKENS, MOST = 0.8, 256, 400  # MOST continuations of one answer
REACHED, ENDS_RIGHT = (
    0.9,
    0.6,
)  # confidence in a step from which the answer was reached, and in an answer that is right as a whole
GO_ON = "Go on from there with the next step, to the end. Do not repeat what is written."

Sample = Callable[[ReferenceInput, Prefix, int], Sequence[str]]  # texts of k continuations of these steps


@REGISTRY.register("rollouts_reference")
class RolloutsReferenceCritic:
    name = "rollouts_reference"

    def __init__(
        self,
        generator: Generator | None = None,
        *,
        sample: Sample | None = None,
        k: int = K,
        searches: int = 1,
        most: int = MOST,
    ) -> None:
        """``sample`` takes the generator's place. ``searches`` beyond the first look into the wrong continuations that were found."""
        self._generator, self._sample = generator, sample
        self._k, self._searches, self._most = k, searches, most

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        """Nothing where there is no reference or no final answer. Raises ``NotAvailable``, ``GeneratorError``."""
        return [critiques(x, self.tree(x)) if isinstance(x, ReferenceInput) else [] for x in inputs]

    def tree(self, x: ReferenceInput) -> Tree | None:
        """The states that were looked at; ``None`` for an answer that needs no search or allows none."""
        wanted = reference_answer(x.reference)
        found = final_answer(x.answer)
        if wanted is None or found is None or not x.steps or same(found, wanted):
            return None
        tree = Tree(lambda prefix, k: self._rolled(x, wanted, prefix, k), self._k, self._most)
        if tree.state(()).mc > 0:
            tree.search((), tuple(step.text for step in x.steps))
            tree.grow(self._searches - 1)
        return tree

    def _rolled(self, x: ReferenceInput, wanted: str, prefix: Prefix, k: int) -> list[Rolled]:
        texts = self._sample(x, prefix, k) if self._sample else self._generated(x, prefix, k)
        return [Rolled(tuple(step.text for step in split(text)), ends_in(text, wanted)) for text in texts]

    def _generated(self, x: ReferenceInput, prefix: Prefix, k: int) -> list[str]:
        if self._generator is None or Capability.GENERATE not in self._generator.capabilities:
            raise NotAvailable("rollouts_reference needs a backend that generates text")
        spec = ITEM_TYPES.make(ItemType.REASONING.value)
        messages = continuing(spec.messages(x.question, [], 0)[0], prefix)
        requests = [
            GenerationRequest(messages, TOKENS, TEMPERATURE, seed=1000 * len(prefix) + number) for number in range(k)
        ]
        return [made.text for made in self._generator.generate(requests)]


def continuing(prompt: Sequence[Message], prefix: Prefix) -> tuple[Message, ...]:
    """The prompt, and for a prefix what is written already as the model's own turn, with the request to go on."""
    if not prefix:
        return tuple(prompt)
    return (*prompt, Message("assistant", "\n".join(prefix)), Message("user", GO_ON))


def reference_answer(reference: Sequence[str]) -> str | None:
    """The final answer of a reference: of a worked solution its last marked answer, of a bare answer itself."""
    return final_answer("Answer: " + "\n".join(reference)) if reference else None


def ends_in(text: str, wanted: str) -> bool:
    found = final_answer(text)
    return found is not None and same(found, wanted)


def critiques(x: ReferenceInput, tree: Tree | None) -> list[Critique]:
    """What the states of ``tree`` say of the steps up to the first wrong one; those after it are masked."""
    wanted, found = reference_answer(x.reference), final_answer(x.answer)
    if tree is None:
        right = wanted is not None and found is not None and bool(x.steps)
        said = "The final answer agrees with the reference; the steps before it were not looked at."
        return [Critique(x.steps[-1].index, ROLLOUTS, StepLabel.RIGHT, said, ENDS_RIGHT)] if right else []
    if tree.states[()].mc == 0:
        return []
    steps = tuple(step.text for step in x.steps)
    known = {place: tree.states[steps[:place]] for place in range(1, len(steps) + 1) if steps[:place] in tree.states}
    wrong = [place for place, state in known.items() if state.n and not state.mc]
    first = min(wrong, default=len(steps))
    before = max((place for place, state in known.items() if state.mc > 0), default=0)
    settled = before == first - 1
    made = [_critique(place - 1, state) for place, state in known.items() if state.mc > 0]
    if settled:
        made.append(_blame(first - 1, known.get(first)))
    return sorted(made, key=lambda one: one.step_index)


def told(state: State) -> str:
    low, high = state.interval
    return f"{state.successes} of {state.n} continuations from here reach the reference's answer ({low:.0%} to {high:.0%})."


def _critique(step: int, state: State) -> Critique:
    return Critique(step, ROLLOUTS, StepLabel.RIGHT, told(state), REACHED)


def _blame(step: int, state: State | None) -> Critique:
    """``None`` for the last step: the answer itself is what follows from it, and it is wrong."""
    if state is None:
        said = "The answer could still be reached before this step, and the answer itself is wrong."
        return Critique(step, ROLLOUTS, StepLabel.WRONG, said, REACHED)
    said = f"{told(state)} Before this step some did."
    return Critique(step, ROLLOUTS, StepLabel.WRONG, said, max(0.5, 1 - state.interval[1]))
