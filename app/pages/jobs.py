"""Jobs: the workers and what they do, what waits, and what has failed, to be cancelled or tried again."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import auth
from app.pages import layout
from app.state import AppState
from app.view import jobs as view
from app.view.languages import _
from app.view.render import render
from app.view.words import job_name
from core.types import JobState, Role
from store import jobs


def build(state: AppState) -> None:
    seen = gr.State({})
    layout.html(render("page_head.html", title=_("Jobs"), hint=_("What workers do, and what has failed.")))
    said = layout.html(elem_id="jobs-said")
    shown = [layout.html(elem_id=f"jobs-{name}", actions=name != "workers") for name in view.PARTS]

    def show(known: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.ADMIN)
        return _changed(state, known)

    def pressed(known: Any, request: gr.Request, event: gr.EventData) -> list[Any]:
        person = auth.require(request, Role.ADMIN)
        data = layout.data_of(event)
        try:
            text = _act(state, person.id, data.get("action", ""), layout.as_int(data.get("job")) or 0)
        except (ValueError, LookupError) as problem:
            return [layout.said(layout.sentence(problem), "bad"), *_changed(state, known)]
        return [layout.said(text, "ok"), *_changed(state, known)]

    layout.on_load(show, seen, [seen, *shown])
    gr.Timer(3.0).tick(show, seen, [seen, *shown], **layout.LIGHT)
    for part in shown[1:]:
        part.click(pressed, seen, [said, seen, *shown], **layout.LIGHT)


def _changed(state: AppState, known: Any) -> list[Any]:
    with state.db.read() as session:
        html = view.parts(session, state.settings.worker_dead_seconds)
    marks, parts = layout.changed(known, **html)
    return [marks, *parts]


def _act(state: AppState, user_id: int, action: str, job_id: int) -> str:
    """Do what a button asks for; returns what to say."""
    from app.worker import jobs as worker_jobs

    with state.db.write() as session:
        if action == "again":
            job = worker_jobs.try_again(session, job_id, user_id)
            return _("{job} waits for a worker again.").format(job=job_name(job.kind))
        if action == "cancel":
            ended = jobs.cancel(session, job_id, user_id)
            return _("It is cancelled.") if ended is JobState.CANCELLED else _("It stops at its next safe point.")
    raise ValueError("there is no such button: reload the page")
