"""The quality gate on the exports page: rows are scored by a worker, and what would go in is seen before the file is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app import auth, evaluation_files
from app.pages import layout
from app.pages.project_import import SUFFIXES, incoming
from app.state import AppState
from app.view import quality_gate as view
from app.view.languages import N_, _
from app.view.words import decimal
from core.quality.duplicates import NEAR
from core.quality.gate import Gate
from core.types import JobPriority, Role
from store import evaluation_sets, exports, projects, training_runs

DUPLICATES = [
    (N_("Keep them"), ""),
    (N_("Leave out the same text"), "1.0"),
    (N_("Leave out from a cosine of {near} (default)"), str(NEAR)),
    (N_("Leave out from a cosine of 0.9"), "0.9"),
]


@dataclass(frozen=True, slots=True)
class Controls:
    """The inputs of a gate, in the order of ``gate_of``, and what is shown of it."""

    inputs: list[Any]
    score: gr.Button
    shown: gr.HTML
    held: gr.Dropdown
    keep: gr.Slider
    file: gr.File
    said: gr.HTML


def _duplicates() -> list[tuple[str, str]]:
    return [(_(label).format(near=decimal(NEAR, "g")), key) for label, key in DUPLICATES]


def controls() -> Controls:
    """The components, where the page has its other choices."""
    with gr.Accordion(_("Quality gate"), open=False, elem_id="export-gate"):
        with gr.Row():
            rule = gr.Dropdown(view.rule_choices(), value="", label=_("Rank rows by"), elem_id="gate-rule")
            near = gr.Dropdown(
                [(_(label).format(near=NEAR), key) for label, key in DUPLICATES],
                value="",
                label=_("Near-duplicates"),
                elem_id="gate-near",
            )
        with gr.Row():
            keep = gr.Slider(
                0, 1, value=0, step=1, label=_("Keep the best"), info=_("0 keeps all."), elem_id="gate-keep"
            )
            most = gr.Slider(
                0,
                1,
                value=1,
                step=0.05,
                label=_("Most wrong steps of an author"),
                info=_("Share of the audited steps; 1 lets every author in."),
                elem_id="gate-steps",
            )
        with gr.Row():
            held = gr.Dropdown([(_("none"), "")], value="", label=_("Evaluation set to keep out"), elem_id="gate-held")
            file = gr.File(label=_("Add an evaluation file"), file_types=SUFFIXES, type="filepath", height=140)
        said = layout.html(elem_id="gate-said")
        score = gr.Button(_("Score the rows"), elem_id="gate-score")
        shown = layout.html(elem_id="gate-shown")
    return Controls([rule, near, keep, most, held], score, shown, held, keep, file, said)


def gate_of(rule: Any, near: Any, keep: Any, most: Any, held: Any) -> dict[str, Any]:
    """What the page's inputs ask for, without what is not asked for. Raises ``ValueError`` saying what does not fit."""
    told = {
        "rule": str(rule or ""),
        "near_duplicates": float(near) if near else None,
        "keep": layout.as_int(keep) or None,
        "max_step_error": None if most is None or float(most) >= 1 else round(float(most), 4),
        "held": str(held or ""),
    }
    gate = Gate.of(told)
    return gate.to_json() if gate else {}


def _hash(*options: Any) -> str:
    return hashlib.sha256(repr([sorted(one.items()) for one in options]).encode()).hexdigest()[:16]


