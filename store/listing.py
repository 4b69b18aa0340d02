"""Pages of rows for programs, by key and not by offset: a page costs the same however far down it is, and no row comes twice.

Feeds (reviews, corrections) are read in the order of their ids from where a program stands. On PostgreSQL a row gets its id
before its transaction ends, so a later id may show first: the newest two seconds are held back there, longer than a transaction takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core.types import QueueKind
from store.clock import now
from store.jobs import worth_listing
from store.reviews import is_current
from store.tables import (
    ApiToken,
    Assignment,
    Correction,
    CriticModel,
    Export,
    Item,
    Job,
    Output,
    Project,
    Queue,
    Retraction,
    Review,
    Risk,
    RiskModel,
    Rule,
    Team,
    User,
    Webhook,
)
from store.text import clean
from store.upsert import dialect

SETTLED = timedelta(seconds=2)


def _page(
    session: Session, query: Select[*tuple[Any, ...]], key: Any, after: int, limit: int, *, newest: bool = False
) -> Any:
    if after:
        query = query.where(key < after if newest else key > after)
    return session.execute(query.order_by(key.desc() if newest else key).limit(limit))


def _settled(session: Session, table: type[Review] | type[Correction]) -> Any:
    return table.created_at <= now() - SETTLED if dialect(session) == "postgresql" else True


def projects(session: Session, *, only: int | None, after: int = 0, limit: int = 50) -> Sequence[Project]:
    """Projects in use by id; ``only`` that one."""
    query = select(Project).where(Project.archived_at.is_(None))
    if only is not None:
        query = query.where(Project.id == only)
    return list(_page(session, query, Project.id, after, limit).scalars())


def items_named(session: Session, project_id: int, names: Sequence[str]) -> dict[str, int]:
    """Ids of the items that carry these external ids."""
    wanted = [clean(name) for name in names]
    found: dict[str, int] = {}
    for start in range(0, len(wanted), 500):
        query = select(Item.external_id, Item.id).where(
            Item.project_id == project_id, Item.external_id.in_(wanted[start : start + 500])
        )
        found |= {name: item_id for name, item_id in session.execute(query)}
    return found


def items_of(session: Session, project_id: int, ids: Sequence[int]) -> set[int]:
    """Those of the items that are in the project."""
    return set(session.scalars(select(Item.id).where(Item.project_id == project_id, Item.id.in_(ids))))


def outputs(
    session: Session, project_id: int, *, item_id: int | None = None, after: int = 0, limit: int = 50
) -> Sequence[tuple[Output, str, Risk | None]]:
    """Outputs by id with their item's external id and their risk."""
    query = (
        select(Output, Item.external_id, Risk)
        .join(Item, Item.id == Output.item_id)
        .outerjoin(Risk, Risk.output_id == Output.id)
        .where(Item.project_id == project_id)
    )
    if item_id is not None:
        query = query.where(Output.item_id == item_id)
    return [(row[0], row[1], row[2]) for row in _page(session, query, Output.id, after, limit)]


def reviews(
    session: Session, project_id: int, *, output_ids: Sequence[int] = (), after: int = 0, limit: int = 50
) -> Sequence[tuple[Review, int, str]]:
    """Reviews in the order in which they were made, every revision of them, with their item's id and external id."""
    query = (
        select(Review, Item.id, Item.external_id)
        .join(Output, Output.id == Review.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, _settled(session, Review))
    )
    if output_ids:
        query = query.where(Review.output_id.in_(output_ids))
    return [(row[0], row[1], row[2]) for row in _page(session, query, Review.id, after, limit)]


def corrections_beside(session: Session, found: Sequence[Review]) -> dict[tuple[int, int], list[Correction]]:
    """Corrections that stand, of the outputs of these reviews, by output and person."""
    ids = {review.output_id for review in found}
    query = select(Correction).where(Correction.output_id.in_(ids), is_current(Correction)).order_by(Correction.id)
    beside: dict[tuple[int, int], list[Correction]] = {}
    for row in session.scalars(query):
        beside.setdefault((row.output_id, row.user_id), []).append(row)
    return beside


