"""Teams and members: what is kept, refused and written into the audit log, and what a session shows then."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, func, select, update

from core.permissions import Sight, role_in, sight
from core.types import Role
from store import audit, projects, tables, teams, users, visibility
from store.engine import Database
from tests.factories import scene


def test_a_team_is_made_renamed_filled_and_removed(db: Database) -> None:
    with db.write() as session:
        ann, bob = (users.create(session, name, "annotator").id for name in ("ann", "bob"))
        team = teams.create(session, " night shift ", by=ann).id
        for name in ("", "Night Shift", "x" * 81):
            with pytest.raises(ValueError, match="team"):
                teams.create(session, name, by=ann)
        teams.rename(session, team, "Night shift", by=ann)
        teams.set_people(session, team, [ann, bob, bob], by=ann)
        teams.set_people(session, team, [bob], by=ann)
        teams.set_people(session, team, [bob], by=ann)
        with pytest.raises(LookupError):
            teams.set_people(session, team, [9999], by=ann)
    with db.write() as session:
        assert [user.name for user in teams.people_of(session)[team]] == ["bob"]
        teams.remove(session, team, by=ann)
        assert teams.list_all(session) == []
        told = [event.action for event in audit.page(session, subject="team")]
    assert told == ["team.remove", "team.people", "team.people", "team.rename", "team.create"]


def test_members_have_one_role_each_and_every_change_is_in_the_log(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=1)
        team = teams.create(session, "inside", by=None).id
        teams.set_member(session, made.project_id, "lead", by=None, user_id=made.users[0])
        teams.set_member(session, made.project_id, "expert", by=None, team_id=team)
        teams.set_member(session, made.project_id, "annotator", by=None, team_id=team)
        for bad in ({"user_id": 1, "team_id": team}, {}):
            with pytest.raises(ValueError, match="a person or a team"):
                teams.set_member(session, made.project_id, "lead", by=None, **bad)
        with pytest.raises(ValueError, match="one of annotator, expert, lead"):
            teams.set_member(session, made.project_id, "admin", by=None, team_id=team)
        kept = [(one.kind, one.role.value) for one in teams.members(session, made.project_id)]
        assert kept == [("team", "annotator"), ("person", "lead")]
        teams.set_member(session, made.project_id, None, by=None, team_id=team)
        newest = audit.page(session, action="project.member")[0]
        assert (newest.old, newest.new) == (
            {"team": "inside", "role": "annotator"},
            {"team": "inside", "role": None},
        )


def test_standing_joins_what_a_person_and_their_teams_hold(db: Database) -> None:
    with db.write() as session:
        first, second = scene(session, n_items=1), scene(session, n_items=1)
        ann = first.users[0]
        team = teams.create(session, "inside", by=None).id
        teams.set_people(session, team, [ann], by=None)
        for project_id in (first.project_id, second.project_id):
            teams.restrict(session, project_id, True, by=None)
        teams.set_member(session, first.project_id, "annotator", by=None, user_id=ann)
        teams.set_member(session, first.project_id, "expert", by=None, team_id=team)
        held = users.standing(session, ann, Role.ANNOTATOR)
        assert role_in(held, first.project_id) is Role.EXPERT and role_in(held, second.project_id) is None
        other = users.standing(session, first.users[1], Role.EXPERT)
        assert other.granted == {} and not sight(other).sees(first.project_id)
        teams.restrict(session, second.project_id, False, by=None)
        assert role_in(users.standing(session, first.users[1], Role.EXPERT), second.project_id) is Role.EXPERT


def test_a_session_shows_changes_and_takes_only_what_is_in_sight(db: Database) -> None:
    with db.write() as session:
        shown, hidden = scene(session, n_items=2), scene(session, n_items=2)
    for seen in (Sight(never=frozenset({hidden.project_id})), Sight(only=frozenset({shown.project_id}))):
        visibility.see(seen)
        with db.read() as session:
            assert [project.id for project in projects.list_all(session)] == [shown.project_id]
            assert session.scalar(select(func.count()).select_from(tables.Item)) == 2
            assert session.scalar(select(func.count()).select_from(tables.Assignment)) == 2
            assert session.get(tables.Item, hidden.items[0]) is None
            with pytest.raises(LookupError):
                projects.get(session, hidden.project_id)
            with visibility.everything(), db.read() as whole:
                assert len(projects.list_all(whole)) == 2
        with db.write() as session:
            session.execute(update(tables.Item).values(context="seen"))
            session.execute(delete(tables.Queue).where(tables.Queue.project_id == hidden.project_id))
        with pytest.raises(LookupError, match="no project"), db.write() as session:
            session.add(tables.Job(kind="revote", project_id=hidden.project_id))
    visibility.see(None)
    with db.read() as session:
        contexts = dict(session.execute(select(tables.Item.id, tables.Item.context)).all())  # type: ignore[arg-type]
        assert [contexts[id_] for id_ in (*shown.items, *hidden.items)] == ["seen", "seen", "", ""]
        assert session.scalar(select(func.count()).where(tables.Queue.project_id == hidden.project_id))
