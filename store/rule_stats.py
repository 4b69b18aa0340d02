"""How the rules of a project do: how many answers each votes on, how often others contradict it, and how often people agree.

Everything is counted in SQL over the project's newest 10,000 answers, so that a page stays quick however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from core.metrics import wilson
from core.types import Verdict
from store.reviews.revisions import is_current
from store.tables import Correction, Item, Output, Review, Rule, Vote

LATEST = 10_000
FEWEST_REVIEWS = 10


@dataclass(frozen=True, slots=True)
class RuleStats:
    """``answers`` are those that were looked at; ``right`` of ``reviewed`` votes agree with what a person decided."""

    answers: int
    votes: int = 0
    conflicts: int = 0
    reviewed: int = 0
    right: int = 0
    errors: int = 0
    error: str = ""  # one of them, in words
    error_output: int | None = None

    @property
    def coverage(self) -> float | None:
        return self.votes / self.answers if self.answers else None

    @property
    def conflict(self) -> float | None:
        return self.conflicts / self.votes if self.votes else None

    @property
    def accuracy(self) -> tuple[float, float, float] | None:
        """(share, low, high): Wilson's 95 % interval; ``None`` below ten reviewed votes."""
        if self.reviewed < FEWEST_REVIEWS:
            return None
        return (self.right / self.reviewed, *wilson(self.right, self.reviewed))


def stats(session: Session, project_id: int) -> dict[str, RuleStats]:
    """By the name of every rule of the project, those that are switched off too."""
    names = list(session.scalars(select(Rule.name).where(Rule.project_id == project_id)))
    answers, oldest = _latest(session, project_id)
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    looked_at = and_(Item.project_id == project_id, Output.id >= oldest)
    for query in (_votes(looked_at, names), _agreement(looked_at)):
        for row in session.execute(query).mappings():
            if row["source"] not in found:
                continue
            found[row["source"]] |= {key: int(value) for key, value in row.items() if key != "source"}
    _add_errors(session, looked_at, found)
    return {name: RuleStats(answers, **values) for name, values in found.items()}


def marks(session: Session) -> tuple[int, int, int]:
    """The newest vote, review and output: where they stand as they stood, so do the statistics. Three look-ups in an index."""
    newest = (session.scalar(select(func.max(table.id))) or 0 for table in (Vote, Review, Output))
    votes, reviews, answers = newest
    return votes, reviews, answers


def _latest(session: Session, project_id: int) -> tuple[int, int]:
    """How many answers are looked at, and the id of the oldest of them."""
    newest = select(Output.id).join(Item, Item.id == Output.item_id).where(Item.project_id == project_id)
    ids = newest.order_by(Output.id.desc()).limit(LATEST).subquery()
    answers, oldest = session.execute(select(func.count(), func.min(ids.c.id))).one()
    return answers, oldest or 0


# 1 where a vote speaks against the answer as it is, 0 where it speaks for it; asked of votes that are no abstentions.
_against = case(
    (Vote.verdict == Verdict.FAULTY.value, 1),
    (Vote.verdict == Verdict.ACCEPTABLE.value, 0),
    (Vote.label == Output.label, 0),
    else_=1,
)
_SAYS = or_(Vote.verdict.is_not(None), Vote.label.is_not(None))


def _votes(looked_at: ColumnElement[bool], names: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """Of each rule: its votes, and those that another source contradicts. One pass over the votes in the order of their answers."""
    cast = (
        select(
            Vote.source,
            Vote.label,
            _against.label("wrong"),
            func.min(_against).over(partition_by=Vote.output_id).label("least"),
            func.max(_against).over(partition_by=Vote.output_id).label("most"),
            func.min(Vote.label).over(partition_by=Vote.output_id).label("first"),
            func.max(Vote.label).over(partition_by=Vote.output_id).label("last"),
        )
        .join(Output, Output.id == Vote.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(looked_at, _SAYS)
        .subquery()
    )
    c = cast.c
    conflict = or_(c.least != c.most, and_(c.label.is_not(None), c.first != c.last))
    counted = (func.count().label("votes"), func.sum(case((conflict, 1), else_=0)).label("conflicts"))
    return select(c.source, *counted).where(c.source.in_(names)).group_by(c.source)


def _agreement(looked_at: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Of each rule: its votes on answers that a person decided on, and those that agree with the newest decision.

    A label that speaks against the answer must be the right one, where the person gave it as a rewrite.
    """
    newest = (
        select(func.max(Review.id))
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(looked_at, Review.verdict != Verdict.CANNOT_JUDGE.value, is_current(Review))
        .group_by(Review.output_id)
    )
    rewrite = (
        select(Correction.rewrite)
        .where(Correction.output_id == Review.output_id, Correction.rewrite.is_not(None), is_current(Correction))
        .order_by(Correction.id.desc())
        .limit(1)
        .correlate(Review)
        .scalar_subquery()
    )
    right = case(
        (_against != case((Review.verdict == Verdict.FAULTY.value, 1), else_=0), 0),
        (and_(_against == 1, Vote.label != rewrite), 0),  # NULL, where either is unknown, is no disagreement
        else_=1,
    )
    return (
        select(Vote.source, func.count().label("reviewed"), func.sum(right).label("right"))
        .join(Review, Review.output_id == Vote.output_id)
        .join(Output, Output.id == Vote.output_id)
        .where(Review.id.in_(newest), _SAYS)
        .group_by(Vote.source)
    )


def _add_errors(session: Session, looked_at: ColumnElement[bool], found: Mapping[str, dict[str, Any]]) -> None:
    query = (
        select(Vote.source, func.count().label("errors"), func.max(Vote.id).label("newest"))
        .join(Output, Output.id == Vote.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(looked_at, Vote.error != "")
        .group_by(Vote.source)
    )
    for source, errors, newest in session.execute(query).all():
        if (
            source not in found
        ):  # told here: a list of sources would have the database look up each of them for every answer
            continue
        example = session.get_one(Vote, newest)
        found[source] |= {"errors": errors, "error": example.error, "error_output": example.output_id}
