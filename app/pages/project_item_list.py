"""The list of a project's items: words, order and least risk above it, 50 rows, and the next 50."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import auth
from app.pages import layout
from app.state import AppState
from app.view import item_list as view
from app.view import languages
from app.view.languages import _
from core.types import Role


class ItemList:
    """The components of the list. ``place`` holds the key after which the page shown begins, and the next one's."""

    def __init__(self, state: AppState, picker: gr.Dropdown) -> None:
        self._state = state
        self.place = gr.State({"after": 0, "next": 0})
        with gr.Row(elem_classes="filters"):
            words = gr.Textbox(
                label=_("Look for items"),
                placeholder=_("Words, then Enter"),
                max_lines=1,
                max_length=view.MOST_WORDS,
                elem_id="items-search",
                min_width=200,
                scale=2,
            )
            order = gr.Dropdown(
                languages.choices(view.ORDERS), value=view.ALL, label=_("Order"), elem_id="items-order", min_width=200
            )
            risk = gr.Number(
                label=_("Risk from, %"),
                value=0,
                minimum=0,
                maximum=100,
                precision=0,
                elem_id="items-risk",
                min_width=120,
                visible=False,
            )
        self.table = layout.html(elem_id="items-list")
        with gr.Row():
            first = gr.Button(_("From the start"), elem_id="items-first", interactive=False, min_width=120)
            further = gr.Button(_("Next 50"), elem_id="items-next", interactive=False, min_width=120)
        self.filters: list[Any] = [words, order, risk]
        self.shown: list[Any] = [self.table, self.place, first, further]

        def begun(project: Any, text: Any, order: Any, risk: Any, request: gr.Request) -> list[Any]:
            auth.require(request, Role.LEAD)
            return self.read(project, text, order, risk, 0)

        def ordered(project: Any, text: Any, order: Any, risk: Any, request: gr.Request) -> list[Any]:
            auth.require(request, Role.LEAD)
            return [gr.update(visible=order == view.WAITING), *self.read(project, text, order, risk, 0)]

        def went_on(project: Any, text: Any, order: Any, risk: Any, place: Any, request: gr.Request) -> list[Any]:
            auth.require(request, Role.LEAD)
            return self.read(project, text, order, risk, place.get("next") if isinstance(place, dict) else 0)

        given = [picker, *self.filters]
        picker.change(begun, given, self.shown, **layout.LIGHT)
        words.submit(begun, given, self.shown, **layout.LIGHT)
        risk.submit(begun, given, self.shown, **layout.LIGHT)
        risk.blur(begun, given, self.shown, **layout.LIGHT)
        order.input(ordered, given, [risk, *self.shown], **layout.LAST)
        first.click(begun, given, self.shown, **layout.LIGHT)
        further.click(went_on, [*given, self.place], self.shown, **layout.LIGHT)

    def read(self, project: Any, words: Any, order: Any, risk: Any, after: Any) -> list[Any]:
        """``shown``; the caller has asked who it is."""
        project_id = layout.as_int(project)
        if project_id is None:
            return ["", {"after": 0, "next": 0}, gr.Button(interactive=False), gr.Button(interactive=False)]
        wanted = view.wanted(words, order, risk, after)
        with self._state.db.read() as session:
            html, next_after = view.page(session, project_id, wanted)
        place = {"after": wanted.after, "next": next_after}
        return [html, place, gr.Button(interactive=wanted.after > 0), gr.Button(interactive=next_after > 0)]

    def again(self, project: Any, words: Any, order: Any, risk: Any, place: Any) -> list[Any]:
        """The page that is shown, read anew."""
        return self.read(project, words, order, risk, place.get("after") if isinstance(place, dict) else 0)
