"""The demo's projects: one whose problems the local model answers, one with other models' answers that people have marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app import auth
from app.cli import champ
from core import steps
from core.types import ItemType, Role, Step, Verdict
from store import items, outputs, projects, queue, reviews, users
from store.engine import Database

LIVE, MARKED = "champ", "champ-marked"
MARKED_SOLUTIONS = 60  # of 540: enough to show reviews, calibration and a PRM export at once
MARKED_BY = "champ-annotators"
GUIDELINES = (
    "Solve the problem in numbered steps. Each step says what it does and why it is allowed. "
    "End with one line that starts with “Answer:” and gives the final answer alone."
)
LICENCE = "CHAMP (Mao, Kim, Zhou, 2024), MIT"


@dataclass(frozen=True, slots=True)
class Seeded:
    """The live project, its admin, and its items by problem id."""

    project_id: int
    user_id: int
    item_ids: dict[str, int]


def seed(db: Database, data: champ.Champ) -> Seeded:
    """Make both projects, or find them as they are: seeding twice adds nothing."""
    user_id = auth.demo_user(db)
    with db.write() as session:
        project = projects.by_slug(session, LIVE) or projects.create(
            session,
            slug=LIVE,
            name="CHAMP competition problems",
            item_type=ItemType.REASONING,
            guidelines=GUIDELINES,
            licence=LICENCE,
            # A demo shows what the page can; on a blind item a visitor would find no risk and no critic, and wonder.
            settings={"generator": {"max_new_tokens": 192, "samples": 2}, "blind_share": 0.0},
            user_id=user_id,
        )
        rows = [items.NewItem(p.id, p.prompt, reference=p.answer, meta={"category": p.category}) for p in data.problems]
        ids = items.add_many(session, project.id, rows).ids
    _seed_marked(db, data, user_id)
    return Seeded(project.id, user_id, dict(zip((p.id for p in data.problems), ids, strict=True)))


def _seed_marked(db: Database, data: champ.Champ, user_id: int) -> None:
    with db.write() as session:
        if projects.by_slug(session, MARKED):
            return
        project = projects.create(
            session,
            slug=MARKED,
            name="CHAMP, answers marked by people",
            item_type=ItemType.REASONING,
            guidelines="Answers of four models. People marked the first wrong step.",
            licence=LICENCE,
            user_id=user_id,
        )
        person = users.create(session, MARKED_BY, Role.ANNOTATOR).id
        prompts = {p.id: p for p in data.problems}
        for solution in _spread(data.solutions, MARKED_SOLUTIONS):
            _add_marked(session, project.id, person, prompts[solution.problem_id], solution)


def _spread(solutions: Sequence[champ.MarkedSolution], n: int) -> list[champ.MarkedSolution]:
    """``n`` solutions evenly through the file, one a problem, so that all categories and models are there."""
    first = list({s.problem_id: s for s in reversed(solutions)}.values())[::-1]
    return [first[i * len(first) // n] for i in range(min(n, len(first)))]


def _add_marked(
    session: Session, project_id: int, person: int, problem: champ.Problem, solution: champ.MarkedSolution
) -> None:
    """One answer with its review, by the way every review goes: queued, claimed, submitted."""
    item = items.NewItem(problem.id, problem.prompt, reference=problem.answer, meta={"category": problem.category})
    item_id = items.add_many(session, project_id, [item]).ids[0]
    pieces = steps.split(solution.text)
    output = outputs.add(
        session,
        outputs.NewOutput(item_id, solution.text, f"champ/{solution.model}", origin="imported", steps=pieces),
    )
    queue.enqueue_output(session, project_id, output.id, priority=0)
    claim = queue.claim_next(session, person, project_id)
    if claim is None:
        raise RuntimeError("an answer that was just queued could not be claimed")
    wrong = first_wrong(pieces, solution.wrong_start)
    review = reviews.NewReview(
        assignment_id=claim.assignment_id,
        user_id=person,
        output_id=claim.output_id,
        verdict=Verdict.ACCEPTABLE if wrong is None else Verdict.FAULTY,
        first_wrong_step=wrong,
    )
    reviews.submit(session, review, None, claim.token)


def first_wrong(pieces: Sequence[Step], start: int | None) -> int | None:
    """The step in which the marked place begins, or the one after it when the mark begins between two."""
    if start is None or not pieces:
        return None
    return next((step.index for step in pieces if start < step.end), pieces[-1].index)
