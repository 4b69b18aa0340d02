"""Rules come, change, are switched and go, each with its votes; a file of them is taken in as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core import types
from core.signals.rules import RuleSpec
from core.types import Verdict
from store import audit, projects, rules
from store.engine import Database
from store.tables import Rule, Vote
from tests.factories import Scene, build, scene

SCHEMA = {"type": "object", "properties": {"a": {"minimum": 0.5}}}


def of(name: str = "cats", **values: Any) -> RuleSpec:
    filled: dict[str, Any] = {"options": {"pattern": "(?i)cats?"}, "says": "faulty", "evidence": "no cats"}
    return RuleSpec(name=name, **{**filled, **values})


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=2)


def vote(db: Database, output_id: int, source: str) -> None:
    with db.write() as session:
        build(session, Vote, output_id=output_id, source=source)


def sources(db: Database) -> list[str]:
    with db.read() as session:
        return sorted(session.scalars(select(Vote.source)))


@pytest.mark.parametrize(
    "rule",
    [
        of(),
        of(options={"pattern": "x", "absent": True}, field="any"),
        of(kind="number", options={"check": "between", "low": 0, "high": 0.5}),
        of(kind="json_schema", options={"schema": SCHEMA}),
        of(kind="length", field="prompt", options={"at_most": 5}, says="acceptable"),
    ],
)
def test_a_rule_is_kept_as_it_was_written(db: Database, made: Scene, rule: RuleSpec) -> None:
    with db.write() as session:
        rules.add(session, made.project_id, rule, user_id=made.users[0])
    with db.read() as session:
        assert rules.specs(session, made.project_id) == [rule]
        row = rules.list_all(session, made.project_id, enabled=True)[0]
        assert (row.author_id, row.pattern) == (made.users[0], rule.options.get("pattern", ""))
        (event,) = audit.page(session, action="rule.add")
        assert event.new["options"] == rule.options


def test_a_name_is_taken_once_a_project(db: Database, made: Scene) -> None:
    with db.write() as session:
        other = projects.create(session, slug="q", name="Q", item_type="label", labels=["cat", "dog"])
        first = rules.add(session, made.project_id, of(), user_id=None)
        rules.add(session, other.id, of(says="cat"), user_id=None)
        second = rules.add(session, made.project_id, of("dogs"), user_id=None)
        with pytest.raises(ValueError, match="already"):
            rules.add(session, made.project_id, of(), user_id=None)
        with pytest.raises(ValueError, match="already"):
            rules.change(session, second.id, of(), user_id=None)
        with pytest.raises(ValueError, match="means nothing here"):
            rules.change(session, first.id, of(says="cat"), user_id=None)
        with pytest.raises(LookupError):
            rules.get(session, first.id, other.id)


def test_changing_switching_off_and_removing_take_the_votes_back(db: Database, made: Scene) -> None:
    with db.write() as session:
        other = scene(session, n_items=1)
        rule = rules.add(session, made.project_id, of(), user_id=None)
    for changes in (
        lambda s: rules.change(s, rule.id, of(evidence="never"), user_id=None),
        lambda s: rules.set_enabled(s, rule.id, False, user_id=None),
        lambda s: rules.remove(s, rule.id, user_id=None),
    ):
        vote(db, made.outputs[0], "cats")
        if sources(db).count("arithmetic") == 0:
            vote(db, made.outputs[0], "arithmetic")
            vote(db, other.outputs[0], "cats")
        with db.write() as session:
            before = rules.state(session, made.project_id)
            changes(session)
            after = rules.state(session, made.project_id)
        assert sources(db) == ["arithmetic", "cats"]
        assert before != after or session.get(Rule, rule.id) is None
    with db.read() as session:
        actions = [event.action for event in audit.page(session, subject="rule", subject_id=rule.id)]
        assert actions == ["rule.remove", "rule.disable", "rule.change", "rule.add"]
        with pytest.raises(LookupError, match="was removed"):
            rules.get(session, rule.id)


def test_a_change_that_changes_nothing_leaves_the_votes(db: Database, made: Scene) -> None:
    with db.write() as session:
        rule = rules.add(session, made.project_id, of(), user_id=None)
    vote(db, made.outputs[0], "cats")
    with db.write() as session:
        rules.change(session, rule.id, of(), user_id=None)
        rules.set_enabled(session, rule.id, True, user_id=None)
    assert sources(db) == ["cats"]


def test_a_file_is_taken_in_as_a_whole(db: Database, made: Scene) -> None:
    with db.write() as session:
        rules.take_in(session, made.project_id, [of(), of("dogs")], user_id=None)
    with db.write() as session:
        counted = rules.take_in(session, made.project_id, [of(), of("dogs", evidence="x"), of("birds")], user_id=None)
    assert counted == (1, 1)
    with pytest.raises(ValueError, match="'fish' says 'wet'"), db.write() as session:
        rules.take_in(session, made.project_id, [of("eels"), of("fish", says="wet")], user_id=None)
    with db.read() as session:
        assert [row.name for row in rules.list_all(session, made.project_id)] == ["birds", "cats", "dogs"]


def test_votes_are_replaced_and_silent_ones_are_not_kept(db: Database, made: Scene) -> None:
    first, second = made.outputs
    faulty, silent = types.Vote("cats", Verdict.FAULTY, evidence="c"), types.Vote("cats")
    broken = types.Vote("dogs", error="ValueError: no")
    vote(db, first, "arithmetic")
    with db.write() as session:
        assert rules.save_votes(session, {first: [faulty, broken], second: [silent]}, ["cats", "dogs"]) == 1
    with db.write() as session:
        ids = {row.source: row.id for row in session.scalars(select(Vote))}
        assert rules.save_votes(session, {first: [faulty, broken], second: [silent]}, ["cats", "dogs"]) == 0
        assert {row.source: row.id for row in session.scalars(select(Vote))} == ids
    with db.write() as session:
        assert rules.save_votes(session, {first: [silent], second: [faulty]}, ["cats", "dogs"]) == 2
        found = {(row.output_id, row.source) for row in session.scalars(select(Vote))}
        assert found == {(first, "arithmetic"), (second, "cats")}
