"""Import into a project: a file, its first rows, which column holds what, and what became of every row.

A file of exported rows is known when it is seen and comes back with its reviews and corrections.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from app import auth, uploads
from app.pages import layout
from app.state import AppState
from app.view import projects as view
from app.view.languages import N_, _
from core.exporters.reading import recognised
from core.importing import guess_mapping
from core.types import Role

ROLES = {
    "prompt": N_("Prompt (needed)"),
    "context": N_("Context"),
    "reference": N_("Reference answer"),
    "external_id": N_("Id"),
    "answer": N_("Existing answer"),
    "model": N_("Model of that answer"),
    "label": N_("Label of that answer"),
    "images": N_("Images (data URI, base64 or bytes)"),
}
FOLDER = ".zip"  # an exported data set
SUFFIXES = [".jsonl", ".json", ".csv", ".tsv", ".parquet", FOLDER]
NONE = N_("– none –")


def build(state: AppState, picker: gr.Dropdown) -> None:
    seen = gr.State({})
    file = gr.File(
        label=_("JSONL, CSV or Parquet, or an export"),
        file_types=SUFFIXES,
        type="filepath",
        height=140,
        elem_id="import-file",
    )
    with gr.Column(visible=False, elem_id="import-export") as exported:
        about = layout.html(elem_id="import-export-about")
        bring = gr.Button(_("Bring everything back"), variant="primary", elem_id="import-bring-back")
    preview = layout.html(elem_id="import-preview")
    with gr.Column(visible=False, elem_id="import-mapping") as mapping:
        with gr.Row():
            roles = {role: gr.Dropdown([], label=_(label), min_width=160) for role, label in ROLES.items()}
        meta = gr.Dropdown([], label=_("Kept beside the item"), multiselect=True, elem_id="import-meta")
        start = gr.Button(_("Import"), variant="primary", elem_id="import-start")
    said = layout.html(elem_id="import-said")
    history = layout.html(elem_id="imports")
    columns = [*roles.values(), meta]

    def uploaded(path: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        known = incoming(state, path)
        if known is None:
            return [gr.update(visible=False), "", "", gr.update(visible=False), *[gr.skip()] * len(columns), ""]
        format = recognised(known)
        told = view.export_found(format) if format else ""
        if known.suffix.lower() == FOLDER:
            said = "" if format else layout.said(_("This zip file holds no exported data set."), "bad")
            return [
                gr.update(visible=bool(format)),
                told,
                "",
                gr.update(visible=False),
                *[gr.skip()] * len(columns),
                said,
            ]
        shown, names = view.file_preview(known)
        return [gr.update(visible=bool(format)), told, shown, gr.update(visible=bool(names)), *_choices(names), ""]

    def bring_back(project: Any, path: Any, request: gr.Request) -> str:
        person = auth.require(request, Role.ADMIN)
        known = incoming(state, path)
        format = recognised(known) if known else None
        if known is not None and format is None:
            return layout.said(_("This file shows no format of an export."), "bad")
        return _start(state, person, layout.as_int(project), known, {}, format)

    def import_file(
        project: Any,
        path: Any,
        prompt: Any,
        context: Any,
        reference: Any,
        external_id: Any,
        answer: Any,
        model: Any,
        label: Any,
        images: Any,
        kept: Any,
        request: gr.Request,
    ) -> str:
        person = auth.require(request, Role.LEAD)
        values = (prompt, context, reference, external_id, answer, model, label, images)
        names = {role: str(value) for role, value in zip(ROLES, values, strict=True) if value and value != NONE}
        meta = [str(name) for name in kept if name not in names.values()] if isinstance(kept, list) else []
        return _start(state, person, layout.as_int(project), incoming(state, path), {**names, "meta": meta})

    def show(project: Any, known: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        project_id = layout.as_int(project)
        with state.db.read() as session:
            html = view.imports(session, project_id) if project_id else ""
        marks, parts = layout.changed(known, imports=html)
        return [marks, *parts]

    file.change(uploaded, file, [exported, about, preview, mapping, *columns, said], **layout.LIGHT)
    brought = bring.click(bring_back, [picker, file], said, **layout.LIGHT)
    brought.then(show, [picker, seen], [seen, history], **layout.LIGHT)
    done = start.click(import_file, [picker, file, *columns], said, **layout.LIGHT)
    done.then(show, [picker, seen], [seen, history], **layout.LIGHT)
    picker.change(show, [picker, seen], [seen, history], **layout.LIGHT)
    gr.Timer(3.0).tick(show, [picker, seen], [seen, history], **layout.LIGHT)


def _choices(names: list[str]) -> list[Any]:
    """Every dropdown with the file's columns, standing on the guess."""
    guess = guess_mapping(names)
    options = [(_(NONE), NONE), *((name, name) for name in names)]
    chosen = [gr.Dropdown(options, value=(getattr(guess, role) if guess else None) or NONE) for role in ROLES]
    return [*chosen, gr.Dropdown(names, value=list(guess.meta) if guess else [])]


def incoming(state: AppState, path: Any) -> Path | None:
    """The uploaded file, if it lies where uploads arrive: the path comes from the browser."""
    if not path:
        return None
    folder = (state.settings.uploads_dir / "incoming").resolve()
    known = Path(str(path)).resolve()
    return known if known.is_relative_to(folder) and known.is_file() else None


def _start(
    state: AppState,
    person: auth.Person,
    project_id: int | None,
    path: Path | None,
    mapping: dict[str, Any],
    export: str | None = None,
) -> str:
    """Keep a copy of the file and queue its import, of items or of exported rows of a format; returns what to say."""
    if project_id is None or path is None:
        return layout.said(_("Choose a project and a file first."), "bad")
    if export is None and "prompt" not in mapping:
        return layout.said(_("Choose the column that holds the prompt."), "bad")
    kept = uploads.keep(state.settings, path, path.suffix)
    with state.db.write() as session:
        uploads.import_items(session, project_id, kept, mapping, person.id, export)
    return layout.said(_("The file is queued. What became of each row appears below."), "ok")
