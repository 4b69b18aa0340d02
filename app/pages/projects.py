"""Projects: create one, fill it with items, have them answered, write rules, and change its settings."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr

from app import auth
from app.pages import layout, project_import, project_items, project_members, project_rules, project_settings
from app.state import AppState
from app.view.languages import N_, _, choices
from core.types import ItemType, Role
from store import projects

TYPES = [
    (N_("Reasoning: an answer in steps"), ItemType.REASONING.value),
    (N_("Label: one of a fixed set"), ItemType.LABEL.value),
    (N_("Text: a free text"), ItemType.TEXT.value),
    (N_("Transcript: speech with its N best hypotheses"), ItemType.ASR_TRANSCRIPT.value),
]


def build(state: AppState) -> None:
    picker = layout.head(_("Projects"), _("What is answered and judged, and by which rules."))
    with gr.Tabs() as tabs:
        for title, name, module in (
            (N_("Items"), "items", project_items),
            (N_("Import"), "import", project_import),
            (N_("Rules"), "rules", project_rules),
            (N_("Settings"), "settings", project_settings),
            (N_("Members"), "members", project_members),
        ):
            with gr.Tab(_(title), id=name):
                module.build(state, picker)
        with gr.Tab(_("New project"), id="new"):
            _new(state, picker, tabs)

    def opened(request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        with state.db.read() as session:
            choice, project_id = layout.pick(session, request)
        # A tab that somebody has already chosen stays: only a site without projects is sent to the form for one.
        return [choice, gr.skip() if project_id else gr.Tabs(selected="new")]

    layout.on_load(opened, None, [picker, tabs])


def _new(state: AppState, picker: gr.Dropdown, tabs: gr.Tabs) -> None:
    with gr.Column(elem_classes="form-column"):
        name = gr.Textbox(label=_("Name"), max_length=200, max_lines=1, elem_id="new-name")
        kind = gr.Radio(choices(TYPES), value=ItemType.REASONING.value, label=_("Kind of items"), elem_id="new-type")
        labels = gr.Textbox(label=_("Labels, one per line"), lines=3, visible=False, elem_id="new-labels")
        guidelines = gr.Textbox(
            label=_("Guidelines for people and the model"), lines=6, max_length=50_000, elem_id="new-guidelines"
        )
        licence = gr.Textbox(
            label=_("Licence of the data"), info=_("Written into every export."), max_length=200, max_lines=1
        )
        said = layout.html(elem_id="new-said")
        create = gr.Button(_("Create the project"), variant="primary", elem_id="new-create")

    def create_project(
        name: Any, kind: Any, labels: Any, guidelines: Any, licence: Any, request: gr.Request
    ) -> list[Any]:
        person = auth.require(request, Role.ADMIN)
        if not str(name or "").strip():
            return [gr.skip(), gr.skip(), layout.said(_("Give the project a name."), "bad")]
        try:
            with state.db.write() as session:
                made = projects.create(
                    session,
                    slug=_free_slug(session, str(name)),
                    name=str(name).strip(),
                    item_type=str(kind),
                    labels=[line.strip() for line in str(labels or "").splitlines() if line.strip()],
                    guidelines=str(guidelines or ""),
                    licence=str(licence or ""),
                    user_id=person.id,
                )
                known = [(project.name, project.id) for project in projects.list_all(session)]
        except ValueError as problem:
            return [gr.skip(), gr.skip(), layout.said(layout.sentence(problem), "bad")]
        choice = gr.Dropdown(known, value=made.id, visible=True)
        return [
            choice,
            gr.Tabs(selected="import"),
            layout.said(_("{name} is created. Import its items.").format(name=made.name), "ok"),
        ]

    def show_labels(kind: Any, request: gr.Request) -> Any:
        auth.require(request, Role.LEAD)
        return gr.update(visible=kind == ItemType.LABEL)

    kind.change(show_labels, kind, labels, **layout.LIGHT)
    create.click(create_project, [name, kind, labels, guidelines, licence], [picker, tabs, said], **layout.LIGHT)


def _free_slug(session: Any, name: str) -> str:
    """An address made from the name; a number is added when it is taken."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "project"
    slug, number = base, 2
    while projects.by_slug(session, slug) is not None:
        slug, number = f"{base}-{number}", number + 1
    return slug
