"""People, teams and members on their pages: what the handlers do, say and refuse."""

from __future__ import annotations

from typing import Any

import pytest
from gradio.helpers import EventData, special_args
from sqlalchemy import select
from starlette.testclient import TestClient

from app import auth
from core.types import Role
from store import projects, tables, teams, users
from tests.app.conftest import Web
from tests.app.test_refusals import handlers, request_of


class Admin:
    """Somebody before the pages of ``/admin``, without a browser."""

    def __init__(self, web: Web, name: str, role: Role) -> None:
        self.web = web
        self.id = auth.make_user(web.db, name, None, role)
        self.token = auth.open_session(web.state, self.id)
        self.fns = {
            fn.fn.__qualname__.replace(".<locals>", "") + "@" + fn.fn.__module__: fn for fn in handlers(web, "/admin")
        }

    def call(self, name: str, *values: Any, **data: str) -> Any:
        fn = self.fns[name]
        event = EventData(None, data)  # type: ignore[arg-type]
        inputs, *_ = special_args(fn.fn, list(values), request_of(self.web, self.token), event)
        return fn.fn(*inputs)


PEOPLE, TEAMS, MEMBERS = "@app.pages.people", "@app.pages.people_teams", "@app.pages.project_members"


@pytest.fixture
def ada(web: Web) -> Admin:
    return Admin(web, "ada", Role.ADMIN)


def test_the_table_shows_teams_visits_and_sessions_and_signs_people_out(web: Web, ada: Admin) -> None:
    bob = web.client("bob")
    with web.db.write() as session:
        bob_id = users.by_name(session, "bob").id  # type: ignore[union-attr]
        team = teams.create(session, "<i>night</i>", by=None)
        teams.set_people(session, team.id, [bob_id], by=None)
    html = ada.call("build.show" + PEOPLE)
    assert "&lt;i&gt;night&lt;/i&gt;" in html and "signed in with 1 browser" in html and "just now" in html
    assert bob.get("/api/v1/me").status_code == 200
    said, html = ada.call("build.pressed" + PEOPLE, action="sessions", user=str(bob_id))
    assert "signed out of 1 browser" in said and bob.get("/api/v1/me").status_code == 401
    said, _ = ada.call("build.pressed" + PEOPLE, action="role", user=str(bob_id), role="lead")
    assert "bob is lead now" in said
    for bad in ({"action": "role", "user": str(bob_id), "role": "boss"}, {"action": "sessions", "user": "9999"}, {}):
        said, _ = ada.call("build.pressed" + PEOPLE, **bad)
        assert "bad" in said


def test_a_team_is_made_changed_and_removed(web: Web, ada: Admin) -> None:
    *shown, said = ada.call("build.kept" + TEAMS, 0, " Night shift ", [ada.id])
    assert "Saved" in said and shown[1] == "Night shift" and shown[2]["value"] == [ada.id]
    team = shown[0].value
    *shown, said = ada.call("build.kept" + TEAMS, team, "Day shift", [])
    assert "Saved" in said and shown[1] == "Day shift" and shown[2]["value"] == []
    for name, people in (("", []), ("day SHIFT", []), ("Other", [9999]), ("Other", "x")):
        *_, said = ada.call("build.kept" + TEAMS, 0, name, people)
        assert "bad" in said, (name, people)
    *shown, said = ada.call("build.removed" + TEAMS, team)
    assert "Its people stay" in said and shown[0].value == 0
    with web.db.read() as session:
        assert teams.list_all(session) == []


def test_members_of_a_project(web: Web, ada: Admin) -> None:
    with web.db.write() as session:
        project = projects.create(session, slug="p", name="P", item_type="text").id
    bob = web.client("bob")
    with web.db.read() as session:
        bob_id = users.by_name(session, "bob").id  # type: ignore[union-attr]
    assert bob.get(f"/api/v1/projects/{project}").status_code == 200
    only, html, _, said = ada.call("build.closed" + MEMBERS, project, True)
    assert only and "Only admins see" in html and "Only its members" in said
    assert bob.get(f"/api/v1/projects/{project}").status_code == 404
    _, html, _, said = ada.call("build.given" + MEMBERS, project, f"person:{bob_id}", "expert")
    assert "bob" in html and "expert" in html and "ok" in said
    assert bob.get(f"/api/v1/projects/{project}").status_code == 200
    for who, role in ((None, "lead"), ("person:9999", "lead"), ("robot:1", "lead"), (f"person:{bob_id}", "admin")):
        assert "bad" in ada.call("build.given" + MEMBERS, project, who, role)[3], (who, role)
    _, html, _, _ = ada.call("build.pressed" + MEMBERS, project, action="member-remove", who=f"person:{bob_id}")
    assert "No members yet" in html and bob.get(f"/api/v1/projects/{project}").status_code == 404


def test_a_lead_of_a_project_chooses_its_members_but_cannot_lock_themself_out(web: Web) -> None:
    with web.db.write() as session:
        mine, other = (projects.create(session, slug=s, name=s, item_type="text").id for s in ("mine", "other"))
    lea = Admin(web, "lea", Role.ANNOTATOR)
    with web.db.write() as session:
        teams.set_member(session, mine, "lead", by=None, user_id=lea.id)
    assert lea.call("build.closed" + MEMBERS, mine, True)[0] is True
    for act in (
        lambda: lea.call("build.given" + MEMBERS, mine, f"person:{lea.id}", "expert"),
        lambda: lea.call("build.pressed" + MEMBERS, mine, action="member-remove", who=f"person:{lea.id}"),
    ):
        assert "would lose the project" in act()[3]
    assert "bad" in lea.call("build.given" + MEMBERS, other, f"person:{lea.id}", "lead")[3]
    with web.db.read() as session:
        rows = session.execute(select(tables.ProjectMember.project_id, tables.ProjectMember.role)).all()
        assert [tuple(row) for row in rows] == [(mine, "lead")]


def test_leads_see_their_pages_and_not_those_of_admins(web: Web) -> None:
    with web.db.write() as session:
        mine = projects.create(session, slug="mine", name="mine", item_type="text").id
    lea = Admin(web, "lea", Role.ANNOTATOR)
    with web.db.write() as session:
        teams.set_member(session, mine, "lead", by=None, user_id=lea.id)
    client = TestClient(web.app, base_url="http://127.0.0.1", follow_redirects=False)
    client.cookies.set(auth.COOKIE, lea.token)
    assert client.get("/api/v1/me").json() == {"name": "lea", "role": "lead"}
    for name in ("build.show" + PEOPLE, "build.opened" + TEAMS):
        with pytest.raises(Exception, match="role admin"):
            lea.call(name)
