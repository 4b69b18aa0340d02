"""What a critic sees and says: the question and the steps; a reference only where ``reference`` is in the critic's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.registry import Registry
from core.types import Critique, Question, Step


@dataclass(frozen=True, slots=True)
class CriticInput:
    question: Question
    answer: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class ReferenceInput(CriticInput):
    """What a critic with ``reference`` in its name sees besides: a reference solution in steps, and the item's unit tests."""

    reference: tuple[str, ...] = ()
    tests: str = ""


class Critic(Protocol):
    """Judges steps. May leave steps out that it has nothing to say about."""

    name: str

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        """One list of critiques per input, in the order of the inputs."""
        ...


REGISTRY: Registry[Critic] = Registry("critic")

NEEDS_MODEL = frozenset(  # made with a generator
    {"debate", "deliberate", "model_steps", "reference_spare_model", "rollouts_reference", "rubric", "step_head_lm"}
)
ROLLOUTS = (
    "rollouts"  # the source of what ``rollouts_reference`` says: its job writes it after the other critics have spoken
)
# Which way a critic errs: generous ones let wrong steps pass and object rightly, strict ones are the reverse (papers 18 and 22).
GENEROUS = frozenset(
    {"arithmetic", "model_steps", "reference_spare", "reference_spare_model", "states", "step_head", "step_head_lm"}
)
STRICT = frozenset({"debate", "deliberate", "reference_tests", ROLLOUTS, "rubric"})


def sees_gold(source: str) -> bool:
    """Whether what this source says may rest on a reference answer: for people and the queue, never for a prompt or a signal."""
    return "reference" in source or source == ROLLOUTS
