"""The list of lessons with what stands around it: facets with their counts, pages, and the map."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import auth
from app.pages import layout
from app.state import AppState
from app.view import lesson_map
from app.view import lessons as view
from core.types import JobPriority, LessonKind, Role
from store import workers
from store.lesson_listing import Place

NO_WORKER = (
    "Search by meaning needs a worker. Start one (corrigenda worker), or search by words; this list is by words."
)
FOUND = 20  # by meaning


def kept_by(kept: Any) -> dict[str, Any]:
    """What the page keeps of the list: ``project``, ``choice``, ``places``, ``next``, ``total``."""
    return dict(kept) if isinstance(kept, dict) else {}


def around(
    state: AppState,
    person: auth.Person,
    project: Any,
    text: Any,
    how: Any,
    kept: dict[str, Any],
    selected: Any,
    *,
    said: str = "",
    fresh: bool = False,
    counted: bool = True,
) -> list[Any]:
    """Values for what the page keeps (``choice``, ``places``, ``next``, ``total``), facets and list."""
    project_id, selected_id = layout.as_int(project), layout.as_int(selected)
    if project_id is None:
        return [{}, "", ""]
    if kept.get("project") != project_id:
        kept = {"project": project_id}
    choice, places, words = view.chosen(kept.get("choice")), list(kept.get("places", ())), view.words_of(text)
    meaning = None
    if how == "meaning" and words:
        meaning = _by_meaning(state, project_id, words)
        said = said or ("" if meaning is not None else NO_WORKER)
    after = Place(*places[-1]) if places else None
    want = view.Wanted(project_id, choice, words, after, len(places) + 1, meaning)
    with state.db.read() as session:
        shown: Any = gr.skip()
        if counted or "total" not in kept:
            shown, kept["total"] = view.facets(session, project_id, choice, words if meaning is None else None)
        rows, following = view.listing(
            session, want, selected_id, total=kept["total"], may=person.may(Role.EXPERT), said=said, fresh=fresh
        )
    known = {**kept, "choice": choice, "places": places}
    known["next"] = [following.to_decide, following.lesson_id] if following else None
    return [known, shown, rows]


def drawn(
    state: AppState, project_id: int | None, text: Any, mapped: Any, kept: dict[str, Any], selected: int | None
) -> list[Any]:
    """The map where it is wanted, and the timer that looks again while a worker renews it."""
    if not mapped or project_id is None:
        return ["", gr.Timer(active=False)]
    with state.db.read() as session:
        stale = lesson_map.is_stale(session, project_id)
        alive = bool(workers.alive(session, state.settings.worker_dead_seconds))
        choice, total = view.chosen(kept.get("choice")), int(kept.get("total", 0))
        html = lesson_map.chart(session, project_id, choice, view.words_of(text), selected, total=total, worker=alive)
    if stale:
        _renew_map(state, project_id)
    return [html, gr.Timer(active=stale)]


def _renew_map(state: AppState, project_id: int) -> None:
    from app.worker.jobs import enqueue

    with state.db.write() as session:
        enqueue(
            session,
            "map_lessons",
            {"project_id": project_id},
            priority=JobPriority.NORMAL,
            dedupe_key=f"map_lessons:{project_id}",
            project_id=project_id,
        )


def _by_meaning(state: AppState, project_id: int, text: str) -> list[int] | None:
    from app.worker import client

    scopes = [kind.value for kind in LessonKind]
    found = client.search(state.db, state.settings, project_id, scopes, text, FOUND)
    return None if found is None else [hit.owner_id for hit in found]
