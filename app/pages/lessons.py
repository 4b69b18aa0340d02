"""Lessons: decide on proposed ones, look for others by words or by meaning, see where each came from, edit, take back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from app import auth, lesson_changes
from app.pages import layout
from app.state import AppState
from app.view import lessons as view
from app.view.render import render
from core.types import LessonKind, LessonStatus, Role
from store import lessons
from store.tables import Lesson

NO_WORKER = (
    "Search by meaning needs a worker. Start one (corrigenda worker), or search by words; this list is by words."
)


def build(state: AppState) -> None:
    hint = "What people taught the model. Only active lessons are put into prompts."
    picker = layout.head("Lessons", hint)
    *filters, how = _filters()
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=320):
            listing = layout.html(elem_id="lessons-list", actions=True)
        with gr.Column(scale=1, min_width=320):
            detail = layout.html(_nothing_chosen(), elem_id="lesson-detail")
            form = _form()
    chosen, limit = gr.State(None), gr.State(view.PAGE)
    shown = [detail, *form.values()]
    wanted = [chosen, how, picker, *filters, limit]

    def opened(request: gr.Request) -> list[Any]:
        person = auth.require(request)
        with state.db.read() as session:
            choice, project_id = layout.pick(session, request)
            asked = layout.as_int(request.query_params.get("lesson"))
            parts, lesson_id = _show(session, asked, person)
            rows = view.listing(session, view.Wanted(project_id), lesson_id) if project_id else ""
        return [choice, rows, lesson_id, *parts]

    def refresh(selected: Any, how: Any, request: gr.Request, *filters: Any) -> str:
        auth.require(request)
        return _list(state, _wanted(*filters), how, layout.as_int(selected))

    def pressed(selected: Any, how: Any, request: gr.Request, event: gr.EventData, *filters: Any) -> list[Any]:
        person = auth.require(request)
        data = layout.data_of(event)
        lesson_id, parts = layout.as_int(selected), [gr.skip()] * len(shown)
        if data.get("action") == "more":
            filters = (*filters[:-1], data.get("limit"))
        elif data.get("action") == "select":
            with state.db.read() as session:
                parts, lesson_id = _show(session, layout.as_int(data.get("lesson")), person)
        want = _wanted(*filters)
        return [want.limit if want else view.PAGE, _list(state, want, how, lesson_id), lesson_id, *parts]

    layout.on_load(opened, None, [picker, listing, chosen, *shown])
    # One event for all of them: leaving the search box by a click on a filter asks twice, and the later answer must be the one shown.
    changed = [
        filters[2].submit,
        filters[2].blur,
        *(control.input for control in (picker, filters[0], filters[1], how)),
    ]
    gr.on(changed, refresh, wanted, listing, trigger_mode="always_last", **layout.LIGHT)
    listing.click(pressed, wanted, [limit, listing, chosen, *shown], **layout.LIGHT)
    for name in ("accept", "save", "reject", "retract"):
        act = _action(state, name)
        inputs = [chosen, form["text"], form["applicability"], form["why"], form["retract_why"]]
        done = form[name].click(act, inputs, shown, **layout.LIGHT)
        done.then(refresh, wanted, listing, **layout.LIGHT)


def _filters() -> list[Any]:
    with gr.Row(elem_classes="filters"):
        status = gr.Dropdown(
            [("All", ""), *((status.value, status.value) for status in LessonStatus)],
            value="",
            label="Status",
            min_width=140,
        )
        kind = gr.Dropdown(
            [("All", ""), *((kind.value.replace("_", " "), kind.value) for kind in LessonKind)],
            value="",
            label="Kind",
            min_width=140,
        )
        text = gr.Textbox(label="Search", placeholder="Words, then Enter", max_lines=1, scale=2, min_width=200)
        how = gr.Radio([("words", "words"), ("meaning", "meaning")], value="words", label="Search by", min_width=180)
    return [status, kind, text, how]


def _form() -> dict[str, Any]:
    """The controls that change the chosen lesson; shown to experts, for the statuses where each makes sense."""
    with gr.Column(visible=False, elem_id="lesson-form", elem_classes="form-column") as group:
        text = gr.Textbox(label="Lesson, as the model reads it", lines=3, max_lines=12, max_length=8000)
        applicability = gr.Textbox(label="Applies when", lines=2, max_lines=6, max_length=2000)
        why = gr.Textbox(label="Why (for a new revision or a rejection)", max_lines=2, max_length=1000)
        with gr.Row():
            accept = gr.Button("Accept", variant="primary", elem_id="lesson-accept", min_width=110)
            save = gr.Button("Save as new revision", elem_id="lesson-save", min_width=170)
            reject = gr.Button("Reject", elem_id="lesson-reject", min_width=110)
    with gr.Accordion("Take this lesson back", open=False, visible=False, elem_id="lesson-retract-box") as box:
        layout.html(render("lessons/retract_note.html"))
        retract_why = gr.Textbox(label="Why is it withdrawn?", max_lines=3, max_length=1000)
        retract = gr.Button("Take it back", variant="stop", elem_id="lesson-retract")
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


def _show(
    session: Any, lesson_id: int | None, person: auth.Person, said: str = "", failed: str = ""
) -> tuple[list[Any], int | None]:
    """Values for the detail and each control of the form, and the lesson that is shown."""
    try:
        lesson = lessons.get(session, lesson_id or 0)
    except LookupError:
        hidden = gr.update(visible=False)
        return [_nothing_chosen(), hidden, *[gr.skip()] * 6, hidden, gr.skip(), gr.skip()], None
    may, proposed = person.may(Role.EXPERT), lesson.status == LessonStatus.PROPOSED
    return [
        view.detail(session, lesson, said, failed),
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


def _wanted(project: Any, status: Any, kind: Any, text: Any, size: Any) -> view.Wanted | None:
    project_id = layout.as_int(project)
    return view.wanted(project_id, status, kind, text, layout.as_int(size) or view.PAGE) if project_id else None


def _list(state: AppState, want: view.Wanted | None, how: Any, selected: int | None) -> str:
    if want is None:
        return ""
    said = ""
    if how == "meaning" and want.text:
        found = _by_meaning(state, want)
        said = "" if found is not None else NO_WORKER
        want = replace(want, meaning=found)
    with state.db.read() as session:
        return view.listing(session, want, selected, said)


def _by_meaning(state: AppState, want: view.Wanted) -> list[int] | None:
    from app.worker import client

    scopes = [kind.value for kind in LessonKind]
    found = client.search(state.db, state.settings, want.project_id, scopes, want.text or "", 20)
    return None if found is None else [hit.owner_id for hit in found]


def _action(state: AppState, name: str) -> Any:
    """The handler of one button of the form; returns what ``_show`` gives."""

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
            return _show(session, number, person, said, failed)[0]

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
        return "Accepted. It is used in prompts as soon as the worker has embedded it."
    if name == "save":
        before = lesson.revision
        after = lesson_changes.edit(session, lesson.id, person.id, text=text, applicability=applicability, why=why)
        return "Saved as a new revision." if after.revision != before else "Nothing was changed."
    if name == "reject":
        lessons.reject(session, lesson.id, person.id, why)
        return "Rejected. It stays in the list and is never used."
    return lesson_changes.retract(session, lesson.id, person.id, retract_why).says()


def _nothing_chosen() -> str:
    return render("lessons/nothing.html")
