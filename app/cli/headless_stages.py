"""The stages of the headless demo. Each one does its part through the store or a job, counts, and fails when it did nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import typer

from app.cli import champ, seed
from app.cli.waiting import wait_for_jobs
from app.settings import Settings
from app.worker import client, jobs
from core import exporters, steps
from core.answers import final_answer, same
from core.lessons.handling import classify
from core.types import JobPriority, LessonKind, LessonStatus, Role, Verdict
from store import exports, judgements, lessons, outputs, projects, queue, reviews, users
from store.engine import Database
from store.reviews import NewCorrection
from store.tables import Output

HELD_OUT_ANSWERED = 8
TOP_K = 5
FORMATS = ("sft", "dpo", "prm800k")


class StageEmpty(RuntimeError):
    """A stage ended without having done what it is for."""


@dataclass
class HeadlessRun:
    """One run: where it works, and what it has counted so far. ``claims`` are the slots in the replayed reviewers' hands."""

    db: Database
    settings: Settings
    seeded: seed.Seeded
    taught: Sequence[champ.Problem]
    held_out: Sequence[champ.Problem]
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    claims: list[tuple[int, queue.Claim, champ.Problem]] = field(default_factory=list)

    def item_ids(self, problems: Sequence[champ.Problem]) -> list[int]:
        return [self.seeded.item_ids[p.id] for p in problems]

    def enqueue(
        self, kind: str, payloads: Sequence[dict[str, Any]], priority: JobPriority = JobPriority.NORMAL
    ) -> None:
        """One job per payload, all in one transaction; returns when the project has none left."""
        with self.db.write() as session:
            for payload in payloads:
                jobs.enqueue(
                    session,
                    kind,
                    payload,
                    priority=priority,
                    project_id=self.seeded.project_id,
                    user_id=self.seeded.user_id,
                )
        wait_for_jobs(self.db, self.seeded.project_id)

    def need(self, *names: str) -> None:
        """Raises ``StageEmpty`` when a count that must not be empty is."""
        for name in names:
            if not self.counts.get(name):
                raise StageEmpty(f"this run has no {name.replace('_', ' ')}")


def run_stages(work: HeadlessRun) -> None:
    """All stages in order; raises ``JobsFailed`` or ``StageEmpty`` at the first that did not really run."""
    for name, stage in STAGES.items():
        typer.echo(f"{name} ...", err=True)
        begun = time.perf_counter()
        stage(work)
        work.seconds[name] = round(time.perf_counter() - begun, 2)
        typer.echo(f"{name}: {work.seconds[name]} s", err=True)


def generate(work: HeadlessRun) -> None:
    """Answer the taught problems and judge the answers: resampling, signals, critics, risk."""
    ids = work.item_ids(work.taught)
    work.enqueue("generate", [{"item_ids": ids}])
    with work.db.read() as session:
        made = [o for i in ids if (o := outputs.latest(session, i)) is not None]
        risks = [r for o in made if (r := judgements.risk(session, o.id)) is not None]
        work.counts |= {
            "items": len(ids),
            "outputs": len(made),
            "tokens": sum(len(o.tokens) for o in made),
            "steps": sum(len(o.steps) for o in made),
            "votes": sum(not v.abstains for o in made for v in judgements.votes(session, o.id)),
            "critiques": sum(len(judgements.critiques(session, o.id)) for o in made),
            "risks": len(risks),
            "mean_risk": round(sum(r.value for r in risks) / len(risks), 4) if risks else None,
            "risk_methods": sorted({r.method for r in risks}),
            "right_first_attempt": _right(work, made),
        }
    work.need("outputs", "steps", "votes", "critiques", "mean_risk")
    if work.counts["outputs"] != len(ids) or len(risks) != len(ids):
        raise StageEmpty(f"{len(made)} answers and {len(risks)} risks for {len(ids)} problems")


def _right(work: HeadlessRun, made: Sequence[Output]) -> int:
    """How many outputs give the reference answer: one bit each, seen by nobody but this count."""
    gold = {work.seeded.item_ids[p.id]: p.answer for p in (*work.taught, *work.held_out)}
    return sum(_matches(o.text, gold[o.item_id]) for o in made)


