"""Audit: who changed what, when, from which value to which; searched, and downloaded as it stands."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import gradio as gr

from app import auth
from app.pages import layout
from app.state import AppState
from app.view import audit as view
from app.view.languages import N_, _, choices
from app.view.render import render
from core.types import Role
from store import audit, users

ANYONE, ANYTHING = (N_("anybody"), ""), (N_("anything"), "")


def build(state: AppState) -> None:
    layout.html(render("page_head.html", title=_("Audit log"), hint=_("Who changed what. Nobody can edit this.")))
    older = gr.State(None)
    with gr.Row():
        person = gr.Dropdown(choices([ANYONE]), value="", label=_("Who"), elem_id="audit-person", min_width=160)
        subject = gr.Dropdown(choices([ANYTHING]), value="", label=_("Of what"), elem_id="audit-subject", min_width=160)
        text = gr.Textbox(
            label=_("Holds these words"), max_length=200, max_lines=1, elem_id="audit-text", min_width=160
        )
        since = gr.Textbox(
            label=_("From day"), placeholder="2026-03-01", max_length=10, elem_id="audit-since", min_width=130
        )
        until = gr.Textbox(
            label=_("To day"), placeholder="2026-03-31", max_length=10, elem_id="audit-until", min_width=130
        )
    search = gr.Button(_("Search"), variant="primary", elem_id="audit-search")
    said = layout.html(elem_id="audit-said")
    table = layout.html(elem_id="audit")
    further = gr.Button(_("Older ones"), elem_id="audit-older", interactive=False)
    chosen = [person, subject, text, since, until]

    def opened(request: gr.Request) -> list[Any]:
        auth.require(request, Role.ADMIN)
        with state.db.read() as session:
            people = [
                *choices([ANYONE, (view.PROGRAM, "0")]),
                *((user.name, str(user.id)) for user in users.list_all(session)),
            ]
            kinds = [*choices([ANYTHING]), *((name, name) for name in audit.subjects(session))]
        return [gr.Dropdown(people, value=""), gr.Dropdown(kinds, value=""), *_shown(state, {}, None)]

    def searched(who: Any, what: Any, words: Any, first: Any, last: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.ADMIN)
        return _shown(state, _given(who, what, words, first, last), None)

    def went_on(who: Any, what: Any, words: Any, first: Any, last: Any, at: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.ADMIN)
        return _shown(state, _given(who, what, words, first, last), layout.as_int(at))

    shown = [table, said, older, further]
    layout.on_load(opened, None, [person, subject, *shown])
    search.click(searched, chosen, shown, **layout.LIGHT)
    text.submit(searched, chosen, shown, **layout.LIGHT)
    further.click(went_on, [*chosen, older], shown, **layout.LIGHT)


def _given(who: Any, what: Any, words: Any, first: Any, last: Any) -> dict[str, str]:
    values = {"person": who, "subject": what, "text": words, "since": first, "until": last}
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


def _shown(state: AppState, given: dict[str, str], before: int | None) -> list[Any]:
    """The table, a link to all of it, where older ones begin, and whether there are any."""
    try:
        with state.db.read() as session:
            html, older = view.table(session, given, before)
    except ValueError as problem:
        return [gr.skip(), layout.said(layout.sentence(problem), "bad"), gr.skip(), gr.skip()]
    link = render("audit/link.html", query=urlencode(given))
    return [html, link, older, gr.Button(interactive=older is not None)]
