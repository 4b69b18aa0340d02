"""Several critics' verdicts on one solution as one: the first step where what they say adds up to "wrong", and whether they agree.

Log-odds of the confidences are added (independent evidence, papers 18 and 22). Praise below ``SURE`` does not count: "this sum holds"
is no defence of a step. Critics of opposite bias that agree settle a solution; where they do not, an expert looks.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from math import log

from core.metrics import NO_ERROR
from core.types import Critique, StepLabel

SURE = 0.8
UNSAID = 0.4  # how wrong a solution seems of which nobody says anything


@dataclass(frozen=True, slots=True)
class Combined:
    """``first_error`` is 0-based, -1 for none. ``score`` is in [0, 1]. ``agreed`` tells whether all who spoke named the same."""

    first_error: int
    score: float
    agreed: bool
    error_type: str = ""
    sources: tuple[str, ...] = ()


def combine(said: Mapping[str, Sequence[Critique]]) -> Combined:
    """``said`` maps each critic to what it says of one solution."""
    together = [critique for critiques in said.values() for critique in critiques]
    weight: dict[int, float] = {}
    for critique in together:
        weight[critique.step_index] = weight.get(critique.step_index, 0.0) + log_odds(critique)
    first = min((step for step, odds in weight.items() if odds > 0), default=NO_ERROR)
    named = {name: first_wrong(critiques) for name, critiques in said.items() if critiques}
    blaming = [c for c in together if c.step_index == first and c.label is StepLabel.WRONG]
    kinds = [c for c in blaming if c.error_type]
    best = max(kinds, key=lambda c: c.confidence, default=None)
    score = max((suspicion(critiques) for critiques in said.values()), default=UNSAID)
    return Combined(
        first,
        score,
        len(set(named.values())) <= 1,
        (best.error_type or "") if best else "",
        tuple(c.source for c in blaming),
    )


def log_odds(critique: Critique) -> float:
    """Of "this step is wrong"; 0 for an undecided one and for praise that is not sure."""
    if critique.label is StepLabel.NEUTRAL or (critique.label is StepLabel.RIGHT and critique.confidence < SURE):
        return 0.0
    sure = min(max(critique.confidence, 0.001), 0.999)
    return (1 if critique.label is StepLabel.WRONG else -1) * max(0.001, log(sure / (1 - sure)))


def first_wrong(critiques: Sequence[Critique]) -> int:
    """The first step called wrong, -1 for none."""
    return min((c.step_index for c in critiques if c.label is StepLabel.WRONG), default=NO_ERROR)


def suspicion(critiques: Sequence[Critique]) -> float:
    """How wrong the solution seems to one critic: its worst step."""
    levels = {StepLabel.WRONG: lambda c: c.confidence, StepLabel.RIGHT: lambda c: 1 - c.confidence}
    return max((levels[c.label](c) for c in critiques if c.label in levels), default=UNSAID)


def spoke(critiques: Sequence[Critique]) -> bool:
    """Whether something is said that counts: fault found, or sure praise."""
    return any(log_odds(critique) != 0 for critique in critiques)


def dispute(said: Mapping[str, Sequence[Critique]], generous: Container[str], strict: Container[str]) -> str | None:
    """On what critics of opposite bias disagree, as a sentence; ``None`` where they agree or one side has not spoken."""
    sides = []
    for group in (generous, strict):
        mine = {name: critiques for name, critiques in said.items() if name in group and spoke(critiques)}
        if not mine:
            return None
        sides.append((mine, combine(mine)))
    if settled(sides[0][1], sides[1][1]):
        return None
    return f"Critics disagree: {', '.join(_side(mine, one) for mine, one in sides)}."


def _side(mine: Mapping[str, Sequence[Critique]], one: Combined) -> str:
    names = " and ".join(one.sources or mine)
    many = len(one.sources or mine) > 1
    if one.first_error == NO_ERROR:
        return f"{names} {'find' if many else 'finds'} nothing"
    return f"{names} {'say' if many else 'says'} step {one.first_error + 1} is wrong"


def settled(generous: Combined, strict: Combined) -> bool:
    """Whether two critics of opposite bias agree, so that no expert is needed: the same step, or both none."""
    return generous.first_error == strict.first_error
