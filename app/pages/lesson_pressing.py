"""What presses on the lessons page do: on a facet, a row or the bar above the rows, in the detail, and in the form that joins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from app import auth, lesson_changes, lesson_retiring
from app.pages import layout, lesson_bulk, lesson_form, lesson_joining, lesson_list
from app.pages.lesson_list import Asked
from app.state import AppState
from app.view import lessons as view
from app.view.languages import _, of_error
from core.types import Role

Handler = Callable[..., list[Any]]


def on_facet(state: AppState) -> Handler:
    def facet_pressed(request: gr.Request, event: gr.EventData, *values: Any) -> list[Any]:
        """Values for the choice and for what is around the list; the only handler that changes the choice."""
        person, data, asked = auth.require(request), layout.data_of(event), Asked.of(values)
        name, value = data.get("facet", ""), data.get("value", "")
        choice = dict(asked.choice)
        if data.get("action") == "clear":
            choice = {}
        elif choice.get(name) == value:
            del choice[name]
        else:
            choice = view.chosen({**choice, name: value})
        return [asked.kept(choice), *lesson_list.around(state, person, replace(asked, choice=choice))]

    return facet_pressed


def on_list(state: AppState, n_one: int, n_joint: int) -> Handler:
    def list_pressed(request: gr.Request, event: gr.EventData, *values: Any) -> list[Any]:
        """Values for the chosen lesson, the detail, what is around the list and the form that joins."""
        person, data, asked = auth.require(request), layout.data_of(event), Asked.of(values)
        action, lesson_id, said = data.get("action", ""), asked.selected, ""
        places = list(asked.seen.get("places", ())) if asked.is_drawn else []
        parts, joined = [gr.skip()] * n_one, [gr.skip()] * n_joint
        if action == "select":
            with state.db.read() as session:
                parts, lesson_id = lesson_form.show(session, layout.as_int(data.get("lesson")), person)
        elif action == "more" and asked.is_drawn and asked.seen.get("next"):
            places.append(asked.seen["next"])
        elif action == "newer":
            places = places[:-1]
        elif action == "merge":
            auth.require(request, Role.EXPERT)
            with state.db.read() as session:
                ids = lesson_bulk.ids_of(data.get("chosen"))
                joined = lesson_joining.merge_asked(session, asked.project or 0, ids)
        elif action.startswith("bulk-"):
            auth.require(request, Role.EXPERT)
            ids, kind = lesson_bulk.ids_of(data.get("chosen")), data.get("kind", "")
            said = lesson_bulk.act(state.db, action, asked.project or 0, ids, person.id, kind)
            with state.db.read() as session:
                parts, lesson_id = lesson_form.show(session, lesson_id, person)
        quiet = action in ("select", "merge", "more", "newer")
        now = replace(asked, selected=lesson_id)
        seen = lesson_list.around(state, person, now, places=places, said=said, fresh=bool(said), counted=not quiet)
        return [lesson_id, *parts, *seen, *joined]

    return list_pressed


def on_detail(state: AppState, n_joint: int) -> Handler:
    def detail_pressed(selected: Any, request: gr.Request, event: gr.EventData) -> list[Any]:
        """Values for the chosen lesson, the detail and the form that joins."""
        person, data = auth.require(request), layout.data_of(event)
        joined: list[Any] = [gr.skip()] * n_joint
        lesson_id, said, failed = layout.as_int(data.get("lesson")) or layout.as_int(selected), "", ""
        try:
            if data.get("action") == "split":
                auth.require(request, Role.EXPERT)
                with state.db.read() as session:
                    joined = lesson_joining.split_asked(session, lesson_id or 0)
            elif data.get("action") != "select":
                auth.require(request, Role.EXPERT)
                with state.db.write() as session:
                    lesson_id, said = _decide(session, person, data, lesson_id or 0)
        except (ValueError, LookupError, lesson_retiring.NotAllowed) as problem:
            failed = layout.sentence(problem)
        with state.db.read() as session:
            parts, lesson_id = lesson_form.show(session, lesson_id, person, said, failed)
        return [lesson_id, *parts, *joined]

    return detail_pressed


def on_join(state: AppState, n_one: int) -> Handler:
    def join(asked: Any, kind: Any, text: Any, applicability: Any, request: gr.Request) -> list[Any]:
        """Values for the chosen lesson, the detail and the form that joins."""
        person = auth.require(request, Role.EXPERT)
        try:
            with state.db.write() as session:
                lesson_id, said = lesson_joining.join(
                    session, asked, person.id, str(kind), str(text or ""), str(applicability or "")
                )
        except (ValueError, LookupError) as problem:
            return [gr.skip()] * (1 + n_one) + lesson_joining.shut(layout.sentence(problem))
        with state.db.read() as session:
            parts, shown_id = lesson_form.show(session, lesson_id, person, said)
        return [shown_id, *parts, *lesson_joining.shut()]

    return join


def _decide(session: Any, person: auth.Person, data: dict[str, str], lesson_id: int) -> tuple[int, str]:
    """What a button of the detail does; the lesson to show then, and what to say. Raises ``ValueError``, ``LookupError``."""
    action = data.get("action", "")
    if action in lesson_retiring.ACTIONS:
        return lesson_id, lesson_retiring.act(session, person, data)
    if action == "settle":
        other = layout.as_int(data.get("other")) or 0
        said = lesson_changes.settle(session, lesson_id, other, person.id, data.get("keep", ""))
        return lesson_id, of_error(said)
    if action == "undo":
        again, gone = lesson_changes.unmerge(session, lesson_id, person.id)
        named = ", ".join(str(id_) for id_ in again) or _("none")
        suspended = ", ".join(str(id_) for id_ in gone)
        return lesson_id, _("Undone: suspended {suspended}; stands again: {again}.").format(
            suspended=suspended, again=named
        )
    raise ValueError("there is no such action")
