"""Exports: write corrections as training data, and hand out what was written."""

from __future__ import annotations

from datetime import date
from typing import Any

import gradio as gr

from app import auth, exporting
from app.pages import export_gate, layout
from app.state import AppState
from app.view import exports as view
from app.view.languages import _
from app.view.words import words
from core.exporters.containers import TITLES
from core.types import Role, Verdict


def build(state: AppState) -> None:
    seen = gr.State({})
    picker = layout.head(_("Exports"), _("Corrections as rows of a training set."))
    with gr.Column(elem_classes="form-column wide"):
        with gr.Row():
            format = gr.Dropdown(
                view.choices(), value="sft", label=_("Format"), elem_id="export-format", filterable=True, scale=2
            )
            kinds = [(_(title), name) for name, title in TITLES.items()]
            container = gr.Dropdown(kinds, value="jsonl", label=_("File"), elem_id="export-container")
        about = layout.html(elem_id="export-about")
        with gr.Row():
            verdict = gr.Dropdown(
                [(_("any"), ""), *((words(value), value.value) for value in Verdict)],
                value="",
                label=_("Verdict"),
            )
            since = gr.Textbox(label=_("Reviewed since"), placeholder="2026-01-31", max_lines=1, max_length=10)
            until = gr.Textbox(label=_("and before"), placeholder="2026-02-28", max_lines=1, max_length=10)
        gate = export_gate.controls()
        start = gr.Button(_("Write the export"), variant="primary", elem_id="export-start")
        said = layout.html(elem_id="export-said")
    listing = layout.html(elem_id="exports")
    export_gate.runs(state, picker)
    formats = layout.html(elem_id="export-formats")

    def show(project: Any, known: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        project_id = layout.as_int(project)
        with state.db.read() as session:
            rows = view.listing(session, project_id) if project_id else ""
            table = view.formats(session, project_id) if project_id else ""
        marks, parts = layout.changed(known, rows=rows, formats=table)
        return [marks, *parts]

    def describe(project: Any, format: Any, request: gr.Request) -> str:
        auth.require(request, Role.LEAD)
        project_id = layout.as_int(project)
        with state.db.read() as session:
            return view.chosen(session, project_id, str(format)) if project_id else ""

    def opened(request: gr.Request) -> Any:
        auth.require(request, Role.LEAD)
        with state.db.read() as session:
            return layout.pick(session, request)[0]

    def write(
        request: gr.Request,
        project: Any,
        format: Any,
        container: Any,
        verdict: Any,
        since: Any,
        until: Any,
        *gated: Any,
    ) -> str:
        person = auth.require(request, Role.LEAD)
        try:
            kept = {**_filters(verdict, since, until), "quality": export_gate.gate_of(*gated)}
            kind = exporting.container(str(container))
            with state.db.write() as session:
                exporting.enqueue(
                    session,
                    layout.as_int(project) or 0,
                    format=str(format),
                    container=kind,
                    filters={name: value for name, value in kept.items() if value},
                    user_id=person.id,
                )
        except (ValueError, LookupError) as problem:
            return layout.said(layout.sentence(problem), "bad")
        return layout.said(_("The export is queued. Its file appears below."), "ok")

    layout.on_load(opened, None, picker)
    export_gate.wire(state, picker, gate, _filters, [verdict, since, until])
    shown = [seen, listing, formats]
    picker.change(show, [picker, seen], shown, **layout.LIGHT)
    picker.change(describe, [picker, format], about, **layout.LIGHT)
    format.change(describe, [picker, format], about, **layout.LIGHT)
    gr.Timer(3.0).tick(show, [picker, seen], shown, **layout.LIGHT)
    done = start.click(write, [picker, format, container, verdict, since, until, *gate.inputs], said, **layout.LIGHT)
    done.then(show, [picker, seen], shown, **layout.LIGHT)


def _filters(verdict: Any, since: Any, until: Any) -> dict[str, str]:
    """Those that are set; raises ``ValueError`` as ``_day`` does."""
    filters = {"verdict": str(verdict or ""), "since": _day(since), "until": _day(until)}
    return {name: value for name, value in filters.items() if value}


def _day(value: Any) -> str:
    """An ISO day or nothing; raises ``ValueError`` with what to write."""
    text = str(value or "").strip()
    if not text:
        return ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{text} is no day: write it as 2026-01-31") from None
