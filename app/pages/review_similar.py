"""Corrections of other items that resemble the one on screen, found by the worker's search."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.auth import Person
from app.pages import review_board
from app.pages.review_names import meanings
from app.pages.review_reply import Act, Reply
from app.state import AppState
from app.view import review as view
from app.view.languages import N_, _
from app.view.render import excerpt, render
from app.view.review_steps import percent
from app.worker import client
from store import items, reviews
from store.tables import Assignment, Correction, Item, Output, User

SHOWN = 4
FLOOR = 0.3  # cosine below which a correction is not called similar
UNREACHABLE = N_("They are found by the worker, which did not answer.")


def similar(state: AppState, act: Act, person: Person) -> Reply:
    """The nearest corrections by the words of the prompt, without this item's own."""
    with state.db.read() as session:
        slot = session.get(Assignment, act.assignment)
        if slot is None or slot.holder_id != person.id:
            return {"similar": ""}
        item = items.get(session, slot.item_id)
        project_id, text, item_id = item.project_id, item.prompt, item.id
        absent = review_board.no_worker(session, state.settings)
    near = {} if absent else meanings(state, act.assignment, person)
    found = None if absent else client.search(state.db, state.settings, project_id, ["correction"], text, 3 * SHOWN)
    if found is None:
        later = _("{worker} Similar corrections show when one runs.").format(worker=absent)
        missing = later if absent else _(UNREACHABLE)
        return {"similar": render("review/similar.html", similar=(), missing=missing, meanings=near, output=act.output)}
    with state.db.read() as session:
        views = _views(session, [(hit.owner_id, hit.score) for hit in found if hit.score >= FLOOR], item_id)
    missing = "" if views else _("No earlier correction resembles this item.")
    return {"similar": render("review/similar.html", similar=views, missing=missing, meanings=near, output=act.output)}


def _views(session: Session, found: list[tuple[int, float]], item_id: int) -> list[view.SimilarView]:
    scores = dict(found)
    query = (
        select(Correction, Item.external_id, Item.prompt, User.name)
        .join(Output, Output.id == Correction.output_id)
        .join(Item, Item.id == Output.item_id)
        .join(User, User.id == Correction.user_id)
        .where(Correction.id.in_(scores), Item.id != item_id, reviews.is_current(Correction))
    )
    rows = sorted(session.execute(query), key=lambda row: -scores[row[0].id])
    return [
        view.SimilarView(
            one.text or _("Rewritten without words."),
            f"{external}: {excerpt(prompt, 60)}",
            name,
            one.created_at,
            percent(scores[one.id]),
        )
        for one, external, prompt, name in rows[:SHOWN]
    ]
