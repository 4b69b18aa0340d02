"""Home: what waits for people, what the worker does, which lessons are new, and whether corrections become fewer."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import auth
from app.pages import layout
from app.state import AppState
from app.view import home as view
from app.view.languages import N_, _
from app.view.render import render
from store import jobs, reviews

LIVE_SECONDS = 3.0
SLOW_SECONDS = 30.0


def build(state: AppState) -> None:
    seen = gr.State({})
    picker = layout.head(_("Home"), _("What waits, and what the worker is doing."))
    welcome = layout.html(elem_id="home-welcome")
    with gr.Row(equal_height=False, elem_classes="two-to-one"):
        with gr.Column(scale=2, min_width=320):
            decided = layout.html(elem_id="home-decided", actions=True)
            waiting = layout.html(elem_id="home-waiting")
            trend = layout.html(elem_id="home-trend")
        with gr.Column(scale=1, min_width=300):
            work = layout.html(elem_id="home-work", actions=True)
            latest = layout.html(elem_id="home-lessons")

    def opened(request: gr.Request) -> list[Any]:
        person = auth.require(request)
        with state.db.read() as session:
            choice, project_id = layout.pick(session, request)
            first = "" if project_id else render("home/welcome.html", person=person)
            _, live = layout.changed({}, **_live(state, session, project_id, person))
            return [choice, first, *live, *_slow(session, project_id, person)]

    def tick(project_id: Any, known: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request)
        with state.db.read() as session:
            marks, parts = layout.changed(known, **_live(state, session, layout.as_int(project_id), person))
        return [marks, *parts]

    def slow_tick(project_id: Any, request: gr.Request) -> list[str]:
        person = auth.require(request)
        with state.db.read() as session:
            return _slow(session, layout.as_int(project_id), person)

    def pressed(project_id: Any, request: gr.Request, event: gr.EventData) -> str:
        person = auth.require(request)
        change_job(state, person, layout.data_of(event))
        with state.db.read() as session:
            return view.work(session, layout.as_int(project_id), person, state.settings)

    def seen_decision(request: gr.Request, event: gr.EventData) -> str:
        person = auth.require(request)
        data = layout.data_of(event)
        chosen = None if data.get("action") == "seen-all" else [layout.as_int(data.get("decision")) or 0]
        with state.db.write() as session:
            reviews.mark_seen(session, person.id, chosen)
            return view.decided(session, person)

    live_parts, slow_parts = [decided, waiting, work], [latest, trend]
    layout.on_load(opened, None, [picker, welcome, *live_parts, *slow_parts])
    gr.Timer(LIVE_SECONDS).tick(tick, [picker, seen], [seen, *live_parts], **layout.LIGHT)
    gr.Timer(SLOW_SECONDS).tick(slow_tick, picker, slow_parts, **layout.LIGHT)
    picker.input(tick, [picker, seen], [seen, *live_parts], **layout.LAST)
    picker.input(slow_tick, picker, slow_parts, **layout.LAST)
    decided.click(seen_decision, None, decided, **layout.LIGHT)
    work.click(pressed, picker, work, **layout.LIGHT)


def _live(state: AppState, session: Any, project_id: int | None, person: auth.Person) -> dict[str, str]:
    return {
        "decided": view.decided(session, person),
        "waiting": view.waiting(session, project_id, person) if project_id else "",
        "work": view.work(session, project_id, person, state.settings),
    }


def _slow(session: Any, project_id: int | None, person: auth.Person) -> list[str]:
    if not project_id:
        return ["", ""]
    return [view.latest_lessons(session, project_id), view.trend(session, project_id, person)]


def change_job(state: AppState, person: auth.Person, data: dict[str, str]) -> None:
    """Cancel a job or start a failed or cancelled one again, if the person may."""
    from app.worker.jobs import try_again

    job_id, action = layout.as_int(data.get("job")) or 0, data.get("action")
    try:
        with state.db.write() as session:
            job = jobs.get(session, job_id)
            if not view.may_change(job, person):
                raise layout.problem(_("Only an admin, or whoever started this job, can change it."), N_("Not allowed"))
            if action == "cancel":
                jobs.cancel(session, job.id, person.id)
            elif action == "retry":
                try_again(session, job.id, person.id)
    except (LookupError, ValueError) as problem:
        raise layout.problem(layout.sentence(problem)) from None
