"""Projects are validated where they enter; queues belong to them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from store import audit, projects, risk_models, tables
from store.engine import Database
from tests.factories import build, scene


def make(db: Database, **values: object) -> tables.Project:
    with db.write() as session:
        options = {"slug": "p", "name": "P", "item_type": "reasoning", **values}
        return projects.create(session, **options)  # type: ignore[arg-type]


def test_a_project_comes_with_its_queues_and_full_settings(db: Database) -> None:
    project = make(db, settings={"lesson_tokens": 100})
    with db.read() as session:
        kinds = session.scalars(select(tables.Queue.kind).where(tables.Queue.project_id == project.id)).all()
        assert sorted(kinds) == ["adjudicate", "annotate", "audit", "expert"]
        kept = projects.get(session, project.id)
        assert (kept.settings["lesson_tokens"], kept.settings["risk"]) == (100, "polar")
        found = projects.by_slug(session, "p")
        assert found is not None and found.id == project.id
        assert projects.by_slug(session, "q") is None
        with pytest.raises(projects.UnknownProject):
            projects.get(session, 9999)


@pytest.mark.parametrize(
    "values",
    [
        {"slug": "No"},
        {"slug": ""},
        {"slug": "a/b"},
        {"item_type": "song"},
        {"item_type": "label", "labels": ["one"]},
        {"labels": ["a", "a"]},
        {"labels": ["a", " "]},
        {"settings": {"colour": "red"}},
        {"settings": {"lesson_tokens": -1}},
    ],
)
def test_what_cannot_be_is_refused(db: Database, values: dict[str, object]) -> None:
    with pytest.raises((ValueError, ValidationError)):
        make(db, **values)
    with db.read() as session:
        assert projects.list_all(session) == []


def test_an_address_is_taken_once(db: Database) -> None:
    make(db)
    with pytest.raises(ValueError, match="already"):
        make(db)


def test_changes_are_checked_and_noted(db: Database) -> None:
    project = make(db, item_type="label", labels=["spam", "ham"])
    with db.write() as session:
        projects.update(session, project.id, user_id=None, name="New", labels=["spam", "ham", "other"])
        projects.update(session, project.id, user_id=None, name="New")
    with db.read() as session:
        changes = audit.page(session, action="project.update")
        assert [(event.old, event.new) for event in changes] == [
            ({"name": "P", "labels": ["spam", "ham"]}, {"name": "New", "labels": ["spam", "ham", "other"]})
        ]
    for bad in ({"slug": "q"}, {"labels": ["spam"]}, {"settings": {"x": 1}}):
        with pytest.raises((ValueError, ValidationError)), db.write() as session:
            projects.update(session, project.id, user_id=None, **bad)


def test_queue_settings(db: Database) -> None:
    project = make(db)
    with db.write() as session:
        projects.set_queue(session, project.id, "annotate", user_id=None, overlap=2, skip_policy="set_aside")
    with db.read() as session:
        queue = projects.queue_of(session, project.id)
        assert (queue.overlap, queue.skip_policy, queue.lease_seconds) == (2, "set_aside", 900)
        with pytest.raises(projects.UnknownProject):
            projects.queue_of(session, project.id, "nothing")
    for bad in ({"overlap": 0}, {"lease_seconds": 0}, {"skip_policy": "burn"}, {"colour": "red"}):
        with pytest.raises(ValueError), db.write() as session:
            projects.set_queue(session, project.id, "annotate", user_id=None, **bad)


def test_risk_models_keep_every_version_and_one_current(db: Database) -> None:
    project = make(db)
    with db.write() as session:
        assert risk_models.current(session, project.id) is None
        for version in ("v1", "v2", "v2"):
            risk_models.save(
                session, project.id, version=version, method="polar", state={"v": version}, rows=3, reviewed=1
            )
        found = risk_models.current(session, project.id)
        assert found is not None and (found.version, found.state) == ("v2", {"v": "v2"})
        rows = session.scalars(select(tables.RiskModel)).all()
        assert sorted((row.version, row.current) for row in rows) == [("v1", False), ("v2", True)]


def test_the_audit_log_is_paged_and_filtered(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=0)
        for n in range(5):
            audit.record(session, "x.done", "item", n, user_id=made.users[0], new={"n": n})
        build(session, tables.AuditEvent)
    with db.read() as session:
        first = audit.page(session, action="x.done", limit=2)
        rest = audit.page(session, action="x.done", before=first[-1].id)
        assert [event.subject_id for event in [*first, *rest]] == [4, 3, 2, 1, 0]
        assert len(audit.page(session, user_id=made.users[0], subject="item", subject_id=3)) == 1
