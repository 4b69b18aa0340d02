"""What the critics' verdicts on steps add up to: a vote on the whole output (step critics as a source of POLAR, paper 1; paper 14).

Faulty at the first step that a critic calls wrong with a confidence of at least .8; acceptable when every step was called right
that surely and none wrong; else it abstains. The critic's own confidence counts, not how many critics there are.
"""

from __future__ import annotations

from core.signals.base import REGISTRY, SignalInput
from core.types import StepLabel, Verdict, Vote

SURE = 0.8


@REGISTRY.register("critics")
class CriticsSignal:
    name = "critics"

    def vote(self, x: SignalInput) -> Vote:
        if not x.critiques:
            return Vote(self.name, evidence="No critic looked at the steps.")
        wrong = [c for c in x.critiques if c.label is StepLabel.WRONG]
        sure = sorted((c for c in wrong if c.confidence >= SURE), key=lambda c: (c.step_index, -c.confidence))
        if sure:
            first = sure[0]
            others = len({c.step_index for c in sure}) - 1
            more = f" (And {others} more {'step' if others == 1 else 'steps'}.)" if others else ""
            said = f"Step {first.step_index + 1} is wrong, says {first.source}: {first.explanation}{more}"
            details = {"critic": first.source, "confidence": round(first.confidence, 4)}
            return Vote(self.name, Verdict.FAULTY, evidence=said, step_index=first.step_index, details=details)
        right = {c.step_index for c in x.critiques if c.label is StepLabel.RIGHT and c.confidence >= SURE}
        steps = {step.index for step in x.steps}
        if steps and steps <= right and not wrong:
            said = (
                "The critics call the step right."
                if len(steps) == 1
                else f"The critics call all {len(steps)} steps right."
            )
            return Vote(self.name, Verdict.ACCEPTABLE, evidence=said)
        return Vote(
            self.name,
            evidence=f"No critic is sure: {len(right)} of {len(steps)} steps are called right with confidence.",
        )
