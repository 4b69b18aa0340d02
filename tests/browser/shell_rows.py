"""Rows for tests of the pages around the review page, with markup that would run if any page let it."""

from __future__ import annotations

from dataclasses import dataclass

from core.types import JobPriority, LessonDraft, LessonKind, RiskEstimate, Verdict, Vote
from store import items, jobs, judgements, lessons, outputs, projects, queue, reviews, users
from store.engine import Database

HOSTILE = (
    '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>${window.pwned=1}'
    "{{window.pwned=1}}{{constructor.constructor('window.pwned=1')()}}`${window.pwned=1}`\"'></textarea><svg onload=window.pwned=1>"
)


@dataclass(frozen=True)
class Rows:
    project_id: int
    items: list[int]
    outputs: list[int]
    lessons: list[int]
    jobs: list[int]


def fill(db: Database, text: str = HOSTILE, n: int = 3) -> Rows:
    """A project named, guided, asked, answered, corrected and taught with ``text``; a running and a failed job."""
    with db.write() as session:
        user = users.create(session, f"author {text}"[:80], "expert").id
        project = projects.create(session, slug="words", name=text[:190], item_type="reasoning", guidelines=text)
        projects.set_queue(session, project.id, "annotate", user_id=None, audit_share=0.0)
        rows = [items.NewItem(f"{number}{text}"[:200], f"{text} {number}", text, text) for number in range(n)]
        ids = items.add_many(session, project.id, rows).ids
        made = [outputs.add(session, outputs.NewOutput(item_id=item, text=text, model=text[:200])).id for item in ids]
        for output in made:
            vote = Vote("arithmetic", Verdict.FAULTY, evidence=text)
            risk = RiskEstimate(0.7, "polar", "1")
            judgements.save(session, output, votes=[vote], critiques=[], risk=risk)
            queue.enqueue_output(session, project.id, output, priority=0.7)
        correction = reviews.add_correction(session, reviews.NewCorrection(user, made[0], text))
        drafts = [
            LessonDraft(kind, f"{text} {number}", text, (correction.id,), why=text)
            for number, kind in enumerate((LessonKind.RULE, LessonKind.EXEMPLAR))
        ]
        taught = lessons.propose(session, project.id, drafts, author_id=user)
        running, _ = jobs.create(session, "generate", {}, priority=JobPriority.BATCH, project_id=project.id)
        jobs.start(session, running.id, "w")
        jobs.progress(session, running.id, 1, 4, text)
        payload = {"path": "gone.csv", "project_id": project.id, "user_id": None, "format": None, "mapping": {}}
        failed, _ = jobs.create(session, "import", payload, priority=JobPriority.BATCH, project_id=project.id)
        jobs.start(session, failed.id, "w")
        jobs.fail(session, failed.id, text, retry=False)
        return Rows(project.id, ids, made, taught, [running.id, failed.id])
