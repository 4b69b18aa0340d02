"""What the calibration page reads, against a count by hand, on both databases."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store import queue, risk_history, tables
from store.engine import Database
from tests.calibration_rows import judged_project
from tests.factories import build


def test_reviewed_answers_carry_the_risk_that_was_shown(db: Database) -> None:
    with db.write() as session:
        project = judged_project(session, answers=60, reviewed=40)
        other = judged_project(session, answers=5, reviewed=5, slug="other")
        assert other != project
        session.execute(tables.Risk.__table__.update().values(value=0.123))
    with db.read() as session:
        rows = risk_history.reviewed(session, project)
        draws = risk_history.reviewed(session, project, only_audit=True)
        verdicts = {r.output_id: r.verdict for r in session.scalars(select(tables.Review))}
        assert len(risk_history.reviewed(session, project, 7)) == 7
    assert len(rows) == 40
    assert all(row.wrong == (verdicts[row.output_id] == "faulty") for row in rows)
    assert {row.value for row in rows} == {0.123}
    assert all(row.shown != 0.123 and row.shown_calibrated and row.shown_raw is not None for row in rows)
    assert draws == [row for row in rows if row.audit] and draws


def judge(session: Session, output_id: int, verdict: str, **more: object) -> tables.Review:
    return build(session, tables.Review, output_id=output_id, verdict=verdict, **more)


def test_the_newest_verdict_counts_and_who_could_not_judge_does_not(db: Database) -> None:
    with db.write() as session:
        project = judged_project(session, answers=3, reviewed=0)
        first, second, third = session.scalars(select(tables.Output.id).order_by(tables.Output.id)).all()
        old = judge(session, first, "faulty")
        judge(session, first, "acceptable", replaces_id=old.id)  # another revision
        judge(session, second, "faulty")  # another person
        judge(session, second, "acceptable", shown={"risk": None})
        judge(session, third, "cannot_judge")
    with db.read() as session:
        rows = risk_history.reviewed(session, project)
    assert {row.output_id: (row.wrong, row.shown) for row in rows} == {first: (False, None), second: (False, None)}


def test_sources_by_hand(db: Database) -> None:
    with db.write() as session:
        project = judged_project(session, answers=4, reviewed=0, votes=False)
        outputs = session.scalars(select(tables.Output.id).order_by(tables.Output.id)).all()
        for output in outputs:
            judge(session, output, "faulty" if output in outputs[:2] else "acceptable")
        for risk in session.scalars(select(tables.Risk)):
            risk.value = 0.8 if risk.output_id in outputs[:2] else 0.1
        for output, says in zip(outputs, ("faulty", "acceptable", "acceptable", None), strict=True):
            session.add(tables.Vote(output_id=output, source="s", verdict=says))
    with db.read() as session:
        (found,) = risk_history.sources(session, project, risk_history.reviewed(session, project))
    assert (found.name, found.answers, found.votes, found.reviewed, found.right) == ("s", 4, 3, 3, 2)
    assert found.doubt == pytest.approx((0.2 + 0.8 + 0.1) / 3)


def test_the_census_counts_every_answer_once(db: Database) -> None:
    with db.write() as session:
        project = judged_project(session, answers=200, reviewed=80)
        user = session.scalars(select(tables.User.id)).first()
        assert user is not None and queue.claim_next(session, user, project)
        values = [0.0, 0.29, 0.57, 0.58, 0.999, 1.0]  # hundredths that binary fractions miss
        for risk, value in zip(session.scalars(select(tables.Risk).order_by(tables.Risk.id)), values, strict=False):
            risk.value = value
    with db.read() as session:
        bands = risk_history.census(session, project)
        rows = session.execute(
            select(tables.Assignment, tables.Risk.value).join(
                tables.Risk, tables.Risk.output_id == tables.Assignment.output_id
            )
        ).all()
        lanes = queue.lane_counts(session, project)
    by_hand = Counter((min(99, int(value * 100 + 1e-7)), slot.audit) for slot, value in rows)
    found: Counter[tuple[int, bool]] = Counter()
    for band in bands:
        found[(round(band.low * 100), band.audit)] += band.count
    assert found == by_hand
    assert sum(band.waiting for band in bands) == lanes["risky"] + lanes["audit"] + lanes["passed"] == 119
    assert sum(band.left for band in bands) == 120


def test_how_far_the_queue_was_worked_off(db: Database) -> None:
    with db.write() as session:
        project = judged_project(session, answers=50, reviewed=0)
        risks = dict(session.execute(select(tables.Risk.output_id, tables.Risk.value)).all())
        for slot in session.scalars(select(tables.Assignment)):
            if not slot.audit and risks[slot.output_id] >= 0.5:
                slot.state = "submitted"
                build(session, tables.Review, output_id=slot.output_id, assignment_id=slot.id, verdict="faulty")
    with db.read() as session:
        done = risk_history.worked(risk_history.census(session, project), risk_history.reviewed(session, project))
        left = max(
            risks[s.output_id] for s in session.scalars(select(tables.Assignment)) if s.state == "open" and not s.audit
        )
    assert left < done.cutoff <= left + 0.011
    assert done.total_above == sum(value >= done.cutoff for value in risks.values())
    assert done.total_above + done.total_below == 50


def test_versions_come_newest_first_without_their_weights(db: Database) -> None:
    with db.write() as session:
        project = judged_project(session, answers=2, reviewed=0)
        build(session, tables.RiskModel, project_id=project, version="polar-9", current=False)
    with db.read() as session:
        rows = risk_history.versions(session, project)
    assert [row["version"] for row in rows] == ["polar-9", "polar-7"]
    assert rows[1]["figures"]["auroc"] == 0.78
    assert "state" not in rows[0]
