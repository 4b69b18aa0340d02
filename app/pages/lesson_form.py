"""The part of the lessons page that shows one lesson and changes it: accept, edit, reject, take back."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import auth, lesson_changes
from app.pages import layout
from app.state import AppState
from app.view import lessons as view
from app.view.languages import _
from app.view.render import render
from core.types import LessonStatus, Role
from store import lessons
from store.tables import Lesson


def controls() -> dict[str, Any]:
    """The controls that change the chosen lesson; shown to experts, for the statuses where each makes sense."""
    with gr.Column(visible=False, elem_id="lesson-form", elem_classes="form-column") as group:
        text = gr.Textbox(label=_("Lesson, as the model reads it"), lines=3, max_lines=12, max_length=8000)
        applicability = gr.Textbox(label=_("Applies when"), lines=2, max_lines=6, max_length=2000)
        why = gr.Textbox(label=_("Why (for a new revision or a rejection)"), max_lines=2, max_length=1000)
        with gr.Row():
            accept = gr.Button(_("Accept"), variant="primary", elem_id="lesson-accept", min_width=110)
            save = gr.Button(_("Save as new revision"), elem_id="lesson-save", min_width=170)
            reject = gr.Button(_("Reject"), elem_id="lesson-reject", min_width=110)
    with gr.Accordion(_("Take this lesson back"), open=False, visible=False, elem_id="lesson-retract-box") as box:
        layout.html(render("lessons/retract_note.html"))
        retract_why = gr.Textbox(label=_("Why is it withdrawn?"), max_lines=3, max_length=1000)
        retract = gr.Button(_("Take it back"), variant="stop", elem_id="lesson-retract")
    return {
        "group": group,
        "text": text,
        "applicability": applicability,
        "why": why,
        "accept": accept,
        "save": save,
        "reject": reject,
        "box": box,
        "retract_why": retract_why,
        "retract": retract,
    }


def show(
    session: Any, lesson_id: int | None, person: auth.Person, said: str = "", failed: str = ""
) -> tuple[list[Any], int | None]:
    """Values for the detail and each control of the form, and the lesson that is shown."""
    try:
        lesson = lessons.get(session, lesson_id or 0)
    except LookupError:
        hidden = gr.update(visible=False)
        return [nothing_chosen(), hidden, *[gr.skip()] * 6, hidden, gr.skip(), gr.skip()], None
    may, proposed = person.may(Role.EXPERT, lesson.project_id), lesson.status == LessonStatus.PROPOSED
    return [
        view.detail(session, lesson, said, failed, may=may),
        gr.update(visible=may and lesson.status in view.EDITABLE),
        lesson.text if not failed else gr.skip(),
        lesson.applicability if not failed else gr.skip(),
        "" if not failed else gr.skip(),
        gr.update(visible=proposed or lesson.status == LessonStatus.SUSPENDED),
        gr.skip(),
        gr.update(visible=proposed),
        gr.update(visible=may and lesson.status != LessonStatus.RETRACTED),
        "" if not failed else gr.skip(),
        gr.skip(),
    ], lesson.id


def action(state: AppState, name: str) -> Any:
    """The handler of one button of the form; returns what ``show`` gives."""

    def act(
        lesson_id: Any, text: Any, applicability: Any, why: Any, retract_why: Any, request: gr.Request
    ) -> list[Any]:
        person = auth.require(request, Role.EXPERT)
        number, said, failed = layout.as_int(lesson_id) or 0, "", ""
        try:
            with state.db.write() as session:
                lesson = lessons.get(session, number)
                said = _do(
                    session, name, lesson, person, str(text), str(applicability), str(why or ""), str(retract_why or "")
                )
        except (ValueError, LookupError) as problem:
            failed = layout.sentence(problem)
        with state.db.read() as session:
            return show(session, number, person, said, failed)[0]

    return act


def _do(
    session: Any,
    name: str,
    lesson: Lesson,
    person: auth.Person,
    text: str,
    applicability: str,
    why: str,
    retract_why: str,
) -> str:
    if name == "accept":
        lesson_changes.accept(session, lesson.id, person.id, text=text, applicability=applicability)
        return _("Accepted. It is used in prompts as soon as the worker has embedded it.")
    if name == "save":
        before = lesson.revision
        after = lesson_changes.edit(session, lesson.id, person.id, text=text, applicability=applicability, why=why)
        return _("Saved as a new revision.") if after.revision != before else _("Nothing was changed.")
    if name == "reject":
        lessons.reject(session, lesson.id, person.id, why)
        return _("Rejected. It stays in the list and is never used.")
    return lesson_changes.retract(session, lesson.id, person.id, retract_why).says()


def nothing_chosen() -> str:
    return render("lessons/nothing.html")
