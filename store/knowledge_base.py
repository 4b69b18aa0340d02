"""A project's lessons as rows of a file, and such rows as lessons of a project. The file itself is ``core.lessons.knowledge_base``.

What was brought keeps the names that it had (``lesson.extra["imported"]``), so that it is known again, here and wherever it goes next.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.lessons.knowledge_base import Form, LessonRow, Origin, Probe
from core.lessons.relations import Relation, of_draft, relations_of
from core.types import LessonDraft, LessonKind, LessonStatus
from store import audit, lessons, projects
from store.clock import now
from store.lessons.forms import keep_revision, wording
from store.tables import (
    Correction,
    Item,
    Lesson,
    LessonParent,
    LessonProbe,
    LessonRevision,
    LessonSource,
    Output,
    Project,
    User,
)
from store.text import clean, digest
from store.vectors import withdrawn_corrections

BATCH = 200
COMPARED = 5000  # known lessons that what is brought is compared with, the newest
KEPT = (LessonStatus.PROPOSED, LessonStatus.ACTIVE, LessonStatus.SUSPENDED)
LOCAL = ("imported", "related", "settled", "replaces")  # of ``extra``: what names rows of this database
# What the distiller writes about lessons by numbers that mean nothing elsewhere.
_NUMBERED = re.compile(r"^(?:Contradicts|A special case of|More general than) lesson \d+: “.*”$", re.MULTILINE)


@dataclass(slots=True)
class Brought:
    """What became of the rows of a file so far. ``ids``: lesson by the id in the file; ``mine``: those that come from this file."""

    added: int = 0
    unchanged: int = 0  # brought before, or written here
    known: int = 0  # said by another lesson already
    contradictions: int = 0
    related: int = 0  # special or more general cases
    ids: dict[str, int] = field(default_factory=dict)
    mine: set[int] = field(default_factory=set)

    def told(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("added", "unchanged", "known", "contradictions", "related")}


# --- out


def rows(session: Session, project_id: int) -> Iterator[LessonRow]:
    """Every proposed, active and suspended lesson in the order of making, a batch at a time."""
    project, after = projects.get(session, project_id), 0
    while True:
        query = select(Lesson).where(Lesson.project_id == project_id, Lesson.status.in_(KEPT), Lesson.id > after)
        batch = session.scalars(query.order_by(Lesson.id).limit(BATCH)).all()
        if not batch:
            return
        after = batch[-1].id
        yield from _described(session, project, batch)
        for lesson in batch:
            session.expunge(lesson)


def left_out(session: Session, project_id: int) -> dict[str, int]:
    """Lessons that ``rows`` leaves out, by status."""
    query = select(Lesson.status, func.count()).where(Lesson.project_id == project_id, Lesson.status.not_in(KEPT))
    return dict(session.execute(query.group_by(Lesson.status)).all())


def name_of(project: Project, lesson: Lesson) -> str:
    """The id that a lesson has in files: the one it came with, else one that no other project gives."""
    came_as = lesson.extra.get("imported", {}).get("id")
    return str(came_as) if came_as else f"{project.slug}/{lesson.id}-{int(lesson.created_at.timestamp()):x}"


def _described(session: Session, project: Project, batch: Sequence[Lesson]) -> list[LessonRow]:
    ids = [lesson.id for lesson in batch]
    people, forms, origins, probes = (
        _people(session),
        _forms(session, ids),
        _origins(session, ids),
        _probes(session, ids),
    )
    parents: dict[int, list[int]] = defaultdict(list)
    pairs = select(LessonParent.lesson_id, LessonParent.parent_id).where(LessonParent.lesson_id.in_(ids))
    for child, parent in session.execute(pairs.order_by(LessonParent.parent_id)):
        parents[child].append(parent)
    near = {number for lesson in batch for number, _ in lesson.extra.get("related", ())}
    names = _names(session, project, near | {one for found in parents.values() for one in found})
    return [
        _row(
            project,
            lesson,
            people,
            forms[lesson.id],
            origins[lesson.id],
            [names[parent] for parent in parents[lesson.id] if parent in names],
            names,
        ).model_copy(update={"probes": probes[lesson.id]})
        for lesson in batch
    ]


def _row(
    project: Project,
    lesson: Lesson,
    people: Mapping[int, str],
    forms: Sequence[LessonRevision],
    origins: Sequence[Origin],
    parents: Sequence[str],
    names: Mapping[int, str],
) -> LessonRow:
    came: Mapping[str, Any] = lesson.extra.get("imported", {})
    authors = came.get("authors", {})

    def author(id_: int | None, known: str | None) -> str | None:
        return people.get(id_ or 0, known)

    return LessonRow(
        id=name_of(project, lesson),
        kind=LessonKind(lesson.kind),
        text=lesson.text,
        applicability=lesson.applicability,
        name=lesson.name,
        why=_plain(lesson.why),
        status=lesson.status,
        author=author(lesson.author_id, came.get("author")),
        extra={name: value for name, value in lesson.extra.items() if name not in LOCAL},
        revisions=[
            Form(
                revision=form.revision,
                text=form.text,
                applicability=form.applicability,
                status=LessonStatus(form.status),
                author=author(form.author_id, authors.get(str(form.revision))),
                why=_plain(form.why),
                at=form.created_at,
            )
            for form in forms
        ],
        sources=[*(Origin.model_validate(one) for one in came.get("sources", ())), *origins],
        parents=list(parents),
        related=[(names[id_], Relation(how)) for id_, how in lesson.extra.get("related", ()) if id_ in names],
    )


def _plain(why: str) -> str:
    return _NUMBERED.sub("", why).strip()


def _people(session: Session) -> dict[int, str]:
    return dict(session.execute(select(User.id, User.name)).all())


def _names(session: Session, project: Project, ids: Collection[int]) -> dict[int, str]:
    """Names of those of the lessons that go out."""
    query = select(Lesson).where(Lesson.id.in_(ids), Lesson.project_id == project.id, Lesson.status.in_(KEPT))
    return {lesson.id: name_of(project, lesson) for lesson in session.scalars(query)}


def _forms(session: Session, ids: Sequence[int]) -> dict[int, list[LessonRevision]]:
    found: dict[int, list[LessonRevision]] = defaultdict(list)
    query = select(LessonRevision).where(LessonRevision.lesson_id.in_(ids))
    for form in session.scalars(query.order_by(LessonRevision.lesson_id, LessonRevision.revision)):
        found[form.lesson_id].append(form)
    return found


def _origins(session: Session, ids: Sequence[int]) -> dict[int, list[Origin]]:
    """The corrections behind each lesson, but for those that were withdrawn."""
    query = (
        select(
            LessonSource.lesson_id, Item.external_id, Output.attempt, Correction.step_index, Correction.text, User.name
        )
        .join(Correction, Correction.id == LessonSource.correction_id)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .join(User, User.id == Correction.user_id)
        .where(LessonSource.lesson_id.in_(ids), Correction.id.not_in(withdrawn_corrections()))
        .order_by(Correction.id)
    )
    found: dict[int, list[Origin]] = defaultdict(list)
    for lesson_id, item, attempt, step, text, author in session.execute(query):
        found[lesson_id].append(Origin(item=item, attempt=attempt, step=step, text=text, author=author))
    return found


def _probes(session: Session, ids: Sequence[int]) -> dict[int, list[Probe]]:
    """The edit suites as they stand."""
    found: dict[int, list[Probe]] = defaultdict(list)
    query = select(LessonProbe).where(LessonProbe.lesson_id.in_(ids), LessonProbe.removed_at.is_(None))
    for one in session.scalars(query.order_by(LessonProbe.id)):
        probe = Probe(kind=one.kind, text=one.text, context=one.context, answer=one.answer, made=one.made)
        found[one.lesson_id].append(probe)
    return found


# --- in


def keep(
    session: Session,
    project_id: int,
    batch: Sequence[LessonRow],
    so_far: Brought,
    *,
    user_id: int | None,
    as_they_stand: bool = False,
    plain: bool = False,
) -> list[int]:
    """Rows that are new become lessons, whose ids are returned; ``so_far`` is carried from batch to batch of one file.

    They are proposals, or with ``as_they_stand`` as active as they were; what was suspended stays so. A row that another lesson says
    already is only counted. Of a ``plain`` list that holds for its own entries too.
    """
    project = projects.get(session, project_id)
    fresh = [row for row in batch if not _is_there(session, project, row, so_far)]
    new = []
    for row, found in zip(fresh, _compared(session, project_id, fresh, set() if plain else so_far.mine), strict=True):
        same = [id_ for id_, how in found if how is Relation.SAME]
        if same:
            so_far.known += 1
            so_far.ids[row.id] = min(same)
            continue
        carried = [(so_far.ids[name], how) for name, how in row.related if name in so_far.ids]
        lesson = _new(session, project, row, dict([*found, *carried]), user_id, as_they_stand)
        parents = {so_far.ids[name] for name in row.parents if name in so_far.ids} - {lesson.id}
        session.add_all(LessonParent(lesson_id=lesson.id, parent_id=parent) for parent in parents)
        so_far.added += 1
        so_far.contradictions += any(how is Relation.CONTRADICTS for _, how in found)
        so_far.related += any(how in (Relation.SPECIALISES, Relation.GENERALISES) for _, how in found)
        so_far.ids[row.id] = lesson.id
        so_far.mine.add(lesson.id)
        new.append(lesson.id)
    session.flush()
    return new


def _key(project_id: int, name: str) -> str:
    return f"lessons:{project_id}:{digest(name, length=40)}"


def _is_there(session: Session, project: Project, row: LessonRow, so_far: Brought) -> bool:
    """Whether this very lesson was brought before or was written here, whatever became of it."""
    id_ = lessons.by_effect(session, _key(project.id, row.id))
    if id_ is None and (own := re.fullmatch(re.escape(project.slug) + r"/(\d{1,18})-[0-9a-f]+", row.id)):
        lesson = session.get(Lesson, int(own[1]))
        if lesson is not None and lesson.project_id == project.id and name_of(project, lesson) == row.id:
            id_ = lesson.id
    if id_ is None:
        return False
    so_far.unchanged += 1
    so_far.ids[row.id] = id_
    so_far.mine.add(id_)
    return True


def _compared(
    session: Session, project_id: int, fresh: Sequence[LessonRow], without: Collection[int]
) -> list[list[tuple[int, Relation]]]:
    standing = lessons.standing(session, project_id, COMPARED) if fresh else []
    known = [(id_, of_draft(draft)) for id_, draft in standing if id_ not in without]
    asked = [of_draft(LessonDraft(row.kind, row.text, "", (), row.name, extra=row.extra)) for row in fresh]
    found = relations_of(asked, known)
    return [[] if row.status == "suspended" else near for row, near in zip(fresh, found, strict=True)]


def _new(
    session: Session,
    project: Project,
    row: LessonRow,
    related: Mapping[int, Relation],
    user_id: int | None,
    as_they_stand: bool,
) -> Lesson:
    status = LessonStatus(row.status if as_they_stand or row.status == "suspended" else "proposed")
    came = {
        "id": row.id,
        "author": row.author,
        "authors": {str(form.revision): form.author for form in row.revisions if form.author},
        "sources": [origin.model_dump(mode="json", exclude_defaults=True) for origin in row.sources],
    }
    order = sorted(related.items(), key=lambda one: (one[1] is not Relation.CONTRADICTS, one[0]))
    extra = {name: value for name, value in row.extra.items() if name not in LOCAL} | {"imported": came}
    lesson = Lesson(
        project_id=project.id,
        kind=row.kind.value,
        name=row.name,
        text=wording(row.text),
        applicability=wording(row.applicability),
        why=clean(row.why),
        extra=clean(extra | ({"related": [[id_, how.value] for id_, how in order]} if order else {})),
        status=status.value,
        valid_from=now() if status is LessonStatus.ACTIVE else None,
        effect_key=_key(project.id, row.id),
        revision=row.revisions[-1].revision if row.revisions else 1,
        author_id=None if row.author or row.revisions else user_id,
    )
    session.add(lesson)
    session.flush()
    _remember(session, lesson, row, user_id)
    new = {"kind": lesson.kind, "status": status.value, "came_as": row.id}
    audit.record(session, "lesson.import", "lesson", lesson.id, user_id=user_id, new=new)
    return lesson


def _remember(session: Session, lesson: Lesson, row: LessonRow, user_id: int | None) -> None:
    """The edit suite and the revisions as they came, and one more where the lesson does not stand here as it stood there."""
    session.add_all(
        LessonProbe(
            lesson_id=lesson.id,
            lesson_revision=lesson.revision,
            kind=probe.kind,
            text=clean(probe.text),
            context=clean(probe.context),
            answer=clean(probe.answer) if probe.answer is not None else None,
            made=probe.made,
        )
        for probe in row.probes
    )
    for form in row.revisions:
        session.add(
            LessonRevision(
                lesson_id=lesson.id,
                revision=form.revision,
                text=clean(form.text),
                applicability=clean(form.applicability),
                status=form.status.value,
                why=clean(form.why),
                created_at=form.at,
            )
        )
    last = row.revisions[-1] if row.revisions else None
    if last is None or (last.text, last.applicability, last.status) != (
        lesson.text,
        lesson.applicability,
        lesson.status,
    ):
        lesson.revision += last is not None
        keep_revision(session, lesson, user_id, "imported")