def _matches(text: str, reference: str) -> bool:
    answer = final_answer(text)
    return answer is not None and same(answer, reference)


def correct(work: HeadlessRun) -> None:
    """Each answer is claimed by a reviewer of its own, who replays people's hints as the correction; the model tries again."""
    by_item = {work.seeded.item_ids[p.id]: p for p in work.taught}
    retries = []
    with work.db.write() as session:
        for n in range(len(work.taught)):
            person = users.create(session, f"replay-{n + 1:02}", Role.ANNOTATOR).id
            claim = queue.claim_next(session, person, work.seeded.project_id)
            if claim is None:
                raise StageEmpty(f"the queue ran dry after {n} answers")
            work.claims.append((person, claim, by_item[claim.item_id]))
            output = outputs.get(session, claim.output_id)
            text = " ".join(by_item[claim.item_id].hints)
            handling = classify(text, steps=outputs.to_steps(output))
            said = NewCorrection(
                person,
                claim.output_id,
                text,
                scope=handling.scope,
                dependency=handling.dependency,
                assignment_id=claim.assignment_id,
            )
            correction = reviews.add_correction(session, said)
            retries.append({"output_id": claim.output_id, "correction_id": correction.id})
    work.counts["corrections"] = len(retries)
    work.enqueue("retry", retries, JobPriority.PERSON_WAITING)
    with work.db.read() as session:
        tried = [outputs.attempts(session, i) for i in by_item]
        work.counts["attempts"] = sum(len(attempts) for attempts in tried)
        work.counts["right_after_correction"] = _right(work, [attempts[-1] for attempts in tried])
    if work.counts["attempts"] < 2 * len(retries):
        raise StageEmpty(f"only {work.counts['attempts']} attempts after {len(retries)} corrections")


def submit(work: HeadlessRun) -> None:
    """Every reviewer decides about the attempt at hand, with the people's own solution as the rewrite where it is wrong."""
    with work.db.write() as session:
        for person, claim, problem in work.claims:
            output = outputs.latest(session, claim.item_id)
            assert output is not None
            right = _matches(output.text, problem.answer)
            review = reviews.NewReview(
                claim.assignment_id, person, output.id, Verdict.ACCEPTABLE if right else Verdict.FAULTY
            )
            said = None if right else _rewrite(person, output, problem)
            reviews.submit(session, review, said, claim.token)
    work.counts["reviews"] = len(work.claims)


def _rewrite(person: int, output: Output, problem: champ.Problem) -> NewCorrection:
    lines = [f"{n}. {text}" for n, text in enumerate(problem.solution, 1)]
    rewrite = "\n".join([*lines, f"Answer: {problem.answer}"])
    handling = classify(problem.hints[0], steps=steps.split(output.text))
    return NewCorrection(
        person, output.id, problem.hints[0], scope=handling.scope, dependency=handling.dependency, rewrite=rewrite
    )


def distil(work: HeadlessRun) -> None:
    """Propose lessons from every corrected item; an expert accepts them all; they are embedded and indexed."""
    work.enqueue("distil", [{"item_id": i, "user_id": work.seeded.user_id} for i in work.item_ids(work.taught)])
    with work.db.write() as session:
        proposed = lessons.page(session, work.seeded.project_id, status=LessonStatus.PROPOSED, limit=10_000)
        for lesson in proposed:
            lessons.accept(session, lesson.id, work.seeded.user_id)
        work.counts["lessons_proposed"] = len(proposed)
        work.counts["lessons_by_kind"] = {k.value: n for k in LessonKind if (n := sum(p.kind == k for p in proposed))}
    work.enqueue("embed", [{"project_id": work.seeded.project_id}])
    with work.db.read() as session:
        active = lessons.page(session, work.seeded.project_id, status=LessonStatus.ACTIVE, limit=10_000)
        work.counts["lessons_active"] = len(active)
    work.need("lessons_proposed", "lessons_active")


