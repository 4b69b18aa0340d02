"""A knowledge base in and out: experts bring lessons as proposals, admins as they stand, and admins take them out."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import auth, exporting, uploads
from app.pages import layout
from app.pages.project_import import incoming
from app.state import AppState
from app.view.languages import N_, _, of_error
from app.view.render import render
from app.view.words import figure
from core.lessons import knowledge_base
from core.types import Role
from store import exports, jobs

NOTE = N_("A knowledge base that was exported here or elsewhere (JSONL), or a plain JSON list of texts.")


def build(state: AppState, picker: gr.Dropdown) -> dict[str, Any]:
    """A closed accordion, which ``shown`` opens to those who may use it."""
    seen = gr.State({})
    with gr.Accordion(_("Import and export"), open=False, visible=False, elem_id="lesson-exchange") as box:
        file = gr.File(
            label=_(NOTE), file_types=[".jsonl", ".json"], type="filepath", height=120, elem_id="lessons-file"
        )
        stands = gr.Checkbox(
            label=_("Take them as they stand in the file: active ones are used at once (admins)"), visible=False
        )
        with gr.Row():
            bring = gr.Button(_("Import as proposals"), variant="primary", elem_id="lessons-import", min_width=160)
            take = gr.Button(_("Export all lessons"), elem_id="lessons-export", visible=False, min_width=160)
        said = layout.html(elem_id="lessons-exchange-said")
        history = layout.html(elem_id="lessons-exchanges")
    timer = gr.Timer(3.0, active=False)

    def brought(project: Any, path: Any, as_they_stand: Any, request: gr.Request) -> str:
        person = auth.require(request, Role.EXPERT)
        known, project_id = incoming(state, path), layout.as_int(project)
        if known is None or project_id is None:
            return layout.said(_("Choose a project and a file first."), "bad")
        if as_they_stand and not person.may(Role.LEAD, project_id):
            return layout.said(_("Only a lead can take lessons as they stand. Import them as proposals."), "bad")
        try:
            head = knowledge_base.check(known)
        except knowledge_base.BadKnowledgeBase as problem:
            return layout.said(layout.sentence(problem) + " " + _("Nothing of it was taken."), "bad")
        kept = uploads.keep(state.settings, known, ".jsonl")
        with state.db.write() as session:
            uploads.import_lessons(session, project_id, kept, bool(as_they_stand), person.id)
        queued = _("{n} lessons are queued.").format(n=figure(head.lessons)) if head else _("The list is queued.")
        return layout.said(f"{queued} {_('What became of them appears below.')}", "ok")

    def taken(project: Any, request: gr.Request) -> str:
        person = auth.require(request, Role.LEAD)
        with state.db.write() as session:
            exporting.enqueue(
                session,
                layout.as_int(project) or 0,
                format=knowledge_base.FORMAT,
                container="jsonl",
                filters={},
                user_id=person.id,
            )
        return layout.said(_("The export is queued. Its file appears below."), "ok")

    def looked(project: Any, known: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        html = _history(state, layout.as_int(project) or 0, person.may(Role.LEAD, layout.as_int(project)))
        marks, parts = layout.changed(known, exchanges=html)
        return [marks, *parts]

    def watched(request: gr.Request) -> gr.Timer:
        auth.require(request)
        return gr.Timer(active=True)

    look: dict[str, Any] = {"fn": looked, "inputs": [picker, seen], "outputs": [seen, history], **layout.LIGHT}
    for button, handler, inputs in ((bring, brought, [picker, file, stands]), (take, taken, [picker])):
        done = button.click(handler, inputs, said, **layout.LIGHT)
        done.then(watched, None, timer, **layout.LIGHT).then(**look)
    box.expand(**look)
    timer.tick(**look)
    return {"box": box, "stands": stands, "take": take}


def shown(person: auth.Person) -> list[Any]:
    """Values for the controls of ``build``."""
    expert, admin = person.may_somewhere(Role.EXPERT), person.may_somewhere(Role.LEAD)
    return [gr.update(visible=expert), gr.update(visible=admin), gr.update(visible=admin)]


def _history(state: AppState, project_id: int, admin: bool) -> str:
    with state.db.read() as session:
        brought = [job for job in jobs.recent(session, project_id, 100) if job.kind == "import_lessons"][:5]
        written = [row for row in exports.list_all(session, project_id, 50) if row.format == knowledge_base.FORMAT][:5]
        return render("lessons/exchanges.html", imports=brought, exports=written if admin else [], told=of_error)
