"""Evidence rows: one map per project, reviews with the newest verdict, and what a page shows of past answers."""

from __future__ import annotations

from core.types import Critique, RiskEstimate, StepLabel, Verdict, Vote
from store import evidence, judgements
from store.engine import Database
from store.tables import Review
from tests.factories import build, scene


def test_a_project_has_one_map_that_is_replaced(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        for reviewed in (5, 9):
            evidence.save(
                session,
                made.project_id,
                embedder="e",
                state={"W": [[0.5]]},
                figures={"n": 3},
                shown=True,
                reviewed=reviewed,
            )
    with db.read() as session:
        known = evidence.current(session, made.project_id)
        assert known is not None and (known.reviewed, known.state, known.shown) == (9, {"W": [[0.5]]}, True)
        assert evidence.current(session, made.project_id + 1) is None


def test_of_several_reviews_the_newest_judgement_counts(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        first, second, third = made.outputs
        build(session, Review, output_id=first, verdict="acceptable", first_wrong_step=None)
        build(session, Review, output_id=first, verdict="faulty", first_wrong_step=1)
        build(session, Review, output_id=first, verdict="cannot_judge", first_wrong_step=None)
        old = build(session, Review, output_id=second, verdict="faulty")
        build(session, Review, output_id=second, verdict="cannot_judge", replaces_id=old.id, first_wrong_step=None)
        build(session, Review, output_id=third, verdict="acceptable", first_wrong_step=None)
    with db.read() as session:
        found = evidence.reviewed(session, made.project_id, 10)
        assert [(one.output_id, one.verdict, one.first_wrong_step) for one in found] == [
            (third, Verdict.ACCEPTABLE, None),
            (first, Verdict.FAULTY, 1),
        ]
        assert [one.output_id for one in evidence.reviewed(session, made.project_id, 1)] == [third]
        past = evidence.past_answers(session, [first, second])
        assert past[first].verdict is Verdict.FAULTY and past[second].verdict is None
        assert past[first].item_id == made.items[0] and past[first].text
        assert evidence.past_answers(session, []) == {}


def test_evidence_is_set_without_touching_the_risk(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        judgements.save(session, made.outputs[0], risk=RiskEstimate(0.4, "m", "1", evidence={"heat": [0.5, 0.5]}))
        evidence.keep(session, {made.outputs[0]: {"similar": []}, made.outputs[1]: {"similar": []}})
    with db.read() as session:
        risk = judgements.risk(session, made.outputs[0])
        assert risk is not None and (risk.value, risk.evidence) == (0.4, {"similar": []})
        assert judgements.risk(session, made.outputs[1]) is None


def test_what_waits_is_what_has_a_risk_and_an_open_slot_most_urgent_first(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        for output_id in made.outputs[1:]:
            judgements.save(session, output_id, risk=RiskEstimate(0.4, "m", "1"))
    with db.read() as session:
        assert evidence.waiting(session, made.project_id, 10) == list(zip(made.outputs, made.items, strict=True))[1:]
        assert len(evidence.waiting(session, made.project_id, 1)) == 1


def test_votes_of_a_judge_and_texts_of_steps(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        said = [Critique(1, "c", StepLabel.WRONG, "no", 0.9)]
        judgements.save(session, made.outputs[0], critiques=said)
        votes = [Vote("judge", Verdict.FAULTY, details={"orders": ["2", "2"]}), Vote("arithmetic")]
        judgements.save(session, made.outputs[0], votes=votes)
    with db.read() as session:
        (vote,) = evidence.judge_votes(session, made.project_id)
        assert vote.details == {"orders": ["2", "2"]} and vote.verdict is Verdict.FAULTY
        assert evidence.step_verdicts(session, made.project_id) == [
            (Critique(1, "c", StepLabel.WRONG, "", 0.9), [10, 19])
        ]
        assert evidence.step_texts(session, made.outputs[:1]) == {
            made.outputs[0]: ["3 + 4 = 7.", "So the answer is 8."]
        }
