"""What the lessons page shows: the list with its inbox, and one lesson with its revisions and lineage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.view.render import render
from core.types import LessonKind, LessonStatus
from store import lessons, outputs, users
from store.tables import Lesson

PAGE = 50
EDITABLE = (LessonStatus.PROPOSED, LessonStatus.ACTIVE, LessonStatus.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of the list; ``meaning`` holds lesson ids by falling similarity when the search was by meaning."""

    project_id: int
    status: str | None = None
    kind: str | None = None
    text: str | None = None
    limit: int = PAGE
    meaning: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A correction that a lesson drew on, with where it was given and by whom."""

    text: str
    author: str
    when: object
    item_id: int
    item: str
    attempt: int
    step: int | None  # 1-based, as people count


def wanted(project_id: int, status: object, kind: object, text: object, limit: int = PAGE) -> Wanted:
    """Filters from the page's controls; what is no status or kind filters nothing."""
    return Wanted(
        project_id,
        str(status) if status in set(LessonStatus) else None,
        str(kind) if kind in set(LessonKind) else None,
        str(text or "").strip()[:200] or None,
        min(max(limit, PAGE), 2000),
    )


def listing(session: Session, want: Wanted, selected: int | None, said: str = "") -> str:
    """Proposed lessons first, as an inbox; then the others, newest first."""
    rows = by_meaning(session, want) if want.meaning is not None else found(session, want)
    proposed = [row for row in rows if row.status == LessonStatus.PROPOSED and want.meaning is None]
    others = [row for row in rows if row not in proposed]
    return render(
        "lessons/list.html",
        proposed=proposed,
        others=others,
        selected=selected,
        more=want.meaning is None and len(others) >= want.limit,
        next_limit=want.limit + PAGE,
        filtered=bool(want.status or want.kind or want.text),
        by_meaning=want.meaning is not None,
        said=said,
    )


def found(session: Session, want: Wanted) -> list[Lesson]:
    """Lessons that fit the filters, by words."""
    rows = list(
        lessons.page(session, want.project_id, status=want.status, kind=want.kind, text=want.text, limit=want.limit)
    )
    if want.status is None:
        inbox = lessons.page(
            session,
            want.project_id,
            status=LessonStatus.PROPOSED,
            kind=want.kind,
            text=want.text,
            limit=want.limit,
        )
        rows = [*inbox, *(row for row in rows if row.status != LessonStatus.PROPOSED)]
    return rows


def by_meaning(session: Session, want: Wanted) -> list[Lesson]:
    """The lessons that the worker found, in its order, as far as the database still has them active."""
    ids = list(want.meaning or ())
    kept = lessons.active_texts(session, ids)
    rows = [lessons.get(session, id_) for id_ in ids if id_ in kept]
    return [row for row in rows if want.kind in (None, row.kind) and row.project_id == want.project_id]


def detail(session: Session, lesson: Lesson, said: str = "", failed: str = "") -> str:
    """One lesson: as it stands, where it came from, where it was used, and every form it had."""
    lineage = lessons.lineage(session, lesson.id)
    names = {user.id: user.name for user in users.list_all(session)}
    sources = []
    for correction in lineage.sources:
        output = outputs.get(session, correction.output_id)
        step = None if correction.step_index is None else correction.step_index + 1
        author = names.get(correction.user_id, "?")
        item = output.item
        sources.append(
            Source(correction.text, author, correction.created_at, item.id, item.prompt, output.attempt, step)
        )
    return render(
        "lessons/detail.html",
        lesson=lesson,
        author=names.get(lesson.author_id or 0, "the distiller"),
        names=names,
        sources=sources,
        lineage=lineage,
        used_in=[outputs.get(session, output.id) for output in lineage.used_in[:20]],
        said=said,
        failed=failed,
    )
