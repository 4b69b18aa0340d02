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
from app.pages.lesson_list import Asked
from app.state import AppState
from app.view.languages import N_, _, choices

HOW = [(N_("words"), "words"), (N_("meaning"), "meaning")]
HINT = N_("What people taught the model. Only active lessons are put into prompts.")


def build(state: AppState) -> None:
    picker = layout.head(_("Lessons"), _(HINT))
    with gr.Row(elem_classes="filters"):
        text = gr.Textbox(label=_("Search"), placeholder=_("Words, then Enter"), max_lines=1, scale=2, min_width=200)
        how = gr.Radio(
            choices([(N_("words"), "words"), (N_("meaning"), "meaning")]),
            value="words",
            label=_("Search by"),
            min_width=180,
        )
        mapped = gr.Checkbox(label=_("Show the map"), elem_id="show-map", min_width=140)
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
    chosen, kept, seen, timer = gr.State(None), gr.State({}), gr.State({}), gr.Timer(3.0, active=False)
    joint = [joining[name] for name in ("asked", "group", "note", "kind", "text", "applicability")]
    one, around = [detail, *form.values()], [seen, facets, listing]
    asked = [picker, text, how, mapped, kept, seen, chosen]
    opened, refresh, renew, settle, draw = _drawing(state)
    layout.on_load(opened, None, [picker, chosen, *one, *around, exchange["box"], exchange["stands"], exchange["take"]])
    # Whatever was being drawn while a facet was pressed may arrive last: then the list is drawn again for the choice that stands.
    # The map is asked for after the list, never with it: an answer on its way would bring back a map that was closed, or close it.
    look: dict[str, Any] = {"fn": draw, "inputs": asked, "outputs": [drawn, timer], **layout.LIGHT}
    again: dict[str, Any] = {"fn": settle, "inputs": asked, "outputs": around, **layout.LIGHT}
    whole: dict[str, Any] = {"fn": renew, "inputs": asked, "outputs": around, **layout.LIGHT}
    # One event for all of them: leaving the search box by a click on a filter asks twice, and the later answer must be the one shown.
    changed = [text.submit, text.blur, picker.input, how.input]
    gr.on(changed, refresh, asked, around, trigger_mode="always_last", **layout.LIGHT).then(**again).then(**look)
    facets.click(lesson_pressing.on_facet(state), asked, [kept, *around], **layout.LIGHT).then(**look)
    gr.on([mapped.input, timer.tick], **look)
    pressed_list = lesson_pressing.on_list(state, len(one), len(joint))
    for place in (listing, drawn):
        press = place.click(pressed_list, asked, [chosen, *one, *around, *joint], **layout.LIGHT)
        press.then(**again).then(**look)
    done = [detail.click(lesson_pressing.on_detail(state, len(joint)), chosen, [chosen, *one, *joint], **layout.LIGHT)]
    inputs = [joining["asked"], joining["kind"], joining["text"], joining["applicability"]]
    join = lesson_pressing.on_join(state, len(one))
    done.append(joining["do"].click(join, inputs, [chosen, *one, *joint], **layout.LIGHT))
    joining["cancel"].click(_closed, None, joint, **layout.LIGHT)
    inputs = [chosen, form["text"], form["applicability"], form["why"], form["retract_why"]]
    for name in ("accept", "save", "reject", "retract"):
        done.append(form[name].click(lesson_form.action(state, name), inputs, one, **layout.LIGHT))
    for event in done:
        event.then(**whole).then(**again).then(**look)


def _closed(request: gr.Request) -> list[Any]:
    auth.require(request)
    return lesson_joining.shut()


def _drawing(state: AppState) -> tuple[Any, ...]:
    """What opens the page and draws the list and the map; none of it changes the choice of facets."""

    def opened(request: gr.Request) -> list[Any]:
        person = auth.require(request)
        with state.db.read() as session:
            choice, project_id = layout.pick(session, request)
            parts, lesson_id = lesson_form.show(session, layout.as_int(request.query_params.get("lesson")), person)
        asked = Asked.of((project_id, "", "words", False, {}, {}, lesson_id))
        shown = lesson_list.around(state, person, asked)
        return [choice, lesson_id, *parts, *shown, *lesson_exchange.shown(person)]

    def refresh(request: gr.Request, *values: Any) -> list[Any]:
        """From the first page."""
        return lesson_list.around(state, auth.require(request), Asked.of(values))

    def renew(request: gr.Request, *values: Any) -> list[Any]:
        """After a change: the same page of the list."""
        person, asked = auth.require(request), Asked.of(values)
        places = asked.seen.get("places", ()) if asked.is_drawn else ()
        return lesson_list.around(state, person, asked, places=places)

    def settle(request: gr.Request, *values: Any) -> list[Any]:
        """The list once more, where what is on screen is not of the choice that stands."""
        person, asked = auth.require(request), Asked.of(values)
        return [gr.skip()] * 3 if asked.is_drawn else lesson_list.around(state, person, asked)

    def draw(request: gr.Request, *values: Any) -> list[Any]:
        auth.require(request)
        return lesson_list.drawn(state, Asked.of(values))

    return opened, refresh, renew, settle, draw
