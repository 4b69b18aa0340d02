"""What goes to experts too, as a form: by risk, by disagreement of critics or people, by contradiction, by a search in vain."""

from __future__ import annotations

from typing import Any

import gradio as gr
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app import auth
from app.pages import layout
from app.state import AppState
from app.view.languages import N_, _, choices
from core.projects import ProjectSettings
from core.types import Role
from store import projects

PEOPLE = [
    (N_("Stay with what was said"), "off"),
    (N_("Go to the experts"), "experts"),
    (N_("Are adjudicated, with the reviews side by side"), "adjudication"),
]
OTHERS = [(N_("Go the usual way"), "off"), (N_("Go to the experts too"), "experts")]
NAMES = ("disagreements", "contradictions", "disputes", "unsure", "expert_risk")


def build(state: AppState, picker: gr.Dropdown, said: gr.HTML) -> list[Any]:
    """Add the form to the open Blocks; returns its controls in the order of ``values``."""
    with gr.Accordion(_("What goes to experts"), open=False, elem_id="queue-routing"):
        with gr.Row():
            people = gr.Dropdown(choices(PEOPLE), label=_("Answers that people judge differently"))
            against = gr.Dropdown(choices(OTHERS), label=_("Verdicts that a calibrated risk of 90 % contradicts"))
        with gr.Row():
            critics = gr.Dropdown(choices(OTHERS), label=_("Answers on which critics disagree"))
            search = gr.Dropdown(choices(OTHERS), label=_("Answers for which no search found enough"))
            risk = gr.Number(
                label=_("Answers from this risk on, in percent"),
                info=_("0: none. Counts once risk is calibrated."),
                minimum=0,
                maximum=100,
            )
        save = gr.Button(_("Save what goes to experts"), variant="primary", elem_id="routing-save")
    fields = [people, against, critics, search, risk]

    def keep_routes(project: Any, request: gr.Request, *given: Any) -> str:
        person = auth.require(request, Role.LEAD)
        try:
            with state.db.write() as session:
                keep(session, layout.as_int(project) or 0, dict(zip(NAMES, given, strict=True)), person.id)
        except ValidationError as problem:
            return layout.said(f"{problem.errors()[0]['loc'][0]}: {problem.errors()[0]['msg']}.", "bad")
        except (ValueError, LookupError, TypeError) as problem:
            return layout.said(layout.sentence(problem), "bad")
        return layout.said(_("Saved. It counts for what is judged and reviewed from now on."), "ok")

    save.click(keep_routes, [picker, *fields], said, **layout.LIGHT)
    return fields


def values(session: Session, project_id: int | None) -> list[Any]:
    """What each control shows, in the order of ``NAMES``."""
    if project_id is None:
        return [gr.skip()] * len(NAMES)
    known = ProjectSettings.model_validate(projects.get(session, project_id).settings)
    return [known.disagreements, known.contradictions, known.disputes, known.unsure, 100 * (known.expert_risk or 0)]


def keep(session: Session, project_id: int, given: dict[str, Any], user_id: int) -> None:
    """Raises ``ValueError`` on a value that cannot be."""
    risk = float(given["expert_risk"] or 0) / 100
    chosen = {**given, "expert_risk": risk or None}
    settings = ProjectSettings.model_validate({**projects.get(session, project_id).settings, **chosen})
    projects.update(session, project_id, user_id=user_id, settings=settings.model_dump())
