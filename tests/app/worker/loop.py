"""A project, a fake model behind a real runner, and jobs to send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from app.worker.handlers import HANDLERS
from app.worker.models import Models
from core.types import JobPriority, LessonDraft, LessonKind
from store import items, lessons, projects, reviews, users
from store.tables import Job, Output
from tests.app.worker.conftest import Bench
from tests.app.worker.fakes import FakeEmbedder, FakeGenerator

QUIET: dict[str, Any] = {"generator": {"samples": 0}, "critics": ["arithmetic"]}


class Loop:
    """A project with items, a fake model behind a real runner, and jobs to send."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.db = bench, bench.db
        self.fake, self.embedder = FakeGenerator(), FakeEmbedder()
        self.models: Models | None = None
        with self.db.write() as session:
            self.user = users.create(session, "ann", "annotator").id

    def project(
        self, n: int, *, item_type: str = "reasoning", prompts: Sequence[str] | None = None, **more: Any
    ) -> list[int]:
        texts = prompts or [f"What is 3 + 4, time {k}?" for k in range(n)]
        with self.db.write() as session:
            row = projects.create(
                session, slug="p", name="P", item_type=item_type, settings=more.pop("settings", QUIET), **more
            )
            self.project_id = row.id
            return items.add_many(session, row.id, [items.NewItem(f"i{k}", text) for k, text in enumerate(texts)]).ids

    def start(self) -> None:
        self.models = Models(
            self.bench.settings,
            self.db,
            make_generator=lambda _: self.fake,
            make_embedder=lambda _: self.embedder,  # type: ignore[arg-type, return-value]
        )
        self.bench.start(HANDLERS, self.models)

    def run(self, kind: str, payload: dict[str, Any], **how: Any) -> Job:
        """The job and whatever follows from it, to the end."""
        if self.models is None:
            self.start()
        job = self.bench.wait(self.bench.enqueue(kind, payload=payload, project_id=self.project_id, **how))
        while True:
            with self.db.read() as session:
                waiting = rows_open(session, self.project_id)
            if not waiting:
                return self.bench.job(job.id)
            for other in waiting:
                self.bench.wait(other)

    def all_outputs(self) -> list[Output]:
        with self.db.read() as session:
            return list(session.scalars(select(Output).order_by(Output.id)))

    def lesson(self, text: str, applies: str, kind: LessonKind = LessonKind.RULE) -> int:
        with self.db.write() as session:
            draft = LessonDraft(kind, text, applies, ())
            lesson_id = lessons.propose(session, self.project_id, [draft], author_id=self.user)[0]
            lessons.accept(session, lesson_id, self.user)
        self.run("embed", {"project_id": self.project_id})
        return lesson_id

    def retract(self, lesson_id: int) -> None:
        with self.db.write() as session:
            lessons.retract(session, lesson_id, self.user, "wrong")

    def ask_again(self, output: Output, text: str, **more: Any) -> Job:
        """A correction of ``output`` and the model's next attempt."""
        with self.db.write() as session:
            new = reviews.NewCorrection(self.user, output.id, text, **more)
            correction_id = reviews.add_correction(session, new).id
        payload = {"output_id": output.id, "correction_id": correction_id}
        return self.run("retry", payload, priority=JobPriority.PERSON_WAITING)


def rows_open(session: Any, project_id: int) -> list[int]:
    query = select(Job.id).where(Job.project_id == project_id, Job.state.in_(("queued", "running")))
    return list(session.scalars(query))
