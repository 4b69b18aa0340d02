"""Rows for tests of the review page, made through the store's own functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core import steps
from core.types import Critique, LessonDraft, LessonKind, RiskEstimate, StepLabel, Verdict, Vote
from store import items, judgements, lessons, outputs, projects, queue
from store.engine import Database

ANSWER = (
    "Step 1: A pen costs 3 dollars and Ann buys 4 pens, so the pens cost 3 * 4 = 12 dollars.\n"
    "Step 2: She also buys a notebook for 5 dollars, which makes 12 + 5 = 17 dollars.\n"
    "Step 3: She pays with a 20 dollar note, so she gets 20 - 17 = 4 dollars back.\n"
    "Answer: 4"
)
PROMPT = "Ann buys {n} pens at 3 dollars each and a notebook for 5 dollars. She pays with a 20 dollar note. How much does she get back?"
VOTES = (
    Vote("arithmetic", Verdict.FAULTY, evidence="20 - 17 = 4 should be 3", step_index=2),
    Vote("agreement", Verdict.ACCEPTABLE, evidence="2 of 3 answers agree"),
    Vote("logprob", evidence="fewer than 10 answers to compare with"),
)
CRITIQUES = (
    Critique(0, "arithmetic", StepLabel.RIGHT, "3 * 4 = 12 holds.", 0.99),
    Critique(2, "arithmetic", StepLabel.WRONG, "20 - 17 is 3, not 4.", 0.99, "calculation_error"),
    Critique(2, "model_steps", StepLabel.NEUTRAL, "The model is not sure about this step.", 0.41),
)
RISK = RiskEstimate(0.72, "polar", "v1", False, 4, 0.55, 0.86, (("arithmetic", 1.31), ("agreement", -0.4)))


@dataclass(frozen=True, slots=True)
class Seeded:
    slug: str
    project_id: int
    item_ids: list[int]
    output_ids: list[int]


def project(
    db: Database,
    answers: Sequence[str] = (ANSWER,),
    *,
    slug: str = "pens",
    prompts: Sequence[str] | None = None,
    guidelines: str = "One step per line. End with “Answer:”.",
    context: str = "",
    analysed: bool = True,
    labels: Sequence[str] = (),
    settings: dict[str, object] | None = None,
) -> Seeded:
    """A project with one item and one queued answer per entry of ``answers``; the first is the most urgent.

    No item is blind unless ``settings`` say so: what a test looks at must not depend on a draw.
    """
    kind = "label" if labels else "reasoning"
    with db.write() as session:
        made = projects.create(
            session,
            slug=slug,
            name=f"Project {slug}",
            item_type=kind,
            guidelines=guidelines,
            labels=labels,
            settings={"blind_share": 0.0, **(settings or {})},
        )
        projects.set_queue(
            session, made.id, "annotate", user_id=None, audit_share=0.0
        )  # in the order of priority alone
        rows = [
            items.NewItem(f"{slug}-{n}", prompts[n] if prompts else PROMPT.format(n=n + 4), context=context)
            for n in range(len(answers))
        ]
        ids = list(items.add_many(session, made.id, rows).ids)
        output_ids = [
            _output(session, made.id, item_id, text, labels, analysed, -n)
            for n, (item_id, text) in enumerate(zip(ids, answers, strict=True))
        ]
        return Seeded(slug, made.id, ids, output_ids)


def _output(session, project_id, item_id, text, labels, analysed, priority):  # type: ignore[no-untyped-def]
    scores = {label: 1 / (n + 1.5) for n, label in enumerate(labels)}
    total = sum(scores.values())
    output = outputs.add(
        session,
        outputs.NewOutput(
            item_id,
            text,
            "test-model",
            steps=steps.split(text),
            label=labels[0] if labels else None,
            label_scores={label: score / total for label, score in scores.items()},
            finish_reason="stop",
        ),
    )
    if analysed:
        critiques = [one for one in CRITIQUES if one.step_index < len(output.steps)]
        judgements.save(session, output.id, votes=VOTES, critiques=critiques, risk=RISK)
    queue.enqueue_output(session, project_id, output.id, priority=float(priority))
    return output.id


def lesson_in_prompt(
    db: Database, seeded: Seeded, output_id: int, user_id: int, text: str, applicability: str = "money left over"
) -> int:
    """An accepted lesson that was in the prompt of that answer."""
    from store.tables import Retrieval

    with db.write() as session:
        (lesson_id,) = lessons.propose(
            session, seeded.project_id, [LessonDraft(LessonKind.RULE, text, applicability, ())], author_id=user_id
        )
        lessons.accept(session, lesson_id, user_id)
        session.add(
            Retrieval(output_id=output_id, lesson_id=lesson_id, lesson_revision=2, slot="rules", rank=0, score=0.71)
        )
    return lesson_id
