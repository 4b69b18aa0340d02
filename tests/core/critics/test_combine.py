from __future__ import annotations

from core.critics.combine import combine, settled
from core.types import Critique, StepLabel

W, R = StepLabel.WRONG, StepLabel.RIGHT


def says(source: str, *verdicts: tuple[int, StepLabel, float], kind: str | None = None) -> list[Critique]:
    return [Critique(step, source, label, "why", sure, kind) for step, label, sure in verdicts]


def test_evidence_adds_up() -> None:
    found = combine({"a": says("a", (1, W, 0.6)), "b": says("b", (1, R, 0.9), (3, W, 0.8), kind="unit_error")})
    assert (found.first_error, found.error_type, found.agreed, found.sources) == (3, "unit_error", False, ("b",))
    assert combine({"a": says("a", (1, W, 0.95)), "b": says("b", (1, R, 0.9))}).first_error == 1


def test_faint_praise_is_no_defence() -> None:
    assert combine({"a": says("a", (0, W, 0.55)), "b": says("b", (0, R, 0.7))}).first_error == 0


def test_agreement_settles() -> None:
    one, other = combine({"a": says("a", (1, W, 0.9))}), combine({"b": says("b", (1, W, 0.6))})
    assert settled(one, other) and one.agreed
    assert not settled(one, combine({"b": says("b", (0, R, 0.9))}))
    assert combine({"a": [], "b": []}).first_error == -1
