"""People: who may sign in, with which role, in which teams; add, change, reset a password, end sessions, deactivate."""

from __future__ import annotations

from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from app import auth, people
from app.pages import layout, people_teams
from app.state import AppState
from app.view.languages import N_, _, choices
from app.view.render import count, render
from app.view.words import words
from core.types import Role
from store import teams, users

ROLES = [
    (N_("annotator: reviews items"), Role.ANNOTATOR.value),
    (N_("expert: also decides on lessons and flagged items"), Role.EXPERT.value),
    (N_("lead: also settings, imports, exports and members of projects"), Role.LEAD.value),
    (N_("admin: also new projects, people, the audit log"), Role.ADMIN.value),
]


def build(state: AppState) -> None:
    layout.html(render("page_head.html", title=_("People"), hint=_("Who may sign in, and what each may do.")))
    said = layout.html(elem_id="people-said")
    table = layout.html(elem_id="people", actions=True)
    with gr.Column(elem_classes="form-column"):
        layout.html(render("people/add_head.html", least=auth.MIN_PASSWORD))
        name = gr.Textbox(label=_("Name"), max_length=80, max_lines=1, elem_id="person-name")
        role = gr.Radio(choices(ROLES), value=Role.ANNOTATOR.value, label=_("Role"), elem_id="person-role")
        password = gr.Textbox(
            label=_("First password"), type="password", max_length=1024, max_lines=1, elem_id="person-password"
        )
        add = gr.Button(_("Add this person"), variant="primary", elem_id="person-add")
    refresh_teams = people_teams.build(state)

    def show(request: gr.Request) -> str:
        return _table(state, auth.require(request, Role.ADMIN))

    def add_person(name: Any, role: Any, password: Any, request: gr.Request) -> list[Any]:
        person = auth.require(request, Role.ADMIN)
        try:
            auth.make_user(state.db, str(name or ""), str(password or ""), str(role), by=person.id)
        except ValueError as problem:
            return [layout.said(layout.sentence(problem), "bad"), *[gr.skip()] * 3]
        return [layout.said(_("{name} can sign in now.").format(name=name), "ok"), _table(state, person), "", ""]

    def pressed(request: gr.Request, event: gr.EventData) -> list[Any]:
        person = auth.require(request, Role.ADMIN)
        data = layout.data_of(event)
        try:
            text = _change(state, person, data.get("action", ""), layout.as_int(data.get("user")) or 0, data)
        except (ValueError, LookupError) as problem:
            return [layout.said(layout.sentence(problem), "bad"), gr.skip()]
        return [layout.said(text, "ok"), _table(state, person)]

    layout.on_load(show, None, table)
    table.click(pressed, None, [said, table], **layout.LIGHT)
    added = add.click(add_person, [name, role, password], [said, table, name, password], **layout.LIGHT)
    refresh_teams(added, show, table)


def _table(state: AppState, person: auth.Person) -> str:
    with state.db.read() as session:
        belongs: dict[int, list[str]] = {}
        names = {team.id: team.name for team in teams.list_all(session)}
        for team_id, inside in teams.people_of(session).items():
            for one in inside:
                belongs.setdefault(one.id, []).append(names[team_id])
        return render(
            "people/table.html",
            people=users.list_all(session),
            me=person,
            roles=list(Role),
            teams=belongs,
            sessions=users.sessions_of(session),
        )


def _change(state: AppState, person: auth.Person, action: str, user_id: int, data: dict[str, str]) -> str:
    """Do what a button of the table asks for; returns what to say."""
    if action == "reset":
        name, password = people.reset_password(state.db, user_id, person.id)
        said = _(
            "The new password of {name} is {password} – it is shown only now. They can change it under their name."
        )
        return said.format(name=name, password=password)
    with state.db.write() as session:
        user = users.get(session, user_id)
        if action == "role":
            users.set_role(session, user_id, Role(data.get("role", "")).value, by=person.id)
            said = _("{name} is {role} now and has to sign in again.")
            return said.format(name=user.name, role=words(user.role))
        return _let_in_or_out(session, person, action, user_id)


def _let_in_or_out(session: Session, person: auth.Person, action: str, user_id: int) -> str:
    name = users.get(session, user_id).name
    if action == "deactivate":
        users.deactivate(session, user_id, by=person.id)
        return _("{name} can no longer sign in. What they did stays.").format(name=name)
    if action == "activate":
        users.activate(session, user_id, by=person.id)
        return _("{name} can sign in again.").format(name=name)
    if action == "sessions":
        ended = users.end_sessions(session, user_id, by=person.id)
        return _("{name} is signed out of {browsers}.").format(name=name, browsers=count(ended, "browser"))
    raise ValueError("there is no such button: reload the page")