def corrections(
    session: Session, project_id: int, *, after: int = 0, limit: int = 50
) -> Sequence[tuple[Correction, int]]:
    """Corrections in the order in which they were made, every revision of them, with their item's id."""
    query = (
        select(Correction, Item.id)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id, _settled(session, Correction))
    )
    return [(row[0], row[1]) for row in _page(session, query, Correction.id, after, limit)]


def exports(session: Session, project_id: int, *, after: int = 0, limit: int = 50) -> Sequence[Export]:
    """The newest first."""
    query = select(Export).where(Export.project_id == project_id)
    return list(_page(session, query, Export.id, after, limit, newest=True).scalars())


def jobs(
    session: Session, project_id: int, *, kind: str | None = None, after: int = 0, limit: int = 50
) -> Sequence[Job]:
    """The newest first; of one kind, or all that ``store.jobs.worth_listing`` says."""
    query = select(Job).where(Job.project_id == project_id)
    query = query.where(worth_listing() if kind is None else Job.kind == kind)
    return list(_page(session, query, Job.id, after, limit, newest=True).scalars())


def assignment(session: Session, assignment_id: int) -> Assignment:
    """A slot of any queue; raises ``LookupError``."""
    row = session.get(Assignment, assignment_id)
    if row is None:
        raise LookupError(f"there is no assignment {assignment_id}")
    return row


def cases(session: Session, project_id: int, *, after: int = 0, limit: int = 50) -> Sequence[tuple[Assignment, str]]:
    """Slots of the adjudication queue with their item's external id, the newest first."""
    query = (
        select(Assignment, Item.external_id)
        .join(Item, Item.id == Assignment.item_id)
        .join(Queue, Queue.id == Assignment.queue_id)
        .where(Queue.project_id == project_id, Queue.kind == QueueKind.ADJUDICATE, Assignment.gold.is_(False))
    )
    return [(row[0], row[1]) for row in _page(session, query, Assignment.id, after, limit, newest=True)]


def retractions(session: Session, project_id: int, *, after: int = 0, limit: int = 50) -> Sequence[Retraction]:
    """The newest first, with those that were undone."""
    query = select(Retraction).where(Retraction.project_id == project_id)
    return list(_page(session, query, Retraction.id, after, limit, newest=True).scalars())


def critic_versions(
    session: Session, project_id: int, critic: str, *, after: int = 0, limit: int = 50
) -> Sequence[CriticModel]:
    """Of one critic or gate, the newest first."""
    query = select(CriticModel).where(CriticModel.project_id == project_id, CriticModel.critic == critic)
    return list(_page(session, query, CriticModel.id, after, limit, newest=True).scalars())


def risk_versions(session: Session, project_id: int, *, after: int = 0, limit: int = 50) -> Sequence[RiskModel]:
    """The newest first."""
    query = select(RiskModel).where(RiskModel.project_id == project_id)
    return list(_page(session, query, RiskModel.id, after, limit, newest=True).scalars())


def teams(session: Session, *, after: int = 0, limit: int = 50) -> Sequence[Team]:
    """By id."""
    return list(_page(session, select(Team), Team.id, after, limit).scalars())


def people(session: Session, *, after: int = 0, limit: int = 50) -> Sequence[User]:
    """By id, those who cannot sign in any more too."""
    return list(_page(session, select(User), User.id, after, limit).scalars())


def rules(session: Session, project_id: int, *, after: int = 0, limit: int = 50) -> Sequence[Rule]:
    """By id."""
    return list(_page(session, select(Rule).where(Rule.project_id == project_id), Rule.id, after, limit).scalars())


def webhooks(session: Session, *, project_id: int | None = None, after: int = 0, limit: int = 50) -> Sequence[Webhook]:
    """By id; of one project, or all."""
    query = select(Webhook)
    if project_id is not None:
        query = query.where(Webhook.project_id == project_id)
    return list(_page(session, query, Webhook.id, after, limit).scalars())


def tokens(session: Session, owner_id: int, *, after: int = 0, limit: int = 50) -> Sequence[ApiToken]:
    """Of one person, the newest first."""
    query = select(ApiToken).where(ApiToken.owner_id == owner_id)
    return list(_page(session, query, ApiToken.id, after, limit, newest=True).scalars())
