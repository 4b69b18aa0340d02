"""Self-practice rows of a project (paper 42): its look-ups whose answer people judged, experts' verdicts on unsure ones among them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from core.answers import final_answer
from core.lessons.sufficiency_gate import Practised, features_of
from core.recipes.self_practice import Turn
from core.types import Verdict
from store.reviews import is_current
from store.tables import Item, Lookup, Output, Review

MOST = 5000  # newest look-ups


def counts(session: Session, project_id: int) -> tuple[int, int]:
    """Judged look-ups: whose answer was right, and wrong; the newest verdict counts."""
    newest = _judged(project_id, Review.verdict).subquery()
    found: dict[str, int] = dict(
        session.execute(select(newest.c.verdict, func.count()).group_by(newest.c.verdict)).all()
    )
    return found.get(Verdict.ACCEPTABLE, 0), found.get(Verdict.FAULTY, 0)


def rows(session: Session, project_id: int) -> list[Practised]:
    """The last round of each, as the gate sees it, oldest first."""
    found = []
    query = _judged(project_id, Lookup.rounds, Output.item_id, Review.verdict)
    for rounds, item_id, verdict in session.execute(query):
        hits = [(float(hit["chance"]), bool(hit["accepted"])) for hit in rounds[-1]["hits"]] if rounds else []
        ruled = any(accepted for _, accepted in hits)
        found.append(Practised(features_of(hits), verdict == Verdict.ACCEPTABLE, item_id, ruled))
    return found[::-1]


def turns(session: Session, project_id: int) -> list[Turn]:
    """The same as rows of text, in the shape that the recipe reads and writes; a project's items have no gold in it."""
    found = []
    query = _judged(
        project_id, Item.external_id, Output.attempt, Output.messages, Output.text, Output.label, Review.verdict
    )
    for name, attempt, messages, text, label, verdict in session.execute(query):
        given = "\n".join(str(content) for _, content in messages)
        answer = label or final_answer(text) or text
        found.append(Turn(name, attempt - 1, given, answer, text, verdict == Verdict.ACCEPTABLE))
    return found[::-1]


def _judged(project_id: int, *columns: Any) -> Select[*tuple[Any, ...]]:
    """The newest look-ups of answers that people judged, each with its newest verdict; the newest first."""
    verdict = select(func.max(Review.id)).where(Review.verdict != Verdict.CANNOT_JUDGE, is_current(Review))
    # Of the answers with a look-up alone: of all reviews it would take longer with each.
    looked_up = verdict.where(Review.output_id.in_(select(Lookup.output_id).where(Lookup.project_id == project_id)))
    newest = looked_up.group_by(Review.output_id).scalar_subquery()
    return (
        select(*columns)
        .join_from(Lookup, Output, Output.id == Lookup.output_id)
        .join(Item, Item.id == Output.item_id)
        .join(Review, Review.output_id == Output.id)
        .where(Lookup.project_id == project_id, Review.id.in_(newest))
        .order_by(Lookup.id.desc())
        .limit(MOST)
    )