def retrieve(work: HeadlessRun) -> None:
    """Search with every held-out problem, and compare the concepts of what is found with the problem's own."""
    concepts = _lesson_concepts(work)
    taught = frozenset[str]().union(*(p.concepts for p in work.taught))
    scopes = [kind.value for kind in LessonKind]
    searched = hits = related = found_any = 0
    shared = 0.0
    for problem in work.held_out:
        found = client.search(work.db, work.settings, work.seeded.project_id, scopes, problem.prompt, TOP_K)
        if found is None:
            raise StageEmpty("the worker's search did not answer")
        searched += 1
        found_any += bool(found)
        agree = [bool(concepts[f.owner_id] & problem.concepts) for f in found[:TOP_K]]
        if problem.concepts & taught:
            related += 1
            hits += any(agree)
            shared += sum(agree) / len(agree) if agree else 0
    work.counts |= {
        "retrieval_queries": searched,
        "retrieved_something": found_any,
        "retrieval_related": related,
        "hit_at_5": round(hits / related, 4) if related else None,
        "gold_link_share": round(shared / related, 4) if related else None,
    }
    work.need("retrieved_something", "retrieval_related")


def _lesson_concepts(work: HeadlessRun) -> dict[int, frozenset[str]]:
    """The gold concepts of the problem that each active lesson came from."""
    by_item = {work.seeded.item_ids[p.id]: p.concepts for p in work.taught}
    with work.db.read() as session:
        active = lessons.page(session, work.seeded.project_id, status=LessonStatus.ACTIVE, limit=10_000)
        found = {}
        for lesson in active:
            sources = lessons.lineage(session, lesson.id).sources
            items = {outputs.get(session, source.output_id).item_id for source in sources}
            found[lesson.id] = frozenset[str]().union(*(by_item[i] for i in items))
    return found


def answer_with_lessons(work: HeadlessRun) -> None:
    """Answer some held-out problems that are related to a taught one, with what is retrieved in the prompt."""
    taught = frozenset[str]().union(*(p.concepts for p in work.taught))
    chosen = [p for p in work.held_out if p.concepts & taught][:HELD_OUT_ANSWERED]
    ids = work.item_ids(chosen)
    work.enqueue("generate", [{"item_ids": ids}])
    with work.db.read() as session:
        made = [o for i in ids if (o := outputs.latest(session, i)) is not None]
        chips = [len(outputs.chips(session, o.id)) for o in made]
        work.counts |= {
            "held_out_answered": len(made),
            "held_out_with_lessons": sum(bool(n) for n in chips),
            "lessons_in_prompts": sum(chips),
            "right_held_out": _right(work, made),
        }
    work.need("held_out_answered", "held_out_with_lessons")


def export(work: HeadlessRun) -> None:
    """Write every format as a job, of the live project and of the one that people marked."""
    written = {}
    with work.db.read() as session:
        marked = projects.by_slug(session, seed.MARKED)
    assert marked is not None
    for project_id in (work.seeded.project_id, marked.id):
        for name in FORMATS:
            with work.db.write() as session:
                version = exporters.REGISTRY.make(name).schema_version
                row = exports.add(
                    session, project_id, format=name, schema_version=version, filters={}, user_id=work.seeded.user_id
                )
                jobs.enqueue(
                    session, "export", {"export_id": row.id}, priority=JobPriority.NORMAL, project_id=project_id
                )
            wait_for_jobs(work.db, project_id)
            with work.db.read() as session:
                written[f"{name}:{project_id}"] = exports.get(session, row.id).rows
    live = work.seeded.project_id
    work.counts["exports"] = {name: written[f"{name}:{live}"] for name in FORMATS}
    work.counts["exports_marked"] = {name: written[f"{name}:{marked.id}"] for name in FORMATS}
    if not all(work.counts["exports"].values()) or not work.counts["exports_marked"]["prm800k"]:
        raise StageEmpty(f"an export is empty: {written}")


STAGES: dict[str, Callable[[HeadlessRun], None]] = {
    "generate": generate,
    "correct": correct,
    "submit": submit,
    "distil": distil,
    "retrieve": retrieve,
    "answer_with_lessons": answer_with_lessons,
    "export": export,
}
