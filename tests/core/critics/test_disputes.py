from __future__ import annotations

from core.critics import REGISTRY
from core.critics.base import GENEROUS, NEEDS_MODEL, ROLLOUTS, STRICT
from core.critics.combine import dispute
from core.types import Critique, StepLabel

W, R = StepLabel.WRONG, StepLabel.RIGHT


def says(source: str, *verdicts: tuple[int, StepLabel, float]) -> dict[str, list[Critique]]:
    return {source: [Critique(step, source, label, "why", sure) for step, label, sure in verdicts]}


def disputed(*said: dict[str, list[Critique]]) -> str | None:
    together = {name: critiques for one in said for name, critiques in one.items()}
    return dispute(together, GENEROUS, STRICT)


def test_every_critic_errs_one_way_or_the_other() -> None:
    assert not GENEROUS & STRICT
    assert {ROLLOUTS if name == "rollouts_reference" else name for name in REGISTRY.names()} == GENEROUS | STRICT
    assert set(REGISTRY.names()) >= NEEDS_MODEL


def test_opposite_bias_disagrees() -> None:
    fine, third = says("reference_spare", (0, R, 0.9), (1, R, 0.9)), says("rollouts", (1, R, 0.9), (2, W, 0.7))
    assert disputed(fine, third) == "Critics disagree: reference_spare finds nothing, rollouts says step 3 is wrong."
    other = says("reference_spare", (0, W, 0.9))
    assert (
        disputed(other, third)
        == "Critics disagree: reference_spare says step 1 is wrong, rollouts says step 3 is wrong."
    )
    both = {**says("deliberate", (1, W, 0.9)), **says("rubric", (1, W, 0.9))}
    assert (
        disputed(fine, both)
        == "Critics disagree: reference_spare finds nothing, deliberate and rubric say step 2 is wrong."
    )


def test_agreement_settles() -> None:
    assert disputed(says("reference_spare", (2, W, 0.9)), says("rollouts", (2, W, 0.6))) is None
    assert disputed(says("model_steps", (0, R, 0.9)), says("deliberate", (0, R, 0.9))) is None


def test_one_side_alone_is_no_dispute() -> None:
    assert disputed(says("arithmetic", (0, W, 0.95)), says("model_steps", (0, R, 0.9))) is None
    faint = says("arithmetic", (0, R, 0.6))
    assert disputed(faint, says("rollouts", (0, W, 0.9))) is None, "a sum that holds is no opinion on the answer"
    assert disputed(says("debate", (0, StepLabel.NEUTRAL, 0.5)), says("arithmetic", (0, W, 0.95))) is None
