"""From a checker's findings to a vote with one sentence of evidence that names the place."""

from __future__ import annotations

from collections.abc import Sequence

from core.checkers.base import Finding
from core.types import Step, Verdict, Vote


def vote_of(source: str, steps: Sequence[Step], findings: Sequence[Finding], holds: tuple[str, str]) -> Vote:
    """Faulty at the first finding that is not ok; acceptable when all are; an abstention without findings.

    ``holds`` says what was found in order, for one finding and for several.
    """
    wrong = [finding for finding in findings if not finding.ok]
    if wrong:
        place = step_at(steps, wrong[0].start)
        where = "" if place is None else f"Step {place + 1}: "
        more = f" ({len(wrong) - 1} more like it.)" if len(wrong) > 1 else ""
        return Vote(source, Verdict.FAULTY, evidence=f"{where}{wrong[0].message}{more}", step_index=place)
    if not findings:
        return Vote(source, evidence="There was nothing to check.")
    said = f"The {holds[0]}." if len(findings) == 1 else f"All {len(findings)} {holds[1]}."
    return Vote(source, Verdict.ACCEPTABLE, evidence=said)


def step_at(steps: Sequence[Step], position: int) -> int | None:
    """Index of the step that covers a position of the answer."""
    return next((step.index for step in steps if step.start <= position < step.end), None)
