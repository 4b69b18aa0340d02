"""Lessons: decide on proposed ones, find others by facets, words, meaning or on the map, and see where each came from and went."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import auth
from app.pages import (
    layout,
    lesson_exchange,
    lesson_form,
    lesson_gates,
    lesson_joining,
    lesson_list,
    lesson_pressing,
)
from app.state import AppState

HINT = "What people taught the model. Only active lessons are put into prompts."


def build(state: AppState) -> None:
    picker = layout.head("Lessons", HINT)
    with gr.Row(elem_classes="filters"):
        text = gr.Textbox(label="Search", placeholder="Words, then Enter", max_lines=1, scale=2, min_width=200)
        how = gr.Radio([("words", "words"), ("meaning", "meaning")], value="words", label="Search by", min_width=180)
        mapped = gr.Checkbox(label="Show the map", elem_id="show-map", min_width=140)
    facets = layout.html(elem_id="lesson-facets", actions=True)
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=320):
            drawn = layout.html(elem_id="lesson-map", actions=True)
            listing = layout.html(elem_id="lessons-list", actions=True)
        with gr.Column(scale=1, min_width=320):
            joining = lesson_joining.controls()
            detail = layout.html(lesson_form.nothing_chosen(), elem_id="lesson-detail", actions=True)
            form = lesson_form.controls()
            exchange = lesson_exchange.build(state, picker)
    lesson_gates.build(state, picker)
    chosen, kept, timer = gr.State(None), gr.State({}), gr.Timer(3.0, active=False)
    joint = [joining[name] for name in ("asked", "group", "note", "kind", "text", "applicability")]
    one, around = [detail, *form.values()], [kept, facets, listing]
    asked = [picker, text, how, mapped, kept, chosen]

    def opened(request: gr.Request) -> list[Any]:
        person = auth.require(request)
        with state.db.read() as session:
            choice, project_id = layout.pick(session, request)
            parts, lesson_id = lesson_form.show(session, layout.as_int(request.query_params.get("lesson")), person)
        seen = lesson_list.around(state, person, project_id, "", "words", {}, lesson_id)
        return [choice, lesson_id, *parts, *seen, *lesson_exchange.shown(person)]

    def refresh(
        project: Any, text: Any, how: Any, mapped: Any, kept: Any, selected: Any, request: gr.Request
    ) -> list[Any]:
        return lesson_list.around(
            state,
            auth.require(request),
            project,
            text,
            how,
            {**lesson_list.kept_by(kept), "places": []},
            selected,
        )

    def renew(
        project: Any, text: Any, how: Any, mapped: Any, kept: Any, selected: Any, request: gr.Request
    ) -> list[Any]:
        """After a change: the same page of the list."""
        return lesson_list.around(state, auth.require(request), project, text, how, lesson_list.kept_by(kept), selected)

    def draw(
        project: Any, text: Any, how: Any, mapped: Any, kept: Any, selected: Any, request: gr.Request
    ) -> list[Any]:
        auth.require(request)
        return lesson_list.drawn(
            state, layout.as_int(project), text, mapped, lesson_list.kept_by(kept), layout.as_int(selected)
        )

    def closed(request: gr.Request) -> list[Any]:
        return lesson_joining.shut() if auth.require(request) else []

    layout.on_load(opened, None, [picker, chosen, *one, *around, exchange["box"], exchange["stands"], exchange["take"]])
    # The map is asked for after the list, never with it: an answer on its way would bring back a map that was closed, or close it.
    look: dict[str, Any] = {"fn": draw, "inputs": asked, "outputs": [drawn, timer], **layout.LIGHT}
    # One event for all of them: leaving the search box by a click on a filter asks twice, and the later answer must be the one shown.
    changed = [text.submit, text.blur, picker.input, how.input]
    gr.on(changed, refresh, asked, around, trigger_mode="always_last", **layout.LIGHT).then(**look)
    facets.click(lesson_pressing.on_facet(state), asked, around, **layout.LIGHT).then(**look)
    gr.on([mapped.input, timer.tick], **look)
    for place in (listing, drawn):
        pressed_list = lesson_pressing.on_list(state, len(one), len(joint))
        place.click(pressed_list, asked, [chosen, *one, *around, *joint], **layout.LIGHT).then(**look)
    pressed = detail.click(lesson_pressing.on_detail(state, len(joint)), chosen, [chosen, *one, *joint], **layout.LIGHT)
    pressed.then(renew, asked, around, **layout.LIGHT).then(**look)
    inputs = [joining["asked"], joining["kind"], joining["text"], joining["applicability"]]
    done = joining["do"].click(lesson_pressing.on_join(state, len(one)), inputs, [chosen, *one, *joint], **layout.LIGHT)
    done.then(renew, asked, around, **layout.LIGHT).then(**look)
    joining["cancel"].click(closed, None, joint, **layout.LIGHT)
    for name in ("accept", "save", "reject", "retract"):
        act = lesson_form.action(state, name)
        inputs = [chosen, form["text"], form["applicability"], form["why"], form["retract_why"]]
        done = form[name].click(act, inputs, one, **layout.LIGHT)
        done.then(renew, asked, around, **layout.LIGHT).then(**look)
