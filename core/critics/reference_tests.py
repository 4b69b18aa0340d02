"""Runs the item's unit tests on the Python code of an answer, in a locked-down process (checker ``unit_tests``). Off unless a
project names it.

The tests are in the item's ``meta`` as ``tests``: Python text whose top-level assertions are run. They are as good as a reference
answer, so that their words are for people only; signals and models learn no more than whether they pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.checkers.unit_tests import UnitTestsChecker
from core.critics.base import REGISTRY, CriticInput, ReferenceInput
from core.types import Critique, StepLabel

FAILS, PASSES = 0.97, 0.9  # confidence
SHOWN = 3  # failed tests


@REGISTRY.register("reference_tests")
class ReferenceTestsCritic:
    name = "reference_tests"

    def critique(self, inputs: Sequence[CriticInput]) -> list[list[Critique]]:
        """Nothing for an item without tests. Raises ``NotAvailable`` on a machine where code cannot be locked down."""
        return [self._judge(x) if isinstance(x, ReferenceInput) and x.tests.strip() and x.steps else [] for x in inputs]

    def _judge(self, x: ReferenceInput) -> list[Critique]:
        found = UnitTestsChecker(x.tests).check(x.answer)
        start = found[0].start
        step = next((s.index for s in x.steps if s.start <= start < s.end), x.steps[-1].index)
        failed = [finding.message for finding in found if not finding.ok]
        if failed:
            more = f" And {len(failed) - SHOWN} more." if len(failed) > SHOWN else ""
            return [Critique(step, self.name, StepLabel.WRONG, " ".join(failed[:SHOWN]) + more, FAILS)]
        count = f"All {len(found)} tests pass." if len(found) > 1 else "The test passes."
        return [Critique(step, self.name, StepLabel.RIGHT, count, PASSES)]
