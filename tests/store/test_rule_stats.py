"""Coverage, conflict, accuracy and errors of rules, on figures that were worked out by hand."""

from __future__ import annotations

import pytest

from core.metrics import wilson
from core.signals.rules import RuleSpec
from store import projects, rule_stats, rules
from store.engine import Database
from store.tables import Correction, Item, Output, Review, Vote
from tests.factories import build, scene


def test_coverage_conflict_and_errors(db: Database) -> None:
    with db.write() as session:
        made, other = scene(session, n_items=4), scene(session, n_items=1)
        for name in ("a", "b", "idle"):
            rules.add(
                session, made.project_id, RuleSpec(name=name, options={"pattern": name}, says="faulty"), user_id=None
            )
        one, two, three, four = made.outputs
        for output_id, source, verdict in (
            (one, "a", "faulty"),
            (one, "arithmetic", "acceptable"),  # contradicts a
            (two, "a", "faulty"),
            (two, "b", "faulty"),  # agrees with a
            (three, "a", None),  # abstains
            (three, "b", "acceptable"),
            (other.outputs[0], "a", "faulty"),  # of another project
        ):
            build(session, Vote, output_id=output_id, source=source, verdict=verdict)
        build(session, Vote, output_id=four, source="b", verdict=None, error="ValueError: <b>")
    with db.read() as session:
        found = rule_stats.stats(session, made.project_id)
    assert set(found) == {"a", "b", "idle"}
    assert (found["a"].coverage, found["a"].conflict) == (0.5, 0.5)
    assert (found["b"].votes, found["b"].conflicts) == (2, 0)
    assert (found["b"].errors, found["b"].error, found["b"].error_output) == (1, "ValueError: <b>", four)
    assert (found["idle"].coverage, found["idle"].conflict, found["idle"].accuracy) == (0.0, None, None)


def test_accuracy_counts_the_newest_review_and_waits_for_ten(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=11)
        rules.add(session, made.project_id, RuleSpec(name="a", options={"pattern": "a"}, says="faulty"), user_id=None)
        for n, output_id in enumerate(made.outputs):
            build(session, Vote, output_id=output_id, source="a", verdict="faulty")
            if n < 9:
                build(session, Review, output_id=output_id, verdict="faulty")
        first = build(session, Review, output_id=made.outputs[9], verdict="faulty")
        build(session, Review, output_id=made.outputs[10], verdict="cannot_judge")
    with db.read() as session:
        found = rule_stats.stats(session, made.project_id)["a"]
        assert (found.reviewed, found.right) == (10, 10)
        before = rule_stats.marks(session)
    with db.write() as session:
        build(session, Review, output_id=made.outputs[9], verdict="acceptable", replaces_id=first.id, revision=2)
    with db.read() as session:
        found = rule_stats.stats(session, made.project_id)["a"]
        assert found.accuracy == (0.9, *wilson(9, 10))
        assert rule_stats.marks(session) != before
    with db.write() as session:
        build(session, Review, output_id=made.outputs[0], verdict="cannot_judge", replaces_id=None)
    with db.read() as session:
        assert rule_stats.stats(session, made.project_id)["a"].reviewed == 10


@pytest.mark.parametrize(
    ("claim", "verdict", "rewrite", "right"),
    [
        ("ham", "acceptable", None, 1),  # the answer is ham
        ("ham", "faulty", None, 0),
        ("spam", "acceptable", None, 0),
        ("spam", "faulty", None, 1),  # says that ham is wrong, which it is
        ("spam", "faulty", "spam", 1),
        ("spam", "faulty", "other", 0),
    ],
)
def test_labels_are_compared_with_the_right_one(
    db: Database, claim: str, verdict: str, rewrite: str | None, right: int
) -> None:
    with db.write() as session:
        project = projects.create(session, slug="l", name="L", item_type="label", labels=["ham", "spam", "other"])
        item = build(session, Item, project_id=project.id)
        output = build(session, Output, item_id=item.id, label="ham")
        rules.add(session, project.id, RuleSpec(name="a", options={"pattern": "a"}, says=claim), user_id=None)
        build(session, Vote, output_id=output.id, source="a", verdict=None, label=claim)
        build(session, Vote, output_id=output.id, source="logprob", verdict="acceptable")
        build(session, Vote, output_id=output.id, source="agreement", verdict=None, label="ham")
        build(session, Review, output_id=output.id, verdict=verdict)
        if rewrite:
            build(session, Correction, output_id=output.id, rewrite=rewrite)
    with db.read() as session:
        found = rule_stats.stats(session, project.id)["a"]
        assert (found.reviewed, found.right, found.conflicts) == (1, right, claim == "spam")
