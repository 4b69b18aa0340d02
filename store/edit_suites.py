"""The edit suites of lessons and what their runs found (canonical examples, paper 24).

A suite belongs to one wording of a lesson: the revision that first had its text and applicability. Probes that a program made for an
earlier wording are stale: kept, shown, and not asked. Those that people wrote go on to the next wording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.lessons.edit_suite import Made, Probe, ProbeKind
from core.types import LessonStatus
from store import audit
from store.clock import now
from store.tables import Lesson, LessonProbe, LessonProbeRun, LessonRevision
from store.text import clean


@dataclass(frozen=True, slots=True)
class NewRun:
    """What the probes of one run found: ``details`` as ``LessonProbeRun`` has them; ``model`` answered, if one did."""

    canonical: bool | None
    probes: int
    found: int
    negatives: int
    hits: int
    details: Sequence[Mapping[str, Any]]
    embedder: str
    model: str | None = None
    effect_key: str | None = None


def wording_revision(session: Session, lesson: Lesson) -> int:
    """The revision that first had the present text and applicability; accepting or suspending changes neither."""
    query = select(LessonRevision).where(LessonRevision.lesson_id == lesson.id)
    first = lesson.revision
    for form in session.scalars(query.order_by(LessonRevision.revision.desc())):
        if (form.text, form.applicability) != (lesson.text, lesson.applicability):
            break
        first = form.revision
    return first


def is_run(lesson: Lesson) -> bool:
    """Whether a suite may be run: never that of a lesson that no prompt can hold."""
    return lesson.status == LessonStatus.ACTIVE


def probes(session: Session, lesson_id: int) -> list[LessonProbe]:
    """All that were not taken out, stale ones too, the example first, negatives last."""
    query = select(LessonProbe).where(LessonProbe.lesson_id == lesson_id, LessonProbe.removed_at.is_(None))
    order = list(ProbeKind)
    return sorted(session.scalars(query), key=lambda row: (order.index(ProbeKind(row.kind)), row.id))


def is_stale(probe: LessonProbe, wording: int) -> bool:
    """Whether a program made it for an earlier wording; ``wording`` is ``wording_revision`` of its lesson."""
    return probe.author_id is None and probe.lesson_revision < wording


def standing(session: Session, lesson: Lesson) -> list[LessonProbe]:
    """Those that are asked: for the present wording, or written by a person."""
    wording = wording_revision(session, lesson)
    return [probe for probe in probes(session, lesson.id) if not is_stale(probe, wording)]


def put(session: Session, lesson: Lesson, suite: Sequence[Probe]) -> list[LessonProbe]:
    """Let the program's probes for the present wording be ``suite``; what is there already stays as it is. Returns what stands.

    A probe that a person took out does not come back, in this wording or a later one.
    """
    wording = wording_revision(session, lesson)
    # one at a time per lesson, so that two jobs do not make one suite twice
    session.execute(select(Lesson.id).where(Lesson.id == lesson.id).with_for_update(key_share=True))
    query = select(LessonProbe).where(LessonProbe.lesson_id == lesson.id)
    rows = list(session.scalars(query))
    unwanted = {(row.kind, row.text) for row in rows if row.removed_by is not None}
    mine = {
        (row.kind, row.text): row
        for row in rows
        if row.author_id is None and row.removed_at is None and row.lesson_revision == wording
    }
    wanted = {(probe.kind.value, clean(probe.text)): probe for probe in suite}
    for key, row in mine.items():
        if key not in wanted:
            row.removed_at = now()
    for key, probe in wanted.items():
        if key not in mine and key not in unwanted:
            session.add(_row(lesson.id, wording, probe, None))
    session.flush()
    return standing(session, lesson)


def _row(lesson_id: int, wording: int, probe: Probe, author_id: int | None) -> LessonProbe:
    return LessonProbe(
        lesson_id=lesson_id,
        lesson_revision=wording,
        kind=probe.kind.value,
        text=probe.text,
        context=probe.context,
        answer=probe.answer,
        made=probe.made.value,
        item_id=probe.item_id,
        author_id=author_id,
    )


def add(session: Session, lesson: Lesson, kind: str, text: str, user_id: int, *, context: str = "") -> LessonProbe:
    """A person's paraphrase or hard negative. Raises ``ValueError`` for a text that says nothing, or another kind."""
    said = clean(text).strip()
    if not said:
        raise ValueError("a probe is a question: write one")
    if kind not in (ProbeKind.PARAPHRASE, ProbeKind.NEGATIVE):
        raise ValueError("a probe that people add is a paraphrase or a negative; the example comes from the correction")
    if any((row.kind, row.text) == (kind, said) for row in standing(session, lesson)):
        raise ValueError("this probe is in the suite already")
    row = _row(
        lesson.id, wording_revision(session, lesson), Probe(ProbeKind(kind), said, Made.PERSON, context), user_id
    )
    session.add(row)
    session.flush()
    audit.record(session, "probe.add", "lesson", lesson.id, user_id=user_id, new={"kind": kind, "text": said[:500]})
    return row


def remove(session: Session, probe_id: int, user_id: int) -> LessonProbe:
    """Take a probe out for good; its row stays for the runs that asked it. Raises ``LookupError``; ``ValueError`` for the example."""
    row = session.get(LessonProbe, probe_id, with_for_update=True)
    if row is None:
        raise LookupError(f"there is no probe {probe_id}")
    if row.kind == ProbeKind.CANONICAL:
        raise ValueError("the example is what the lesson came from; edit the lesson instead")
    if row.removed_at is None:
        row.removed_at, row.removed_by = now(), user_id
        session.flush()
        audit.record(session, "probe.remove", "lesson", row.lesson_id, user_id=user_id, old={"text": row.text[:500]})
    return row


def add_run(session: Session, lesson: Lesson, new: NewRun) -> LessonProbeRun:
    """Keep what a run found; one under the same effect key is returned unchanged."""
    if new.effect_key is not None:
        known = session.scalar(select(LessonProbeRun).where(LessonProbeRun.effect_key == new.effect_key))
        if known is not None:
            return known
    row = LessonProbeRun(
        lesson_id=lesson.id,
        lesson_revision=wording_revision(session, lesson),
        canonical=new.canonical,
        probes=new.probes,
        found=new.found,
        negatives=new.negatives,
        hits=new.hits,
        details=[dict(one) for one in new.details],
        embedder=new.embedder,
        model=new.model,
        effect_key=new.effect_key,
    )
    session.add(row)
    session.flush()
    return row


def known_runs(session: Session, effect_keys: Sequence[str]) -> set[str]:
    """Those of the keys under which a run is kept."""
    query = select(LessonProbeRun.effect_key).where(LessonProbeRun.effect_key.in_(effect_keys))
    return {key for key in session.scalars(query) if key is not None}


def runs(session: Session, lesson_id: int, limit: int = 20) -> Sequence[LessonProbeRun]:
    """The newest first, of earlier wordings too."""
    query = select(LessonProbeRun).where(LessonProbeRun.lesson_id == lesson_id)
    return session.scalars(query.order_by(LessonProbeRun.id.desc()).limit(limit)).all()


def newest_run(session: Session, lesson: Lesson) -> LessonProbeRun | None:
    """Of the present wording; ``None`` until its suite was run."""
    wording = wording_revision(session, lesson)
    found = runs(session, lesson.id, 1)
    return found[0] if found and found[0].lesson_revision >= wording else None
