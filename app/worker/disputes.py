"""Answers that go to the experts too, with the reason: high risk, critics of opposite bias (papers 18, 22), no search was enough."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.critics.base import GENEROUS, STRICT
from core.critics.combine import dispute
from core.lessons.sufficiency import Stopped
from core.projects import ProjectSettings
from core.types import Critique, StepLabel
from store import judgements, lookups, queue
from store.tables import Output

QUOTED = 120  # characters of a query


def to_experts(
    session: Session, project_id: int, options: ProjectSettings, output: Output, priority: float
) -> int | None:
    """After critiques were kept, in the same transaction: the id of the slot of the experts, ``None`` where they are not asked."""
    reasons = [
        _of_risk(session, options, output),
        _of_critics(session, options, output),
        _of_search(session, options, output),
    ]
    told = " ".join(reason for reason in reasons if reason is not None)
    return queue.dispute(session, project_id, output.id, reason=told, priority=priority) if told else None


def _of_risk(session: Session, options: ProjectSettings, output: Output) -> str | None:
    """A risk that is not calibrated sends nobody anywhere: its figure is none."""
    risk = judgements.risk(session, output.id) if options.expert_risk is not None else None
    if risk is None or options.expert_risk is None or not risk.calibrated or risk.value < options.expert_risk:
        return None
    return f"Its risk is {round(100 * risk.value)} %, and answers from {round(100 * options.expert_risk)} % on go to experts."


def _of_search(session: Session, options: ProjectSettings, output: Output) -> str | None:
    """The history of queries where no round was enough (paper 42: a person may know); their verdict teaches the gate."""
    looked_up = lookups.of(session, output.id) if options.unsure == "experts" else None
    if looked_up is None or looked_up.stopped != Stopped.UNSURE:
        return None
    asked = "; ".join(f"{one['how']}: “{excerpt(one['query'])}”" for one in looked_up.rounds)
    return f"No search for lessons found enough, and the nearest was {round(100 * looked_up.best)} % likely to belong. Asked: {asked}."


def excerpt(text: str) -> str:
    """On one line, short."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTED else f"{line[:QUOTED].rstrip()}…"


def _of_critics(session: Session, options: ProjectSettings, output: Output) -> str | None:
    if options.disputes == "off":
        return None
    said: dict[str, list[Critique]] = defaultdict(list)
    for critique in judgements.critiques(session, output.id):
        said[critique.source].append(critique)
    return dispute(said, GENEROUS, STRICT) or _divided(said.get("debate", ()))


def _divided(debate: Sequence[Critique]) -> str | None:
    """A jury that came to no verdict is a disagreement of its own (paper 39)."""
    undecided = next((one for one in debate if one.label is StepLabel.NEUTRAL), None)
    return f"The debate settled nothing: {undecided.explanation.split(chr(10))[0]}" if undecided else None
