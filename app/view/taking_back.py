"""What the page Taking back shows, from stored rows alone: what a filter reaches, suspects, past retractions and heads on offer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import choosing
from app.view.languages import N_, _, of_error
from app.view.render import excerpt, render
from app.view.words import capital
from core.recipes.swapped import swapped
from core.types import LessonKind
from store import lesson_listing, lessons, relabelling, unlearning, users
from store.lessons import Filter, Suspect
from store.tables import Correction, Item, Job, Lesson, Output

SHOWN = 20  # lessons and corrections of a preview, and retractions
SUSPECTS = 40
EMBEDDED = 200  # corrections of a retraction whose nearness is looked at
MOST_NUMBERS = 200  # lessons that a link from the page Lessons names one by one


def wanted(values: Mapping[str, Any]) -> Filter:
    """The filter from the page's controls. Raises ``ValueError`` saying what to do."""
    return Filter(
        lesson_ids=_numbers(values.get("lessons"), _("lessons")),
        correction_ids=tuple(int(one) for one in values.get("suspects") or () if str(one).isdigit()),
        author_id=_number(values.get("author"), _("person")),
        since=_moment(values.get("since")),
        until=_moment(values.get("until")),
        import_id=_number(values.get("import"), _("import")),
        item_id=_number(values.get("item"), _("item")),
        output_id=_number(values.get("output"), _("answer")),
        said=_text(values.get("said")),
        kind=str(values["kind"]) if values.get("kind") in set(LessonKind) else None,
        text=_text(values.get("text")),
        reviews=bool(values.get("reviews")),
    )


def _text(value: Any) -> str:
    return str(value or "").strip()[:200]


def _number(value: Any, what: str) -> int | None:
    text = _text(value)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        says = _("the number of the {what} is a whole number, not '{text}'")
        raise ValueError(says.format(what=what, text=text[:20]))
    return int(text)


def _numbers(value: Any, what: str) -> tuple[int, ...]:
    parts = [part for part in _text(value).replace(",", " ").split() if part]
    return tuple(number for part in parts if (number := _number(part, what)) is not None)


def _moment(value: Any) -> datetime | None:
    text = _text(value)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        says = _("write the time like 2026-03-01 or 2026-03-01 14:30, not '{text}'")
        raise ValueError(says.format(text=text[:20])) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def authors(session: Session, project_id: int) -> list[tuple[str, str]]:
    """Who corrected anything in the project."""
    query = (
        select(Correction.user_id)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .where(Item.project_id == project_id)
        .distinct()
    )
    ids = set(session.scalars(query))
    return [(_("Anybody"), ""), *((user.name, str(user.id)) for user in users.list_all(session) if user.id in ids)]


def imports(session: Session, project_id: int) -> list[tuple[str, str]]:
    query = select(Job.id, Job.started_at).where(
        Job.project_id == project_id, Job.kind == "import", Job.started_at.is_not(None)
    )
    rows = session.execute(query.order_by(Job.id.desc()).limit(50))
    told = [
        (_("Import {job}, {at} UTC").format(job=job, at=f"{at:%Y-%m-%d %H:%M}"), str(job))
        for job, at in rows
        if at is not None
    ]
    return [(_("Any"), ""), *told]


def preview(session: Session, project_id: int, want: Filter) -> str:
    """What would go, and what hangs on it. Raises as ``store.lessons.reach`` does."""
    found = lessons.reach(session, project_id, want)
    return render(
        "taking_back/preview.html",
        found=found,
        lessons=_lessons(session, found.chosen.lessons[:SHOWN]),
        suspended=_lessons(session, list(found.suspended)[:SHOWN]),
        corrections=_corrections(session, found.chosen.corrections[:SHOWN]),
        project_id=project_id,
    )


def suspects(session: Session, project_id: int, want: Filter) -> list[Suspect]:
    """Near what the filter finds, and not in it."""
    found = lessons.chosen(session, project_id, want)
    return lessons.suspects(session, project_id, corrections=found.corrections, lessons=found.lessons, limit=SUSPECTS)


def suspects_of(
    session: Session, project_id: int, retraction_id: int, vectors: Mapping[int, Any] | None = None
) -> list[Suspect]:
    """Near what a retraction holds; ``vectors`` of its corrections, whose own went with it."""
    held = lessons.entries(session, retraction_id)
    return lessons.suspects(
        session,
        project_id,
        corrections=held["correction"],
        lessons=held["lesson"],
        vectors=vectors,
        limit=SUSPECTS,
    )


def texts_of(session: Session, project_id: int, retraction_id: int) -> dict[int, str]:
    """Words of the corrections that a retraction of the project holds, the first ones. Raises ``LookupError``."""
    if lessons.get_retraction(session, retraction_id).project_id != project_id:
        raise LookupError(_("this project has no retraction {id}").format(id=retraction_id))
    ids = lessons.entries(session, retraction_id)["correction"][:EMBEDDED]
    return dict(session.execute(select(Correction.id, Correction.text).where(Correction.id.in_(ids))).all())


