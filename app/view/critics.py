"""What the critics page shows, from stored rows alone: critics against people, their mistakes, versions, types, people, influence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.view.jobs import said
from app.view.languages import N_, _
from app.view.render import render
from app.view.words import words
from app.worker.heads import CRITIC
from core import error_types
from core.critics.step_head_retraining import FEWEST, FEWEST_OF_A_KIND
from core.error_types import ErrorType
from core.projects import ProjectSettings
from core.reports.critic_influence import CriticInfluenceReport
from core.reports.error_counts import ErrorCountsReport
from core.reports.notebook import Entry, NotebookReport, Outcome, entries
from core.reports.step_agreement import StepAgreementReport
from core.step_labels import StepReview
from core.types import JobState
from store import critic_models, jobs, notebook, projects
from store.clock import now

PERIODS = [(N_("This week"), "7"), (N_("The last four weeks"), "28"), (N_("All"), "")]
LATEST = 2_000  # reviews that the page is about
SHOWN = 30  # mistakes, and differences of people, with their texts
WEEKS = 8
VERSIONS = 12


@dataclass(frozen=True, slots=True)
class Book:
    """Everything read for one view of the page."""

    project_id: int
    reviews: list[StepReview]
    own: tuple[ErrorType, ...]
    figures: Mapping[str, Any]

    @property
    def critics(self) -> list[str]:
        return [row["critic"] for row in self.figures["critics"]]

    def title(self, key: str) -> str:
        return _(error_types.title(key, self.own))


def read(session: Session, project_id: int) -> Book:
    reviews = notebook.step_reviews(session, project_id, LATEST)
    options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
    return Book(project_id, reviews, tuple(options.error_types), NotebookReport().compute(reviews))


def summary(book: Book) -> str:
    weeks = sorted({row["week"] for row in book.figures["weeks"]}, reverse=True)[:WEEKS]
    return render(
        "critics/summary.html",
        critics=book.figures["critics"],
        weeks=[row for row in book.figures["weeks"] if row["week"] in weeks],
        reviews=sum(one.first_error is not None for one in book.reviews),
        undecided=sum(one.first_error is None for one in book.reviews),
    )


def mistakes(session: Session, book: Book, critic: str, days: str) -> str:
    """Newest first; ``critic`` empty for all, ``days`` one of ``PERIODS``."""
    since = now() - timedelta(days=int(days)) if days in {value for _, value in PERIODS if value} else None
    found = [one for one in entries(book.reviews) if since is None or one.review.at >= since]
    mine = [one for one in found if critic in {"", one.critic}]
    wrong = [one for one in reversed(mine) if one.outcome is not Outcome.AGREED]
    texts = notebook.answers(session, [one.review.output_id for one in wrong[:SHOWN]])
    return render(
        "critics/mistakes.html",
        rows=[_mistake(book, one, texts[one.review.output_id]) for one in wrong[:SHOWN]],
        total=len(wrong),
        of=len(mine),
        alarms=sum(one.outcome is Outcome.FALSE_ALARM for one in wrong),
        project_id=book.project_id,
    )


def _mistake(book: Book, one: Entry, answer: notebook.AnswerSteps) -> dict[str, Any]:
    return {
        "critic": one.critic,
        "alarm": one.outcome is Outcome.FALSE_ALARM,
        "near": one.near,
        "at": one.review.at,
        "item_id": one.review.item_id,
        "item": one.review.external_id,
        "prompt": answer.prompt,
        "steps": answer.steps,
        "said": one.said,
        "truth": one.truth,
        "why": answer.why.get((one.critic, one.said), ""),
        "person": one.review.user,
        "kind": book.title(one.review.error_type) if one.review.error_type else "",
    }


def versions(session: Session, project_id: int, *, admin: bool) -> str:
    rows = critic_models.versions(session, project_id, VERSIONS, CRITIC)
    options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
    labels = notebook.label_counts(session, project_id)
    running = [
        job
        for job in jobs.recent(session, project_id, 50)
        if job.kind == "fit_critic" and job.state in {JobState.QUEUED, JobState.RUNNING}
    ]
    return render(
        "critics/versions.html",
        rows=rows,
        bundled=critic_models.current(session, project_id, CRITIC) is None,
        used=CRITIC in options.critics,
        admin=admin,
        wrong=labels[0],
        right=labels[1],
        fewest=FEWEST,
        fewest_of_a_kind=FEWEST_OF_A_KIND,
        job=running[0] if running else None,
        said=said,
        project_id=project_id,
    )


def too_few(session: Session, project_id: int) -> str:
    """Why a training would make no version yet, for people; empty where there are labels enough."""
    wrong, right = notebook.label_counts(session, project_id)
    if wrong + right >= FEWEST and min(wrong, right) >= FEWEST_OF_A_KIND:
        return ""
    said = _(
        "Too few answers to learn from yet: {wrong} with a wrong step and {right} without one; "
        "it needs {fewest}, and {each} of each kind. Review some more first."
    )
    return said.format(wrong=wrong, right=right, fewest=FEWEST, each=FEWEST_OF_A_KIND)


def types(book: Book) -> str:
    found = ErrorCountsReport().compute(book.reviews)
    return render(
        "critics/types.html",
        keys=[(key, book.title(key)) for key in found["types"]],
        models=found["models"],
        found=found,
    )


def people(session: Session, book: Book) -> str:
    found = StepAgreementReport().compute(book.reviews)
    differ = found["differ"][:SHOWN]
    texts = notebook.answers(session, [one.output_id for one, _ in differ])
    return render(
        "critics/people.html",
        overall=found["overall"],
        pairs=found["pairs"],
        differ=[(one, other, texts[one.output_id].steps) for one, other in differ],
        more=len(found["differ"]) - len(differ),
        project_id=book.project_id,
    )


def influence(book: Book) -> str:
    found = CriticInfluenceReport().compute(book.reviews)
    blind = sum(one.blind for one in book.reviews)
    return render("critics/influence.html", rows=found["critics"], fewest=found["fewest"], blind=blind)


def report(session: Session, project_id: int) -> dict[str, Any]:
    """The figures of the page as numbers."""
    book = read(session, project_id)
    people_found = StepAgreementReport().compute(book.reviews)
    wrong, right = notebook.label_counts(session, project_id)
    return {
        "critics": book.figures["critics"],
        "weeks": book.figures["weeks"],
        "types": ErrorCountsReport().compute(book.reviews),
        "people": {"overall": people_found["overall"], "pairs": people_found["pairs"]},
        "influence": CriticInfluenceReport().compute(book.reviews),
        "labels": {"wrong": wrong, "right": right, "fewest": FEWEST, "fewest_of_a_kind": FEWEST_OF_A_KIND},
    }


def choices(critics: Sequence[str]) -> list[tuple[str, str]]:
    return [(_("All critics"), ""), *((words(name), name) for name in critics)]
