"""The list of lessons with what stands around it: facets with their counts, pages, and the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app import auth
from app.pages import layout
from app.state import AppState
from app.view import lesson_map
from app.view import lessons as view
from app.view.languages import N_, _
from core.types import JobPriority, LessonKind, Role
from store import workers
from store.lesson_listing import Place

NO_WORKER = N_(
    "Search by meaning needs a worker. Start one (corrigenda worker), or search by words; this list is by words."
)
FOUND = 20  # by meaning


@dataclass(frozen=True, slots=True)
class Asked:
    """What the controls of the page hold. ``choice`` of facets is the person's, and only a facet that is pressed changes it;
    ``seen`` is what the list on screen was drawn for: ``project``, ``choice``, ``places``, ``next``, ``total``.

    They are two, so that a list that was being drawn while a facet was pressed cannot bring an earlier choice back.
    """

    project: int | None
    text: str
    how: str
    mapped: bool
    choice: dict[str, str]
    seen: dict[str, Any]
    selected: int | None

    @classmethod
    def of(cls, values: Sequence[Any]) -> Asked:
        """Of project, text, how, mapped, kept, seen and selected as the browser or the page's state has them."""
        project, text, how, mapped, kept, seen, selected = values
        project_id = layout.as_int(project)
        known = kept if isinstance(kept, dict) and kept.get("project") == project_id else {}
        drawn = dict(seen) if isinstance(seen, dict) and seen.get("project") == project_id else {}
        words = (str(text or ""), str(how or "words"))
        choice, selected_id = view.chosen(known.get("choice")), layout.as_int(selected)
        return cls(project_id, *words, bool(mapped), choice, drawn, selected_id)

    def kept(self, choice: dict[str, str]) -> dict[str, Any]:
        """The state that holds a person's choice."""
        return {"project": self.project, "choice": choice}

    @property
    def is_drawn(self) -> bool:
        """Whether the list on screen is of the choice that stands."""
        return self.project is None or self.seen.get("choice") == self.choice


def around(
    state: AppState,
    person: auth.Person,
    asked: Asked,
    *,
    places: Sequence[Any] = (),
    said: str = "",
    fresh: bool = False,
    counted: bool = True,
) -> list[Any]:
    """Values for what the list is drawn for, facets and list; ``places`` where its pages began."""
    if asked.project is None:
        return [{}, "", ""]
    words, meaning = view.words_of(asked.text), None
    if asked.how == "meaning" and words:
        meaning = _by_meaning(state, asked.project, words)
        said = said or ("" if meaning is not None else _(NO_WORKER))
    after = Place(*places[-1]) if places else None
    want = view.Wanted(asked.project, asked.choice, words, after, len(places) + 1, meaning)
    total = asked.seen.get("total") if asked.is_drawn else None
    with state.db.read() as session:
        shown: Any = gr.skip()
        if counted or total is None:
            shown, total = view.facets(session, asked.project, asked.choice, words if meaning is None else None)
        rows, following = view.listing(
            session,
            want,
            asked.selected,
            total=total,
            may=person.may(Role.EXPERT, asked.project),
            said=said,
            fresh=fresh,
        )
    seen = {"project": asked.project, "choice": asked.choice, "places": list(places), "total": total}
    seen["next"] = [following.to_decide, following.lesson_id] if following else None
    return [seen, shown, rows]


def drawn(state: AppState, asked: Asked) -> list[Any]:
    """The map where it is wanted, and the timer that looks again while a worker renews it."""
    project_id = asked.project
    if not asked.mapped or project_id is None:
        return ["", gr.Timer(active=False)]
    with state.db.read() as session:
        stale = lesson_map.is_stale(session, project_id)
        alive = bool(workers.alive(session, state.settings.worker_dead_seconds))
        total, words = int(asked.seen.get("total", 0)), view.words_of(asked.text)
        html = lesson_map.chart(session, project_id, asked.choice, words, asked.selected, total=total, worker=alive)
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
