"""What the step-wise formats share: where steps stand in an answer, their numbers, and what a person said of the first wrong one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.exporters.base import ExportAttempt
from core.exporters.prm800k import rewritten_step, step_ratings
from core.types import StepLabel

_NUMBERED = re.compile(r"\A\s*step\s*\d+\s*[:.)]\s*", re.IGNORECASE)
_TAGS = re.compile(r"<(/?)(Cause|Correction|Key|Generalized|Answer|Evaluate|Step\d+)>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FirstError:
    """The first wrong step (from 0), what was said of it, and what a person made of it; ``""`` where nobody did."""

    index: int
    cause: str
    correction: str
    error_type: str


def bare_step(text: str) -> str:
    """A step without a number of its own such as "Step 3:", so that ours does not double it."""
    return _NUMBERED.sub("", text, count=1).strip() or text.strip()


def numbered(steps: tuple[str, ...] | list[str]) -> str:
    """Steps as lines "Step 1: ..."."""
    return "\n".join(f"Step {k}: {bare_step(step)}" for k, step in enumerate(steps, 1))


def step_start(attempt: ExportAttempt, index: int) -> int | None:
    """Where a step starts in the answer; ``None`` when the steps are not found there in order."""
    at = start = 0
    for text in attempt.steps[: index + 1]:
        if (start := attempt.text.find(text, at)) < 0:
            return None
        at = start + len(text)
    return start if index < len(attempt.steps) else len(attempt.text)


def first_error(attempt: ExportAttempt) -> FirstError | None:
    """The first wrong step, if a person marked it."""
    ratings = step_ratings(attempt)
    if not ratings or ratings[-1] is not StepLabel.WRONG:
        return None
    index = len(ratings) - 1
    said = [c for c in attempt.corrections if c.text.strip()]
    here = [c for c in said if c.step_index == index] or [c for c in said if c.step_index is None] or said
    kind = next((c.error_type for c in here if c.error_type), None) or attempt.error_type
    return FirstError(index, here[-1].text.strip() if here else "", rewritten_step(attempt, index) or "", kind or "")


def tagged(name: str, text: str) -> str:
    """``<name>text</name>``; tags of ours inside the text are broken by spaces, so that the outer ones always parse."""
    inside = _TAGS.sub(r"< \1\2 >", text.strip())
    return f"<{name}>{inside}</{name}>"
