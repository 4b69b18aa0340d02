"""Settings of a project: what people read, how answers are made and judged, what the gateway keeps. Queues have their own page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import gradio as gr
from pydantic import ValidationError

from app import auth, choosing
from app.pages import layout, project_gateway
from app.state import AppState
from app.view.languages import N_, _, choices, of_error
from app.view.render import render
from core import error_types
from core.error_types import ErrorType
from core.projects import ProjectSettings
from core.signals.rules import KINDS
from core.types import ItemType, Role
from store import projects

REASKS = [
    (N_("None"), "off"),
    (N_("Ask whether it is sure"), "self_examination"),
    (N_("Ask with the evidence against it"), "self_supervision"),
    (N_("Put names right from past corrections, without the model"), "entity_memory"),
]
HARMONIZERS = [
    (N_("One linear layer"), "lr"),
    (N_("One hidden layer"), "mlp"),
    (N_("A fine-tuned encoder, on a GPU worker"), "encoder"),
]
SCALARIZERS = [
    (N_("Plain sum"), "linear"),
    (N_("Square of the sum"), "square"),
    (N_("2-norm"), "2-norm"),
    (N_("Largest"), "max"),
]
PROTOCOLS = [
    (N_("The first wrong step; later ones are masked"), "first_error"),
    (N_("Each step: wrong, neutral or right"), "per_step"),
    (N_("By halving: is it fine up to here?"), "bisect"),
]
DISTILLERS = [(N_("Rules of language"), "deterministic"), (N_("Those and the project's model"), "model")]
PARAPHRASES = [(N_("Rules of language"), "rules"), (N_("Those and the project's model"), "model")]
SPLITTERS = [
    (N_("auto"), "auto"),
    (N_("numbered"), "numbered"),
    (N_("lines"), "lines"),
    (N_("sentences"), "sentences"),
]
VALUE_ERROR = "Value error, "  # before a message of ours, as pydantic has it
PROJECT = ("name", "guidelines", "licence", "labels")
GENERATOR = ("max_new_tokens", "temperature", "samples", "sample_temperature")
JUDGING = ("signals", "critics", "risk", "harmonizer", "scalarizer", "risk_threshold", "only_risky", "reask")
LESSONS = (
    "lesson_tokens",
    "lesson_floor",
    "lessons_per_slot",
    "trial_size",
    "distiller",
    "splitter",
    "paraphrases",
)
REVIEWING = ("step_protocol", "blind_share")
NAMES = (*PROJECT, *GENERATOR, "jobs_at_once", *JUDGING, *LESSONS, *REVIEWING, "error_types", *project_gateway.NAMES)


def build(state: AppState, picker: gr.Dropdown) -> None:
    controls = _controls()
    said = layout.html(elem_id="settings-said")
    save = gr.Button(_("Save the settings"), variant="primary", elem_id="settings-save")
    fields = [controls[name] for name in NAMES]

    def show(project: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        project_id = layout.as_int(project)
        if project_id is None:
            return [*[gr.skip()] * len(fields), ""]
        with state.db.read() as session:
            return [*_values(session, project_id), ""]

    def keep(project: Any, request: gr.Request, *values: Any) -> str:
        person = auth.require(request, Role.LEAD)
        try:
            with state.db.write() as session:
                _save(session, layout.as_int(project) or 0, dict(zip(NAMES, values, strict=True)), person.id)
        except ValidationError as problem:
            first = problem.errors()[0]
            return layout.said(f"{'.'.join(map(str, first['loc']))}: {_wrong(first['msg'])}.", "bad")
        except (ValueError, LookupError, TypeError) as problem:
            return layout.said(layout.sentence(problem), "bad")
        return layout.said(_("Saved. New answers and judgements follow it."), "ok")

    picker.change(show, picker, [*fields, said], **layout.LIGHT)
    save.click(keep, [picker, *fields], said, **layout.LIGHT)


def _controls() -> dict[str, Any]:
    """One control per setting, in groups; their order on the page is that of ``NAMES``."""
    from core import critics, risk, signals

    made: dict[str, Any] = {}
    with gr.Accordion(_("What people read"), open=True):
        made["name"] = gr.Textbox(label=_("Name"), max_length=200, max_lines=1)
        made["guidelines"] = gr.Textbox(label=_("Guidelines"), lines=5, max_lines=30, max_length=50_000)
        made["licence"] = gr.Textbox(label=_("Licence of the data"), max_length=200, max_lines=1)
        made["labels"] = gr.Textbox(label=_("Labels, one per line"), lines=3, visible=False)
    with gr.Accordion(_("How answers are made"), open=False), gr.Row():
        made["max_new_tokens"] = gr.Number(label=_("Longest answer, in tokens"), precision=0, minimum=1, maximum=4096)
        made["temperature"] = gr.Number(
            label=_("Temperature"), info=_("0 takes the likeliest token."), minimum=0, maximum=2
        )
        made["samples"] = gr.Number(
            label=_("Further answers"),
            info=_("Drawn to see whether they agree; 0: none."),
            precision=0,
            minimum=0,
            maximum=16,
        )
        made["sample_temperature"] = gr.Number(label=_("Temperature of those"), minimum=0, maximum=2)
        made["jobs_at_once"] = gr.Number(
            label=_("Jobs at once"),
            info=_("Of this project, in all workers together; 0: no limit."),
            precision=0,
            minimum=0,
            maximum=1000,
        )
    with gr.Accordion(_("How answers are judged"), open=False):
        made["signals"] = gr.CheckboxGroup(
            [name for name in signals.REGISTRY.names() if name not in KINDS], label=_("Signals that vote")
        )
        made["critics"] = gr.CheckboxGroup(critics.REGISTRY.names(), label=_("Critics of steps"))
        with gr.Row():
            made["risk"] = gr.Dropdown(risk.REGISTRY.names(), label=_("Risk from votes"))
            made["harmonizer"] = gr.Dropdown(choices(HARMONIZERS), label=_("What POLAR fits to the votes"))
            made["scalarizer"] = gr.Dropdown(choices(SCALARIZERS), label=_("How its losses become one"))
        with gr.Row():
            made["risk_threshold"] = gr.Slider(0, 1, step=0.01, label=_("An answer counts as risky from"))
            made["only_risky"] = gr.Checkbox(
                label=_("Only risky answers go to people"),
                info=_("Others wait, and come back when this is switched off. Needs calibrated risk; see Calibration."),
            )
            made["reask"] = gr.Dropdown(choices(REASKS), label=_("Second try of new risky answers"))
    with gr.Accordion(_("How lessons are used"), open=False), gr.Row():
        made["lesson_tokens"] = gr.Number(
            label=_("Room for lessons, in tokens"),
            info=_("0: none go into prompts."),
            precision=0,
            minimum=0,
            maximum=8000,
        )
        made["lesson_floor"] = gr.Slider(-1, 1, step=0.05, label=_("Least similarity of a lesson"))
        made["lessons_per_slot"] = gr.Number(label=_("Lessons per slot"), precision=0, minimum=0, maximum=20)
        made["trial_size"] = gr.Number(
            label=_("Items tried with and without lessons (0: none)"), precision=0, minimum=0, maximum=10_000
        )
        made["distiller"] = gr.Dropdown(choices(DISTILLERS), label=_("Lessons are distilled by"))
        made["paraphrases"] = gr.Dropdown(choices(PARAPHRASES), label=_("Edit suites are reworded by"))
        made["splitter"] = gr.Dropdown(choices(SPLITTERS), label=_("Steps are told apart by"))
    with gr.Accordion(_("How people review"), open=False):
        with gr.Row():
            made["step_protocol"] = gr.Dropdown(
                choices(PROTOCOLS),
                label=_("Steps are reviewed by"),
                info=_("What the page starts with; a reviewer may switch."),
            )
            made["blind_share"] = gr.Number(
                label=_("Share reviewed blind"),
                info=_("0 to 1. There signals and critics are hidden, so that their influence on people is known."),
                minimum=0,
                maximum=1,
                step=0.01,
            )
        made["error_types"] = gr.Textbox(
            label=_("Kinds of errors of this project, one per line"),
            info=_("Beside the built-in ones. Each line: {line}. The key stays when the title changes.").format(
                line=error_types.LINE
            ),
            placeholder=_("wrong_tone | Wrong tone | The step is rude to the reader."),
            lines=3,
            max_lines=20,
            max_length=30_000,
        )
    layout.html(render("projects/queues_link.html"))
    return {**made, **project_gateway.controls()}


def _values(session: Any, project_id: int) -> list[Any]:
    project = projects.get(session, project_id)
    known = ProjectSettings.model_validate(project.settings).model_dump()
    labels = gr.update(value="\n".join(project.labels), visible=project.item_type == ItemType.LABEL)
    return [
        project.name,
        project.guidelines,
        project.licence,
        labels,
        *(known["generator"][name] for name in GENERATOR),
        known["jobs_at_once"] or 0,
        *(known[name] for name in (*JUDGING, *LESSONS, *REVIEWING)),
        error_types.lines([ErrorType(**kind) for kind in known["error_types"]]),
        *project_gateway.shown(known["gateway"]),
    ]


def _save(session: Any, project_id: int, values: dict[str, Any], user_id: int) -> None:
    """Validate and keep everything at once, or nothing. Raises ``ValueError``."""
    project = projects.get(session, project_id)
    chosen = {name: values[name] for name in (*JUDGING, *LESSONS, *REVIEWING)}
    chosen["error_types"] = [asdict(kind) for kind in error_types.parse(str(values["error_types"] or ""))]
    chosen["generator"] = {name: values[name] for name in GENERATOR}
    chosen["jobs_at_once"] = values["jobs_at_once"] or None
    chosen["gateway"] = {**project.settings.get("gateway", {}), **project_gateway.chosen(values)}
    changes: dict[str, Any] = {
        "name": _text(values["name"], "Give the project a name"),
        "guidelines": str(values["guidelines"] or ""),
        "licence": str(values["licence"] or ""),
        "settings": ProjectSettings.model_validate({**project.settings, **chosen}).model_dump(),
    }
    if project.item_type == ItemType.LABEL:
        changes["labels"] = [line.strip() for line in str(values["labels"] or "").splitlines() if line.strip()]
    choosing.change_project(session, project_id, user_id, **changes)


def _wrong(message: str) -> str:
    """What pydantic says of a value, which may hold a message of ours."""
    ours = message.removeprefix(VALUE_ERROR)
    if ours == message:
        return of_error(message)
    return _("Value error, {why}").format(why=of_error(ours).removesuffix("."))


def _text(value: Any, otherwise: str) -> str:
    text = str(value or "").strip()
    if not text:
        raise ValueError(otherwise)
    return text
