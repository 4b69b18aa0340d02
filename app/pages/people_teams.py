"""Teams on the people page: make one, rename it, say who is in it, remove it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app import auth
from app.pages import layout
from app.state import AppState
from app.view.languages import _
from app.view.render import render
from core.types import Role
from store import teams, users

NEW = 0  # of the choice of teams: one that is still to be made


def build(state: AppState) -> Callable[[Any, Callable[..., str], gr.HTML], None]:
    """Returns what ties it to the table of people: the event after which somebody new is there, and how the table is drawn."""
    with gr.Column(elem_classes="form-column"):
        layout.html(render("people/teams_head.html"))
        choice = gr.Dropdown([(_("New team"), NEW)], value=NEW, label=_("Team"), elem_id="team", interactive=True)
        name = gr.Textbox(label=_("Its name"), max_length=80, max_lines=1, elem_id="team-name")
        members = gr.Dropdown([], value=[], label=_("People in it"), multiselect=True, elem_id="team-people")
        said = layout.html(elem_id="team-said")
        with gr.Row():
            save = gr.Button(_("Save the team"), variant="primary", elem_id="team-save", min_width=140)
            remove = gr.Button(_("Remove the team"), elem_id="team-remove", interactive=False, min_width=140)
    fields = [choice, name, members, remove]

    def shown(team_id: int) -> list[Any]:
        with state.db.read() as session:
            known = [(_("New team"), NEW), *((team.name, team.id) for team in teams.list_all(session))]
            people = [(user.name, user.id) for user in users.list_all(session) if user.active]
            inside = [user.id for user in teams.people_of(session).get(team_id, []) if user.active]
        titles = {value: title for title, value in known}
        there = team_id if team_id in titles else NEW
        return [
            gr.Dropdown(known, value=there),
            titles[there] if there else "",
            gr.update(choices=people, value=inside if there else []),
            gr.Button(interactive=bool(there)),
        ]

    def opened(request: gr.Request) -> list[Any]:
        auth.require(request, Role.ADMIN)
        return shown(NEW)

    def chosen(team: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.ADMIN)
        return [*shown(layout.as_int(team) or NEW), ""]

    def kept(team: Any, name: Any, people: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.ADMIN)
        try:
            ids = [layout.as_int(one) or 0 for one in people or []]
            team_id = _save(state, person.id, layout.as_int(team) or NEW, str(name or ""), ids)
        except (ValueError, LookupError, TypeError) as problem:
            return [*[gr.skip()] * len(fields), layout.said(layout.sentence(problem), "bad")]
        return [*shown(team_id), layout.said(_("Saved. What the team may do, its people may do from now on."), "ok")]

    def removed(team: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.ADMIN)
        try:
            with state.db.write() as session:
                teams.remove(session, layout.as_int(team) or NEW, by=person.id)
        except LookupError as problem:
            return [*[gr.skip()] * len(fields), layout.said(layout.sentence(problem), "bad")]
        return [*shown(NEW), layout.said(_("Removed, and with it what was granted to it. Its people stay."), "ok")]

    def tie(added: Any, show: Callable[..., str], table: gr.HTML) -> None:
        added.then(opened, None, fields, **layout.LIGHT)
        for event in (saving, removing):
            event.then(show, None, table, **layout.LIGHT)

    layout.on_load(opened, None, fields)
    choice.input(chosen, choice, [*fields, said], **layout.LAST)
    saving = save.click(kept, [choice, name, members], [*fields, said], **layout.LIGHT)
    removing = remove.click(removed, choice, [*fields, said], **layout.LIGHT)
    return tie


def _save(state: AppState, by: int, team_id: int, name: str, people: list[int]) -> int:
    """Everything at once or nothing; the team's id. Raises ``ValueError``, ``LookupError``."""
    with state.db.write() as session:
        if team_id == NEW:
            team = teams.create(session, name, by=by)
        else:
            team = teams.get(session, team_id)
            if team.name != name.strip():
                teams.rename(session, team_id, name, by=by)
        teams.set_people(session, team.id, people, by=by)
        return team.id