def numbers_of(session: Session, project_id: int, query: Mapping[str, Any]) -> str:
    """Numbers of the lessons that a filter of the page Lessons leaves, for the control; empty for more than ``MOST_NUMBERS``."""
    choice = {name: str(query[name])[:40] for name in lesson_listing.FACETS if query.get(name) is not None}
    text = _text(query.get("text")) or None
    if not choice and text is None:
        return ""
    rows, _more = lesson_listing.page(session, project_id, choice, text=text, limit=MOST_NUMBERS + 1)
    return ", ".join(str(row.id) for row in rows) if len(rows) <= MOST_NUMBERS else ""


def choice(one: Suspect) -> tuple[str, str]:
    """A suspect as a check box says it."""
    drew = " " + _("Lessons: {ids}.").format(ids=", ".join(map(str, one.lessons))) if one.lessons else ""
    said = excerpt(one.text, 90) or _("a rewrite without words")
    return (
        f"{one.correction_id}: “{said}” ({one.author}). {capital('; '.join(map(of_error, one.reasons)))}.{drew}",
        str(one.correction_id),
    )


def past(session: Session, project_id: int, *, admin: bool) -> str:
    """Retractions, the newest first, each with what it holds and the heads that are on offer for it."""
    names = {user.id: user.name for user in users.list_all(session)}
    rows = []
    for row in lessons.retractions(session, project_id, SHOWN):
        held = lessons.entries(session, row.id)
        critics, risks = unlearning.offered(session, project_id, row.id)
        pairs = unlearning.exchanged(session, row.id) if row.undone_at is None else {}
        swaps = [(what, found) for what, said in pairs.items() if (found := swapped(said)) is not None]
        rows.append(
            {
                "row": row,
                "held": {kind: len(ids) for kind, ids in held.items()},
                "lessons": held["lesson"][:SHOWN],
                "by": names.get(row.user_id or 0, _("the product")),
                "undone_by": names.get(row.undone_by or 0, "?"),
                "filter": _told(row.filter, names),
                "offers": [("critic", one) for one in critics] + [("risk", one) for one in risks],
                "swaps": [f"{capital(of_error(what))}: {of_error(found.says())}" for what, found in swaps],
                "swap": next((found for what, found in swaps if what == relabelling.LABEL), None),
                "relabelled": len(relabelling.standing(session, row.id)),
            }
        )
    return render("taking_back/past.html", rows=rows, admin=admin, project_id=project_id)


def _told(kept: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """A stored filter in words."""
    words = {
        "lesson_ids": N_("lessons"),
        "correction_ids": N_("corrections"),
        "author_id": N_("by"),
        "since": N_("since"),
        "until": N_("until"),
        "import_id": N_("import"),
        "item_id": N_("item"),
        "output_id": N_("answer"),
        "said": N_("correction says"),
        "kind": N_("kind"),
        "text": N_("lesson says"),
        "reviews": N_("reviews too"),
    }
    parts = []
    for key, word in words.items():
        value = kept.get(key)
        if value in (None, "", [], False):
            continue
        if key == "author_id":
            value = names.get(int(value), value)
        elif isinstance(value, list):
            value = ", ".join(map(str, value[:10])) + (" …" if len(value) > 10 else "")
        parts.append(_(word) if value is True else f"{_(word)} {value}")
    return "; ".join(parts)


def _lessons(session: Session, ids: list[int]) -> list[Lesson]:
    rows = {row.id: row for row in session.scalars(select(Lesson).where(Lesson.id.in_(ids)))}
    return [rows[id_] for id_ in ids if id_ in rows]


def _corrections(session: Session, ids: list[int]) -> list[tuple[Correction, str, int]]:
    query = (
        select(Correction, Output.item_id).join(Output, Output.id == Correction.output_id).where(Correction.id.in_(ids))
    )
    names = {user.id: user.name for user in users.list_all(session)}
    return [(row, names.get(row.user_id, "?"), item) for row, item in session.execute(query.order_by(Correction.id))]


def use(session: Session, project_id: int, what: str, version: int, user_id: int) -> str:
    """Put a version of the step critic or of the risk in force: the yes of a person. Raises ``LookupError``."""
    if what == "critic":
        choosing.use_critic(session, project_id, version, user_id)
        return _("In force. The worker lets it speak of what waits for people; the Critics page has the way back.")
    if what != "risk":
        raise LookupError(_("there is no such version"))
    choosing.use_risk(session, project_id, version, user_id)
    return _("In force. The worker scores every answer with it; the version before is kept.")
