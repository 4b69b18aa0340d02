"""Solutions whose first wrong step is known, and what critics are measured by on them (DeepCritic, paper 14; MR-Score; paper 18).

Our own shape is one JSON object a line: {"id", "problem", "steps": [...], "first_error"} with 0-based steps and -1 where none is wrong.
Further keys: "reference" (a text, or its steps), "group" (rows of one question or task), "model", "error_type", "wrong" (true where
only the outcome is known; then "first_error" is null).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, sqrt
from typing import Any

from core import metrics
from core.critics.base import CriticInput
from core.types import Question, Step

NO_ERROR = metrics.NO_ERROR
MR_WEIGHTS = (0.2, 0.3, 0.5)  # MR-GSM8K: MCC of "solution is right", first wrong step, reason


@dataclass(frozen=True, slots=True)
class StepRow:
    """One solution. ``first_error`` is 0-based, -1 for none, ``None`` where only ``wrong`` is known."""

    id: str
    problem: str
    steps: tuple[str, ...]
    first_error: int | None
    wrong: bool
    reference: tuple[str, ...] = ()
    group: str = ""
    model: str = ""
    error_type: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)

    def given(self) -> CriticInput:
        """What a critic sees: the steps joined by line breaks, and nothing of the labels or the reference."""
        steps, start = [], 0
        for index, text in enumerate(self.steps):
            steps.append(Step(index, text, start, start + len(text)))
            start += len(text) + 1
        return CriticInput(Question(self.problem), "\n".join(self.steps), tuple(steps))


@dataclass(frozen=True, slots=True)
class StepSet:
    """``notes`` say what a reader of the figures should know."""

    name: str
    rows: tuple[StepRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a critic says of one solution: 0-based first wrong step, -1 for none, ``None`` for no opinion that could be read.

    ``score`` orders solutions by how wrong they seem; ``error_type`` is of the step it names.
    """

    first_error: int | None
    score: float
    error_type: str = ""


def figures(rows: Sequence[StepRow], said: Sequence[Prediction]) -> dict[str, Any]:
    """Shares in [0, 1] (counts apart); ``None`` where a figure is not defined on these rows. ``ValueError`` for unequal lengths."""
    if not rows or len(rows) != len(said):
        raise ValueError("one prediction per row is needed, and at least one row")
    known = [(row, p) for row, p in zip(rows, said, strict=True) if row.first_error is not None]
    found: dict[str, Any] = {"n": len(known), "f1": None, "error_accuracy": None, "clean_accuracy": None}
    if known:
        found |= _located(known)
    scores, wrong = [p.score for p in said], [float(row.wrong) for row in rows]
    area = metrics.auroc(scores, wrong)
    found["auroc"] = None if isnan(area) else area
    found["outcomes"] = len(rows)
    return found | _mr_score(known) | {"by_error_type": _by_type(known), "by_model": _by_model(known)}


def _located(known: Sequence[tuple[StepRow, Prediction]]) -> dict[str, Any]:
    labels = [int(row.first_error if row.first_error is not None else NO_ERROR) for row, _ in known]
    said = [p.first_error for _, p in known]
    found = metrics.first_error(labels, said)
    near = [s not in (None, NO_ERROR) and abs(s - x) == 1 for x, s in zip(labels, said, strict=True) if x != NO_ERROR]
    return {
        "f1": found.f1 if found.faulty and found.clean else None,
        "error_accuracy": found.error_accuracy if found.faulty else None,
        "clean_accuracy": found.correct_accuracy if found.clean else None,
        "off_by_one": sum(near) / len(near) if near else None,
        "faulty": found.faulty,
        "clean": found.clean,
        "unread": sum(s is None for s in said),
    }


def _mr_score(known: Sequence[tuple[StepRow, Prediction]]) -> dict[str, Any]:
    """MR-Score where rows name their error types: a reason is right when step and type are both right."""
    typed = [(row, p) for row, p in known if row.error_type and row.first_error != NO_ERROR]
    if not typed:
        return {}
    reason = sum(p.first_error == row.first_error and p.error_type == row.error_type for row, p in typed) / len(typed)
    step = sum(p.first_error == row.first_error for row, p in typed) / len(typed)
    agreement = mcc([row.first_error != NO_ERROR for row, _ in known], [p.first_error != NO_ERROR for _, p in known])
    parts = (max(0.0, agreement), step, reason)
    score = sum(weight * part for weight, part in zip(MR_WEIGHTS, parts, strict=True))
    return {"mr_score": score, "mcc": agreement, "reason_accuracy": reason}


def mcc(truth: Sequence[bool], said: Sequence[bool]) -> float:
    """Matthews' correlation of two verdicts; 0 when one of them never changes."""
    pairs = list(zip(truth, said, strict=True))
    tp, tn = sum(a and b for a, b in pairs), sum(not a and not b for a, b in pairs)
    fp, fn = sum(b and not a for a, b in pairs), sum(a and not b for a, b in pairs)
    under = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / sqrt(under) if under else 0.0


def _by_type(known: Sequence[tuple[StepRow, Prediction]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in sorted({row.error_type for row, _ in known if row.error_type}):
        mine = [(row, p) for row, p in known if row.error_type == name and row.first_error != NO_ERROR]
        if mine:
            right = sum(p.first_error == row.first_error for row, p in mine)
            found[name] = {"n": len(mine), "error_accuracy": right / len(mine)}
    return found


def _by_model(known: Sequence[tuple[StepRow, Prediction]]) -> dict[str, Any]:
    """Per model the error types that the critic suggests for the steps it names."""
    found: dict[str, dict[str, int]] = {}
    for row, p in known:
        if row.model and p.first_error not in (None, NO_ERROR):
            counts = found.setdefault(row.model, {})
            name = p.error_type or "other"
            counts[name] = counts.get(name, 0) + 1
    return {name: dict(sorted(counts.items())) for name, counts in sorted(found.items())}


def best_constant(rows: Sequence[StepRow]) -> dict[str, float]:
    """The best error accuracy of one step number for all rows, counted on these very rows (so an upper bound of that guess)."""
    labels = [row.first_error for row in rows if row.first_error not in (None, NO_ERROR)]
    if not labels:
        return {}
    best = max(set(labels), key=labels.count)
    return {"step": float(best or 0), "error_accuracy": labels.count(best) / len(labels)}
