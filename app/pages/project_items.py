"""The items of a project: how many are answered, the list of them, and the button that has the rest answered."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import answering, auth
from app.pages import home, layout
from app.pages.project_item_list import ItemList
from app.state import AppState
from app.view import home as home_view
from app.view import projects as view
from app.view.languages import _
from app.view.words import figure
from core.types import Role

LIVE_SECONDS = 3.0


def build(state: AppState, picker: gr.Dropdown) -> None:
    seen = gr.State({})
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=320):
            overview = layout.html(elem_id="project-overview")
            listed = ItemList(state, picker)
        with gr.Column(scale=1, min_width=300):
            generate = gr.Button(_("Generate missing answers"), variant="primary", elem_id="generate")
            said = layout.html(elem_id="generate-said")
            work = layout.html(elem_id="project-work", actions=True)

    def figures(project: Any, known: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.LEAD)
        project_id = layout.as_int(project)
        if project_id is None:
            return [known, "", ""]
        with state.db.read() as session:
            overview = view.overview(session, project_id)
            running = home_view.work(session, project_id, person, state.settings)
        marks, parts = layout.changed(known, overview=overview, work=running)
        return [marks, *parts]

    def show(project: Any, known: Any, place: Any, words: Any, order: Any, risk: Any, request: gr.Request) -> list[Any]:
        marks, overview, running = figures(project, known, request)
        # Items came, or were answered or reviewed: so did what the list shows.
        before = known.get("overview") if isinstance(known, dict) else None
        moved = before is not None and before != marks.get("overview")
        rows = listed.again(project, words, order, risk, place) if moved else [gr.skip()] * len(listed.shown)
        return [marks, overview, running, *rows]

    def answer(project: Any, request: gr.Request) -> str:
        person = auth.require(request, Role.LEAD)
        project_id = layout.as_int(project)
        if project_id is None:
            return layout.said(_("Choose a project first."), "bad")
        return layout.said(generate_missing(state, project_id, person.id), "ok")

    def pressed(project: Any, request: gr.Request, event: gr.EventData) -> str:
        person = auth.require(request, Role.LEAD)
        home.change_job(state, person, layout.data_of(event))
        with state.db.read() as session:
            return home_view.work(session, layout.as_int(project), person, state.settings)

    inputs = [picker, seen, listed.place, *listed.filters]
    outputs = [seen, overview, work, *listed.shown]
    picker.change(figures, [picker, seen], [seen, overview, work], **layout.LIGHT)
    work.click(pressed, picker, work, **layout.LIGHT)
    gr.Timer(LIVE_SECONDS).tick(show, inputs, outputs, **layout.LIGHT)
    generate.click(answer, picker, said, **layout.LIGHT).then(show, inputs, outputs, **layout.LIGHT)


def generate_missing(state: AppState, project_id: int, user_id: int) -> str:
    """Queue jobs that answer the items without an answer; pressing twice queues nothing twice. Returns what to say."""
    with state.db.write() as session:
        n = answering.answer_missing(session, project_id, user_id)
    if not n:
        return _("Every item has an answer already.")
    queued = _("{n} items are queued for the worker.").format(n=figure(n))
    return f"{queued} {_('Press again for the rest when these are done.')}" if n == answering.AT_ONCE else queued
