"""Below the list of lessons: whether they help as a whole, what came of looking them up, and the gates, with a way back."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import auth, choosing
from app.pages import layout
from app.state import AppState
from app.view import lesson_effect
from app.view import lesson_gates as view
from app.view.languages import N_, _
from app.view.lookups import use_and_effect
from core.types import Role

ONLY_ADMINS = N_("Only an admin can change which gate is in force.")


def build(state: AppState, picker: gr.Dropdown) -> None:
    said = layout.html(elem_id="lesson-gates-said")
    memory = layout.html(elem_id="lesson-memory")
    effect = layout.html(elem_id="lesson-use")
    shown = layout.html(elem_id="lesson-gates", actions=True)

    def opened(request: gr.Request) -> list[str]:
        person = auth.require(request)
        with state.db.read() as session:
            return parts(session, layout.pick(session, request)[1], person)

    def again(project: Any, request: gr.Request) -> list[str]:
        person = auth.require(request)
        with state.db.read() as session:
            return parts(session, layout.as_int(project), person)

    def pressed(project: Any, event: gr.EventData, request: gr.Request) -> str:
        person = auth.require(request)
        if not person.may(Role.LEAD, layout.as_int(project)):
            return layout.said(_(ONLY_ADMINS), "bad")
        try:
            with state.db.write() as session:
                use(session, layout.as_int(project) or 0, layout.data_of(event), person.id)
        except LookupError as problem:
            return layout.said(layout.sentence(problem), "bad")
        return layout.said(_("In force. The next look-up goes through it."), "ok")

    layout.on_load(opened, None, [memory, effect, shown])
    picker.input(again, picker, [memory, effect, shown], **layout.LAST)
    shown.click(pressed, picker, said, **layout.LIGHT).then(again, picker, [memory, effect, shown], **layout.LIGHT)


def parts(session: Any, project_id: int | None, person: auth.Person) -> list[str]:
    """Whether the memory helps, use and effect, and the gates."""
    return [
        lesson_effect.memory(session, project_id) if project_id is not None else "",
        use_and_effect(session, project_id),
        view.gates(session, project_id, admin=person.may(Role.LEAD, project_id)),
    ]


def use(session: Any, project_id: int, data: dict[str, str], user_id: int) -> None:
    """Put a version of a gate in force, by its id; empty for the one that comes with the product. Raises ``LookupError``."""
    gate, version = data.get("gate", ""), data.get("version", "?")
    model_id = layout.as_int(version) if version else None
    if version and model_id is None:
        raise LookupError("there is no such version")
    choosing.use_gate(session, project_id, gate, model_id, user_id)
