"""Members of a project: open to all or restricted, and which people and teams have which role in it."""

from __future__ import annotations

from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from app import auth
from app.pages import layout
from app.people import stay_in
from app.state import AppState
from app.view.languages import N_, _, choices
from app.view.render import render
from core.permissions import IN_PROJECT
from core.types import Role
from store import projects, teams, users

ROLES = [
    (N_("annotator: reviews items"), Role.ANNOTATOR.value),
    (N_("expert: also decides on lessons and flagged items"), Role.EXPERT.value),
    (N_("lead: also settings, imports, exports and members"), Role.LEAD.value),
]


def build(state: AppState, picker: gr.Dropdown) -> None:
    restricted = gr.Checkbox(
        label=_("Only members see this project"),
        info=_("Else everyone who is signed in has their own role here, and members may have a higher one."),
        elem_id="members-only",
    )
    table = layout.html(elem_id="members", actions=True)
    with gr.Column(elem_classes="form-column"):
        who = gr.Dropdown([], label=_("Person or team"), elem_id="member-who", interactive=True)
        role = gr.Radio(
            choices(ROLES), value=Role.ANNOTATOR.value, label=_("Role in this project"), elem_id="member-role"
        )
        add = gr.Button(_("Give this role"), variant="primary", elem_id="member-add")
    said = layout.html(elem_id="members-said")
    shown = [restricted, table, who, said]

    def show(project: Any, request: gr.Request) -> list[Any]:
        auth.require(request, Role.LEAD)
        with state.db.read() as session:
            return _shown(session, layout.as_int(project), "")

    def change(project: Any, request: gr.Request, act: Any) -> list[Any]:
        person = auth.require(request, Role.LEAD)
        project_id = layout.as_int(project) or 0
        try:
            with state.db.write() as session:
                says = act(session, project_id, person)
                stay_in(session, project_id, person)
        except (ValueError, LookupError) as problem:
            with state.db.read() as session:
                return _shown(session, project_id, layout.said(layout.sentence(problem), "bad"))
        with state.db.read() as session:
            return _shown(session, project_id, layout.said(says, "ok"))

    def closed(project: Any, only: Any, request: gr.Request) -> list[Any]:
        def act(session: Session, project_id: int, person: auth.Person) -> str:
            teams.restrict(session, project_id, bool(only), by=person.id)
            return _("Only its members see it now.") if only else _("Everyone who is signed in sees it now.")

        return change(project, request, act)

    def given(project: Any, who: Any, role: Any, request: gr.Request) -> list[Any]:
        def act(session: Session, project_id: int, person: auth.Person) -> str:
            teams.set_member(session, project_id, str(role), by=person.id, **_member(who))
            return _("Done. It counts from now on.")

        return change(project, request, act)

    def pressed(project: Any, request: gr.Request, event: gr.EventData) -> list[Any]:
        data = layout.data_of(event)

        def act(session: Session, project_id: int, person: auth.Person) -> str:
            if data.get("action") != "member-remove":
                raise ValueError("there is no such button: reload the page")
            teams.set_member(session, project_id, None, by=person.id, **_member(data.get("who")))
            return _("No member any more.")

        return change(project, request, act)

    picker.change(show, picker, shown, **layout.LIGHT)
    restricted.input(closed, [picker, restricted], shown, **layout.LAST)
    add.click(given, [picker, who, role], shown, **layout.LIGHT)
    table.click(pressed, picker, shown, **layout.LIGHT)


def _member(who: Any) -> dict[str, int]:
    """A person or team as the page names it: ``person:3``, ``team:1``. Raises ``ValueError``."""
    kind, _, number = str(who or "").partition(":")
    id_ = layout.as_int(number)
    if kind not in ("person", "team") or id_ is None:
        raise ValueError("choose a person or a team first")
    return {"user_id" if kind == "person" else "team_id": id_}


def _shown(session: Session, project_id: int | None, says: str) -> list[Any]:
    if project_id is None:
        return [gr.skip(), "", gr.skip(), says]
    try:
        project = projects.get(session, project_id)
    except LookupError:
        return [False, "", gr.Dropdown([], value=None), says]
    members = teams.members(session, project_id)
    known = [(_("{name} (team)").format(name=team.name), f"team:{team.id}") for team in teams.list_all(session)]
    known += [(user.name, f"person:{user.id}") for user in users.list_all(session) if user.active]
    html = render("people/members.html", members=members, restricted=project.restricted, roles=IN_PROJECT)
    return [project.restricted, html, gr.Dropdown(known, value=None), says]