def wire(state: AppState, picker: gr.Dropdown, known: Controls, filters_of: Any, filters: list[Any]) -> None:
    """``filters_of`` makes the export's filters from the values of ``filters``."""
    seen = gr.State({})

    def look(project: Any, marks: Any, *values: Any) -> list[Any]:
        """What the newest scores say of the chosen gate; only what changed."""
        project_id = layout.as_int(project)
        if project_id is None:
            return [marks, gr.skip(), gr.skip()]
        try:
            gate = Gate.of(gate_of(*values[:5])) or Gate()
            chosen = filters_of(*values[5:])
        except ValueError:
            return [marks, gr.skip(), gr.skip()]
        with state.db.read() as session:
            html, left = view.scores(session, project_id, gate, chosen)
        marks, parts = layout.changed(marks, scores=html, left=str(left))
        slider = gr.Slider(maximum=max(left, 1)) if isinstance(parts[1], str) else parts[1]
        return [marks, parts[0], slider]

    def show(request: gr.Request, project: Any, marks: Any, *values: Any) -> list[Any]:
        auth.require(request, Role.LEAD)
        return look(project, marks, *values)

    def sets(project: Any, request: gr.Request) -> Any:
        auth.require(request, Role.LEAD)
        with state.db.read() as session:
            return gr.Dropdown(view.held_choices(session, layout.as_int(project)), value="")

    def start(request: gr.Request, project: Any, marks: Any, *values: Any) -> list[Any]:
        from app.worker.jobs import enqueue

        person = auth.require(request, Role.LEAD)
        project_id = layout.as_int(project) or 0
        try:
            told = gate_of(*values[:5])
            chosen = filters_of(*values[5:])
            with state.db.write() as session:
                projects.get(session, project_id)
                tests = {name: value for name, value in told.items() if name not in ("rule", "keep")}
                enqueue(
                    session,
                    "score_rows",
                    {"project_id": project_id, "filters": chosen, "gate": tests},
                    priority=JobPriority.NORMAL,
                    dedupe_key=f"score_rows:{project_id}:{_hash(tests, chosen)}",
                    project_id=project_id,
                    user_id=person.id,
                )
        except (ValueError, LookupError) as problem:
            return [layout.said(layout.sentence(problem), "bad"), marks, gr.skip(), gr.skip()]
        return ["", *look(project, marks, *values)]

    def uploaded(project: Any, path: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.LEAD)
        arrived, project_id = incoming(state, path), layout.as_int(project)
        if arrived is None or project_id is None:
            return [gr.skip(), ""]
        try:
            texts = evaluation_files.held_texts(arrived)
            with state.db.write() as session:
                projects.get(session, project_id)
                sha256 = evaluation_sets.add(session, project_id, arrived.name, texts, user_id=person.id)
                choices = view.held_choices(session, project_id)
        except (ValueError, LookupError) as problem:
            return [gr.skip(), layout.said(layout.sentence(problem), "bad")]
        return [gr.Dropdown(choices, value=sha256), layout.said(_("Rows that it holds will be left out."), "ok")]

    inputs = [picker, seen, *known.inputs, *filters]
    outputs = [seen, known.shown, known.keep]
    picker.change(sets, picker, known.held, **layout.LIGHT).then(show, inputs, outputs, **layout.LIGHT)
    for one in (*known.inputs, *filters):
        one.change(show, inputs, outputs, trigger_mode="always_last", **layout.LIGHT)
    gr.Timer(3.0).tick(show, inputs, outputs, **layout.LIGHT)
    known.score.click(start, inputs, [known.said, *outputs], **layout.LIGHT)
    known.file.upload(uploaded, [picker, known.file], [known.held, known.said], **layout.LIGHT)


def runs(state: AppState, picker: gr.Dropdown) -> None:
    """Training runs and their rule, below the list of exports."""
    shown = layout.html(elem_id="training-runs")
    with gr.Accordion(_("Record a training run"), open=False, elem_id="record-run"):
        with gr.Row():
            export = gr.Dropdown([], label=_("Export it was trained on"), elem_id="run-export")
            loss = gr.Number(label=_("Loss on your evaluation set"), placeholder=_("such as 1.25"), elem_id="run-loss")
            note = gr.Textbox(label=_("Note"), max_lines=1, max_length=500)
        keep = gr.Button(_("Record the run"), elem_id="run-keep")
        said = layout.html(elem_id="run-said")

    def show(project: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        project_id = layout.as_int(project)
        if project_id is None:
            return ["", gr.Dropdown([], value=None)]
        with state.db.read() as session:
            return [view.runs(session, project_id), gr.Dropdown(view.run_choices(session, project_id), value=None)]

    def record(project: Any, export_id: Any, value: Any, words: Any, request: gr.Request) -> str:
        person = auth.require(request, Role.LEAD)
        try:
            with state.db.write() as session:
                row = exports.get(session, layout.as_int(export_id) or 0)
                if row.project_id != layout.as_int(project):
                    raise LookupError("choose an export of this project whose rows were scored")
                training_runs.add(session, row, loss=value, note=str(words or "")[:500], user_id=person.id)
        except LookupError:
            return layout.said(_("Choose an export of this project whose rows were scored."), "bad")
        except (ValueError, TypeError) as problem:
            return layout.said(layout.sentence(problem), "bad")
        return layout.said(_("The run is recorded."), "ok")

    picker.change(show, picker, [shown, export], **layout.LIGHT)
    done = keep.click(record, [picker, export, loss, note], said, **layout.LIGHT)
    done.then(show, picker, [shown, export], **layout.LIGHT)
