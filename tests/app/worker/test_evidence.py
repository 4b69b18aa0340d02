"""Evidence through the runner: nearest past verdicts, and heat that is shown only where people's marks say that it is right."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import func, select

from app.worker.waking import evidence_due, wake_evidence
from core import steps
from core.types import RiskEstimate
from store import evidence, judgements, outputs, queue, vectors
from store.tables import Embedding, Job, Review
from tests.app.worker.loop import Loop
from tests.factories import build

WORDS = ("add", "pens", "carry", "one", "then", "sum", "both", "rows", "write", "down", "next", "take", "half", "again")


def answer_of(rng: random.Random, wrong: int | None, n: int = 5) -> str:
    """Steps of common words; the wrong one says "mistaken" as well."""
    lines = [" ".join(rng.choices(WORDS, k=5)) for _ in range(n)]
    if wrong is not None:
        lines[wrong] += " mistaken mistaken"
    return "\n".join(f"Step {k + 1}: {line}" for k, line in enumerate(lines))


def reviewed_outputs(loop: Loop, count: int, *, marks: str = "right") -> list[int]:
    """Outputs of items 0 .. count - 1, every second one found faulty; ``marks``: right, or at random."""
    rng = random.Random(1)
    items = loop.project(count + 2)
    made = []
    with loop.db.write() as session:
        for k, item_id in enumerate(items[:count]):
            wrong = rng.randrange(5) if k % 2 else None
            text = answer_of(rng, wrong)
            made.append(outputs.add(session, outputs.NewOutput(item_id, text, "t", steps=steps.split(text))).id)
            mark = wrong if marks == "right" or wrong is None else rng.randrange(5)
            verdict = "acceptable" if wrong is None else "faulty"
            build(session, Review, output_id=made[-1], verdict=verdict, first_wrong_step=mark, step_labels=[])
    loop.items = items  # type: ignore[attr-defined]
    return made


def waiting_output(loop: Loop, item: int, wrong: int | None, seed: int = 9) -> int:
    text = answer_of(random.Random(seed), wrong)
    with loop.db.write() as session:
        new = outputs.NewOutput(loop.items[item], text, "t", steps=steps.split(text))  # type: ignore[attr-defined]
        output_id = outputs.add(session, new).id
        queue.enqueue_output(session, loop.project_id, output_id, priority=1.0)
        return output_id


def evidence_of(loop: Loop, output_id: int) -> dict[str, Any]:
    with loop.db.read() as session:
        risk = judgements.risk(session, output_id)
    assert risk is not None
    return dict(risk.evidence)


def test_an_analysed_answer_has_the_nearest_past_verdicts(loop: Loop) -> None:
    made = reviewed_outputs(loop, 6)
    loop.run("analyse", {"output_ids": made})
    fresh = waiting_output(loop, 7, 2)
    loop.run("analyse", {"output_ids": [fresh]})
    similar = evidence_of(loop, fresh)["similar"]
    assert len(similar) == 3 and [one["similarity"] for one in similar] == sorted(
        (one["similarity"] for one in similar), reverse=True
    )
    by_id = {one["output_id"]: one for one in similar}
    assert set(by_id) <= set(made) and all(
        one["verdict"] == ("faulty" if made.index(key) % 2 else "acceptable") for key, one in by_id.items()
    )
    with loop.db.read() as session:
        found = vectors.of(session, "output", [fresh, *made], loop.embedder.model_id)
    best = max(made, key=lambda key: float(found[key] @ found[fresh]))
    assert similar[0]["output_id"] == best


def test_an_answer_is_no_reason_for_itself_and_a_refit_keeps_the_evidence(loop: Loop) -> None:
    made = reviewed_outputs(loop, 6)
    loop.run("analyse", {"output_ids": made})
    loop.run("fit_risk", {"project_id": loop.project_id})
    for output_id in made:
        similar = evidence_of(loop, output_id)["similar"]
        assert len(similar) == 3 and output_id not in {one["output_id"] for one in similar}


@pytest.mark.parametrize("marks", ["right", "random"])
def test_the_heat_is_shown_only_where_marks_say_that_it_is_right(loop: Loop, marks: str) -> None:
    made = reviewed_outputs(loop, 100, marks=marks)
    fresh = waiting_output(loop, 101, 3)
    with loop.db.write() as session:
        judgements.save(session, fresh, risk=RiskEstimate(0.5, "test", "1"))
        vector = loop.embedder.embed(["x"])[0]
        vectors.put(
            session,
            project_id=loop.project_id,
            scope="output",
            owner_kind="output",
            owner_id=fresh,
            model=loop.embedder.model_id,
            vector=vector,
        )
    job = loop.run("fit_evidence", {"project_id": loop.project_id})
    assert job.state == "done", job.error
    assert job.result["bags"] == len(made) and job.result["marked"] == len(made) // 2 and job.result["renewed"] == 1
    with loop.db.read() as session:
        known = evidence.current(session, loop.project_id)
        assert known is not None and known.reviewed == len(made) and known.figures["n"] == len(made) // 2
        assert session.scalar(select(func.count(Embedding.id)).where(Embedding.owner_kind == "steps")) >= len(made)
    heat = evidence_of(loop, fresh).get("heat")
    if marks == "random":
        assert not job.result["shown"] and heat is None
        return
    assert job.result["shown"] and heat is not None and len(heat) == 5
    assert sum(heat) == pytest.approx(1, abs=1e-3) and heat.index(max(heat)) == 3
    loop.run("analyse", {"output_ids": [fresh]})
    assert evidence_of(loop, fresh)["heat"] == heat  # an analysis gives the same


def test_too_few_reviews_leave_a_map_without_weights(loop: Loop) -> None:
    reviewed_outputs(loop, 6)
    job = loop.run("fit_evidence", {"project_id": loop.project_id})
    assert job.result == {"bags": 6, "marked": 0, "shown": False, "renewed": 0}
    with loop.db.read() as session:
        known = evidence.current(session, loop.project_id)
    assert known is not None and known.state == {} and not known.shown


def test_it_is_due_after_five_reviews_and_waits_only_once(loop: Loop) -> None:
    made = reviewed_outputs(loop, 4)
    with loop.db.write() as session:
        assert not evidence_due(session, loop.project_id)
        fresh = waiting_output_in(session, loop)
        build(session, Review, output_id=fresh, verdict="acceptable", first_wrong_step=None)
        assert wake_evidence(session, loop.project_id) and wake_evidence(session, loop.project_id)
        assert session.scalar(select(func.count(Job.id)).where(Job.kind == "fit_evidence")) == 1
    loop.run("fit_evidence", {"project_id": loop.project_id})
    with loop.db.write() as session:
        assert not wake_evidence(session, loop.project_id)
    assert len(made) == 4


def waiting_output_in(session: Any, loop: Loop) -> int:
    text = answer_of(random.Random(3), None)
    return outputs.add(session, outputs.NewOutput(loop.items[5], text, "t", steps=steps.split(text))).id  # type: ignore[attr-defined]
