"""Answers on which critics of opposite bias disagree go to the experts, with the reason; agreement settles them (papers 18 and 22)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.critics.base import GENEROUS, STRICT
from core.critics.combine import dispute
from core.projects import ProjectSettings
from core.types import Critique, StepLabel
from store import judgements, queue
from store.tables import Output


def to_experts(
    session: Session, project_id: int, options: ProjectSettings, output: Output, priority: float
) -> int | None:
    """After critiques were kept, in the same transaction: the id of the slot of the experts, ``None`` where they are not asked."""
    if options.disputes == "off":
        return None
    said: dict[str, list[Critique]] = defaultdict(list)
    for critique in judgements.critiques(session, output.id):
        said[critique.source].append(critique)
    reason = dispute(said, GENEROUS, STRICT) or _divided(said.get("debate", ()))
    if reason is None:
        return None
    return queue.dispute(session, project_id, output.id, reason=reason, priority=priority)


def _divided(debate: Sequence[Critique]) -> str | None:
    """A jury that came to no verdict is a disagreement of its own (paper 39)."""
    undecided = next((one for one in debate if one.label is StepLabel.NEUTRAL), None)
    return f"The debate settled nothing: {undecided.explanation.split(chr(10))[0]}" if undecided else None
