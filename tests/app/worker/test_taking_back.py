"""Jobs after a retraction: what remains is distilled anew, and heads without it are offered and never come into force by themselves."""

from __future__ import annotations

from sqlalchemy import select

from app import lesson_changes
from app.view import taking_back as view
from app.worker.handlers import HANDLERS
from app.worker.heads import CRITIC, heads_of
from core.critics.step_head_retraining import Heads, retrained
from core.types import JobState, LessonStatus
from store import critic_models, lessons, notebook, reviews, tables
from store.lessons import Filter
from tests.app.worker.conftest import Bench
from tests.app.worker.test_data_handlers import models
from tests.critic_rows import reviewed_steps
from tests.factories import scene

WORDS = "Always check the sum before you write the answer."


def test_what_remains_is_distilled_anew(bench: Bench) -> None:
    """One lesson of two people, whose words say the same; one lesson made from what one of them said alone."""
    with bench.db.write() as session:
        made = scene(session, n_items=3)
        said = [reviews.NewCorrection(made.users[k], made.outputs[k], WORDS) for k in (0, 1)]
        said.append(reviews.NewCorrection(made.users[1], made.outputs[2], "Never round a price in the middle."))
        ids = [reviews.add_correction(session, one).id for one in said]
    bench.start(HANDLERS, models(bench))
    for item in made.items:
        bench.wait(bench.enqueue("distil", payload={"item_id": item}))
    with bench.db.write() as session:
        both, alone = sorted(session.scalars(select(tables.Lesson.id)))
        lessons.accept(session, both, made.users[0])
        lessons.edit(session, both, made.users[0], text="Check every sum twice, with care and a pencil.")
        done = lesson_changes.retract_many(
            session, made.project_id, Filter(author_id=made.users[1]), made.users[0], "x"
        )
        assert (done.lessons, done.suspended) == (1, 1)
        job = session.scalar(select(tables.Job.id).where(tables.Job.kind == "redistil"))
    found = bench.wait(job or 0)
    assert found.state == JobState.DONE, found.error
    (child,) = found.result["proposed"][str(both)]
    with bench.db.read() as session:
        assert [lessons.get(session, id_).status for id_ in (both, alone, child)] == [
            "suspended",
            "retracted",
            "proposed",
        ]
        lineage = lessons.lineage(session, child)
        assert [row.id for row in lineage.parents] == [both] and [row.id for row in lineage.sources] == [ids[0]]
    payload = {"retraction_id": done.id}
    assert bench.wait(bench.enqueue("redistil", payload=payload)).result["proposed"] == {str(both): [child]}, "once"
    with bench.db.write() as session:
        lesson_changes.undo(session, done.id, made.users[0], "right after all")
    with bench.db.read() as session:
        assert [lessons.get(session, id_).status for id_ in (both, alone, child)] == ["active", "proposed", "rejected"]


def test_a_lesson_that_says_the_same_without_it_stands_again(bench: Bench) -> None:
    with bench.db.write() as session:
        made = scene(session, n_items=2)
        for k in (0, 1):
            reviews.add_correction(session, reviews.NewCorrection(made.users[k], made.outputs[k], WORDS))
    bench.start(HANDLERS, models(bench))
    for item in made.items:
        bench.wait(bench.enqueue("distil", payload={"item_id": item}))
    with bench.db.write() as session:
        (both,) = session.scalars(select(tables.Lesson.id))
        lessons.accept(session, both, made.users[0])
        done = lesson_changes.retract_many(
            session, made.project_id, Filter(author_id=made.users[1]), made.users[0], "x"
        )
        assert lessons.get(session, both).status == LessonStatus.SUSPENDED, "at once"
        job = session.scalar(select(tables.Job.id).where(tables.Job.kind == "redistil"))
    assert bench.wait(job or 0).result["restored"] == {str(both): [both]}
    with bench.db.read() as session:
        assert lessons.get(session, both).status == LessonStatus.ACTIVE
        assert lessons.lineage(session, both).revisions[-1].why.startswith("distilled anew")
        assert lessons.entries(session, done.id)["suspended"] == []


def test_heads_without_it_are_offered_and_none_is_in_force_without_a_yes(bench: Bench) -> None:
    with bench.db.write() as session:
        project, outputs = reviewed_steps(session, n=60)
        bad = tables.User(name="mallory", role="annotator")
        session.add(bad)
        session.flush()
        rows = session.execute(
            select(tables.Review.output_id, tables.Review.first_wrong_step, tables.Review.verdict).where(
                tables.Review.output_id.in_(outputs[15:])
            )
        ).all()
        for output, first, _ in rows:  # says the reverse of what the others say
            verdict, step = ("acceptable", None) if first is not None else ("faulty", 0)
            session.add(
                tables.Review(output_id=output, user_id=bad.id, verdict=verdict, first_wrong_step=step, shown={})
            )
        session.flush()
        flagged = notebook.labels(session, [r for r in notebook.step_reviews(session, project) if r.user == "mallory"])
        kept = notebook.labels(session, [r for r in notebook.step_reviews(session, project) if r.user != "mallory"])
        gone = {(one.problem, one.steps) for one in flagged}
        taught = [one for one in kept if (one.problem, one.steps) not in gone] + flagged
        heads, _ = retrained(taught, Heads.start())
        critic_models.save(
            session, project, CRITIC, version="step_head-1", state=heads.state(), figures={}, labels=60, current=True
        )
        mallory = bad.id
    bench.start(HANDLERS, models(bench))
    with bench.db.write() as session:
        wanted = Filter(author_id=mallory, reviews=True)
        done = lesson_changes.retract_many(session, project, wanted, mallory, "said the reverse")
        job = session.scalar(select(tables.Job.id).where(tables.Job.kind == "unlearn"))
    found = bench.wait(job or 0)
    assert found.state == JobState.DONE, found.error
    assert (
        found.result["critics"] == [f"{CRITIC}-{job}-ssd", f"{CRITIC}-{job}-retrain"] and found.result["risk"] is None
    )
    with bench.db.read() as session:
        offered = [row for row in critic_models.versions(session, project) if row.figures.get("retraction") == done.id]
        assert [row.current for row in offered] == [False, False]
        current = critic_models.current(session, project, CRITIC)
        assert current is not None and current.version == "step_head-1", "nothing came into force by itself"
        retrain = next(row for row in offered if row.figures["method"] == "retrain")
        corrected, retained = retrain.figures["corrected"], retrain.figures["retained"]
        assert corrected["flagged"] == 45 > corrected["n"] >= 38, "on some of them the others do not agree"
        assert retained["n"] >= 10
        assert corrected["after"]["unseen"] > corrected["before"]["unseen"], "right labels of others are learned from"
        page = view.past(session, project, admin=True)
        assert "look exchanged" in page and "dampening does not repair" in page and "Step critic, dampened" in page
    with bench.db.write() as session:
        view.use(session, project, "critic", retrain.id, mallory)
    with bench.db.read() as session:
        assert heads_of(session, project).state() == retrain.state
        assert critic_models.versions(session, project)[-1].version == "step_head-1", "the way back"
