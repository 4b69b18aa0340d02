"""The step head with a language model's reading of the solution beside its other features (paper 14's critic at the smallest size).

One forward pass per solution through any backend that gives log-probs of a text it is shown (``Capability.READ``); nothing is written.
The head itself is as in ``step_head``. Its bundled weights belong to SmolLM2-135M-Instruct: another model is surprised by other steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.critics import step_features, step_readings
from core.critics.base import REGISTRY, CriticInput
from core.critics.step_head import Floats, HeadState, load, verdicts
from core.generators.base import Capability, NotAvailable, Reader
from core.types import Critique

NAMES = (*step_features.NAMES, *step_readings.NAMES)
BUNDLED = Path(__file__).with_name("step_head_lm.json")


@REGISTRY.register("step_head_lm")
class StepHeadLmCritic:
    name = "step_head_lm"

    def __init__(self, generator: Reader, state: HeadState | None = None) -> None:
        """``state`` without a value is the bundled one."""
        self._reader, self._state = generator, state

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        """Raises ``NotAvailable`` with a backend that does not read: ``step_head`` needs none."""
        state = self._state or bundled()
        pairs = [(x.question.prompt, [step.text for step in x.steps]) for x in inputs]
        return [
            verdicts(problem, steps, state.hazards(found), state.margin, self.name) if steps else []
            for (problem, steps), found in zip(pairs, rows(self._reader, pairs), strict=True)
        ]


def rows(reader: Reader, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[Floats]:
    """(steps, ``len(NAMES)``) for each (problem, steps). Raises ``NotAvailable`` as ``critique`` does."""
    if Capability.READ not in reader.capabilities:
        raise NotAvailable(
            "this backend gives no log-probs of texts that it did not write; the critic step_head needs none"
        )
    read = reader.read([step_readings.request(problem, steps) for problem, steps in solutions])
    return [
        np.hstack([step_features.rows(problem, steps), step_readings.rows(steps, tokens)])
        for (problem, steps), tokens in zip(solutions, read, strict=True)
    ]


@lru_cache(maxsize=1)
def bundled() -> HeadState:
    """Trained on the same solutions as the bundled ``step_head``; see BENCHMARKS.md."""
    return load(BUNDLED.read_text("utf-8"), NAMES)
