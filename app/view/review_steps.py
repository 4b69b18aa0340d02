"""Steps as the review page shows them: with what critics say of each, where a model would look, and the critics' finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.view import languages
from app.view.languages import N_, _
from app.view.words import words
from core.critics.combine import combine
from core.error_types import ERROR_TYPES, ErrorType
from core.metrics import NO_ERROR
from core.types import Critique, StepLabel

VERDICTS = {
    StepLabel.WRONG: ("wrong", N_("Wrong")),
    StepLabel.NEUTRAL: ("unclear", N_("Unclear")),
    StepLabel.RIGHT: ("right", N_("Fine")),
}
NO_REASON = ("step_head",)  # critics that only say how likely a step is wrong: no words for a correction
HOT = (1.25, 1.75, 2.5)  # times an even share from which a step is warm, hot, hottest


@dataclass(frozen=True, slots=True)
class CritiqueView:
    says: str  # wrong, unclear, right: the colour
    verdict: str
    source: str
    explanation: str
    percent: int
    error_type: str


@dataclass(frozen=True, slots=True)
class HeatView:
    """How much of the attention a step has. ``level`` 0 to 3 counts from an even share; ``rank`` is 1 for the hottest step."""

    percent: int
    level: int
    rank: int


@dataclass(frozen=True, slots=True)
class StepView:
    index: int
    text: str
    critiques: tuple[CritiqueView, ...]
    heat: HeatView | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The first wrong step by what all critics say together, and the critic among those that name it who is surest and says why."""

    step: int
    source: str  # as it is stored
    critic: str
    error_type: str  # a key; empty where no critic named one
    title: str
    explanation: str
    percent: int
    others: int  # critics that call the same step wrong besides

    @property
    def inline(self) -> str:
        """The title as it stands within a sentence; nouns of other languages keep their capitals."""
        return self.title.lower() if languages.current() == languages.ENGLISH else self.title


def in_words(kinds: Sequence[ErrorType]) -> tuple[ErrorType, ...]:
    """Kinds of error in the current language; a project's own stay as they were written."""
    return tuple(replace(kind, title=_(kind.title), definition=_(kind.definition)) for kind in kinds)


def step_views(
    steps: Sequence[Any],
    critiques: Sequence[Critique],
    heat: Sequence[HeatView | None] = (),
    kinds: Sequence[ErrorType] = ERROR_TYPES,
) -> tuple[StepView, ...]:
    """Steps with their critiques, the surest accusation first, and their heat, if the project's map may be shown."""
    titles = {kind.key: _(kind.title) for kind in kinds}
    heats = heat if len(heat) == len(steps) else [None] * len(steps)
    by_step: dict[int, list[Critique]] = {}
    for critique in sorted(critiques, key=lambda one: (one.label, -one.confidence, one.source)):
        by_step.setdefault(critique.step_index, []).append(critique)
    return tuple(
        StepView(step.index, step.text, tuple(_critique(one, titles) for one in by_step.get(step.index, ())), hot)
        for step, hot in zip(steps, heats, strict=True)
    )


def heat_views(evidence: Mapping[str, Any]) -> tuple[HeatView, ...]:
    """The heat kept with a risk; empty where none is, or where it is not numbers."""
    shares = evidence.get("heat") or ()
    if not isinstance(shares, list | tuple) or not all(isinstance(share, int | float) for share in shares):
        return ()
    order = sorted(range(len(shares)), key=lambda place: (-shares[place], place))
    ranks = {place: rank for rank, place in enumerate(order, 1)}
    even = 1 / max(len(shares), 1)
    levels = [sum(share >= times * even for times in HOT) for share in shares]
    return tuple(HeatView(percent(share), levels[place], ranks[place]) for place, share in enumerate(shares))


def _critique(critique: Critique, titles: Mapping[str, str]) -> CritiqueView:
    says, verdict = VERDICTS[critique.label]
    return CritiqueView(
        says,
        _(verdict),
        words(critique.source),
        critique.explanation,
        percent(critique.confidence),
        titles.get(critique.error_type or "", ""),
    )


def finding(critiques: Sequence[Critique], kinds: Sequence[ErrorType] = ERROR_TYPES) -> Finding | None:
    """What the critics would have marked; ``None`` where they name no step."""
    said: dict[str, list[Critique]] = {}
    for critique in critiques:
        said.setdefault(critique.source, []).append(critique)
    together = combine(said)
    if together.first_error == NO_ERROR:
        return None
    blaming = [c for c in critiques if c.step_index == together.first_error and c.label is StepLabel.WRONG]
    best = min(blaming, key=lambda c: (not _reason(c), -c.confidence, c.source))
    kind = next((one for one in kinds if one.key == together.error_type), None)
    return Finding(
        best.step_index,
        best.source,
        words(best.source),
        kind.key if kind else "",
        _(kind.title) if kind else "",
        _reason(best),
        percent(best.confidence),
        len({c.source for c in blaming}) - 1,
    )


def _reason(critique: Critique) -> str:
    """What is wrong with the step, in words that a correction may start from; empty where the critic has none."""
    return "" if critique.source in NO_REASON else critique.explanation.strip()


def percent(value: float) -> int:
    return round(100 * min(max(value, 0.0), 1.0))
