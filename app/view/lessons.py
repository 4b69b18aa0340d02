"""What the lessons page shows: facets, the list with its inbox, and one lesson with its lineage, its use and its revisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from app.view import lesson_effect
from app.view.languages import N_, _
from app.view.render import render
from app.view.taking_back import MOST_NUMBERS
from app.view.words import words
from core.types import LessonKind, LessonStatus
from store import lesson_listing, lesson_merging, lesson_use, lessons, outputs, users
from store.lesson_listing import FACETS, Counts, Place
from store.tables import Lesson

PAGE = 50
EDITABLE = (LessonStatus.PROPOSED, LessonStatus.ACTIVE, LessonStatus.SUSPENDED)
TITLES = {
    "status": N_("Status"),
    "kind": N_("Kind"),
    "source": N_("Came from"),
    "author": N_("Author"),
    "relations": N_("Noted beside it"),
    "use": N_("In prompts"),
    "retire": N_("Retiring"),
}
VALUES = {
    "relations": {"contradicts": N_("a contradiction"), "related": N_("another relation"), "none": N_("nothing")},
    "use": {"lately": N_("in the last 30 days"), "earlier": N_("earlier"), "never": N_("never")},
    "retire": {"proposed": N_("proposed by the program"), "no": N_("not proposed")},
    "source": {"import": N_("an import"), "distiller": N_("the distiller"), "person": N_("a person")},
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list shows: ``choice`` of facets, words, where the page begins, and ids by falling similarity of a search by meaning."""

    project_id: int
    choice: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    after: Place | None = None
    page: int = 1
    meaning: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A correction that a lesson drew on, with where it was given and by whom."""

    text: str
    author: str
    when: datetime
    item_id: int
    item: str
    attempt: int
    step: int | None  # 1-based, as people count


def chosen(given: object) -> dict[str, str]:
    """The choice of facets as the page keeps it; what is no facet is dropped."""
    known = given if isinstance(given, dict) else {}
    return {name: str(known[name])[:40] for name in FACETS if known.get(name) is not None}


def words_of(text: object) -> str | None:
    return str(text or "").strip()[:200] or None


def facets(session: Session, project_id: int, choice: Mapping[str, str], text: str | None) -> tuple[str, int]:
    """The facets with their counts, and how many lessons the choice leaves."""
    found = lesson_listing.counts(_census(session, project_id, text), choice)
    people = {str(user.id): user.name for user in users.list_all(session)} | {"": _("nobody by name")}
    groups = [(name, _(TITLES[name]), _values(name, found, choice, people)) for name in FACETS]
    shown = [group for group in groups if len(group[2]) > 1 or group[0] in choice]
    return render("lessons/facets.html", groups=shown, choice=choice, total=found.total), found.total


_known: dict[tuple[str, int], tuple[object, Counter[tuple[str, ...]]]] = {}


def _census(session: Session, project_id: int, text: str | None) -> Counter[tuple[str, ...]]:
    """Without words it is kept while no lesson was changed or used: of 100,000 lessons it takes about a second."""
    if text:
        return lesson_listing.census(session, project_id, text)
    key, marks = (str(session.get_bind().engine.url), project_id), lesson_listing.marks(session)
    known = _known.get(key)
    if known is None or known[0] != marks:
        known = _known[key] = (marks, lesson_listing.census(session, project_id))
    return known[1]


def _values(
    name: str, found: Counts, choice: Mapping[str, str], people: Mapping[str, str]
) -> list[tuple[str, str, int]]:
    """(value, how people read it, count) in the order of the words, or the most frequent authors first."""
    there = Counter({choice[name]: 0}) if name in choice else Counter[str]()
    there.update(found.facets[name])
    names = people if name == "author" else VALUES.get(name, {})
    known: dict[str, list[str]] = {"status": list(LessonStatus), "kind": list(LessonKind)}
    order = known.get(name, list(VALUES.get(name, {})))
    ranked = sorted(there, key=lambda value: (order.index(value) if value in order else 99, -there[value], value))
    said = {
        value: _(names[value]) if name != "author" and value in names else names.get(value) for value in ranked[:12]
    }
    return [(value, said[value] or words(value), there[value]) for value in ranked[:12]]


def listing(
    session: Session, want: Wanted, selected: int | None, *, total: int, may: bool, said: str = "", fresh: bool = False
) -> tuple[str, Place | None]:
    """One page of lessons, those to decide first as an inbox, and where the next one begins. ``fresh`` clears what is ticked."""
    if want.meaning is not None:
        rows, following = by_meaning(session, want), None
    else:
        found, following = lesson_listing.page(
            session, want.project_id, want.choice, text=want.text, after=want.after, limit=PAGE
        )
        rows = list(found)
    proposed = [row for row in rows if row.status == LessonStatus.PROPOSED and want.meaning is None]
    first = (want.page - 1) * PAGE + 1
    html = render(
        "lessons/list.html",
        proposed=proposed,
        others=[row for row in rows if row not in proposed],
        selected=selected,
        first=first,
        last=first + len(rows) - 1,
        total=total,
        page=want.page,
        more=following is not None,
        filtered=bool(want.choice or want.text),
        by_meaning=want.meaning is not None,
        said=said,
        may=may,
        fresh=fresh,
        kinds=list(LessonKind),
        taking_back=_taking_back(want) if may and total <= MOST_NUMBERS else "",
    )
    return html, following


def _taking_back(want: Wanted) -> str:
    """Where what the filter leaves can be taken back, with a preview; empty without a filter, and for a search by meaning."""
    if want.meaning is not None or not (want.choice or want.text):
        return ""
    query = {"project": want.project_id, **want.choice, **({"text": want.text} if want.text else {})}
    return f"/app/taking-back?{urlencode(query)}"


def by_meaning(session: Session, want: Wanted) -> list[Lesson]:
    """The lessons that the worker found, in its order, as far as they are still active and the facets leave them."""
    ids = list(want.meaning or ())
    kept = lesson_listing.among(session, want.project_id, want.choice, list(lessons.active_texts(session, ids)))
    return [lessons.get(session, id_) for id_ in ids if id_ in kept]


def detail(session: Session, lesson: Lesson, said: str = "", failed: str = "", *, may: bool = False) -> str:
    """One lesson: as it stands, where it came from, where it was used and what came of it, and every form it had."""
    lineage = lessons.lineage(session, lesson.id)
    names = {user.id: user.name for user in users.list_all(session)}
    weeks = lesson_use.weeks(session, lesson.id)
    came: Mapping[str, Any] = lesson.extra.get("imported", {})
    html = render(
        "lessons/detail.html",
        lesson=lesson,
        author=names.get(lesson.author_id or 0, came.get("author") or _("the distiller")),
        names=names,
        authors=came.get("authors", {}),
        sources=_sources(session, lineage, names),
        elsewhere=came.get("sources", ()),
        lineage=lineage,
        against=lesson_merging.contradictions(session, lesson),
        uses=lesson_use.newest(session, lesson.id),
        weeks=weeks,
        most=max((week.retrieved for week in weeks), default=0),
        replaces=bool(lesson.extra.get("replaces")),
        may=may,
        said=said,
        failed=failed,
    )
    return html + lesson_effect.section(session, lesson) + render("lessons/add_probe.html", lesson=lesson, may=may)


def _sources(session: Session, lineage: lessons.Lineage, names: Mapping[int, str]) -> list[Source]:
    found = []
    for correction in lineage.sources:
        output = outputs.get(session, correction.output_id)
        step = None if correction.step_index is None else correction.step_index + 1
        author = names.get(correction.user_id, "?")
        item = output.item
        found.append(Source(correction.text, author, correction.created_at, item.id, item.prompt, output.attempt, step))
    return found
