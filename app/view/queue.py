"""What the queues page shows of one queue: how far it is, who holds what until when, its people, and what was skipped."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.view.languages import N_, _, ngettext, of_error
from app.view.render import render
from app.view.words import figure
from core import queues
from core.types import QueueKind
from store import projects, queue, users
from store.clock import now
from store.queue import progress
from store.tables import Queue

PARTS = ("progress", "held", "people", "skips")
KINDS = {
    QueueKind.ANNOTATE: N_("Annotation"),
    QueueKind.EXPERT: N_("Experts"),
    QueueKind.ADJUDICATE: N_("Adjudication"),
    QueueKind.AUDIT: N_("Audit queue"),
}
WHAT = {
    QueueKind.ANNOTATE: N_("Every answer that needs people comes here first."),
    QueueKind.EXPERT: N_("What was flagged, or sent on by a threshold or a disagreement."),
    QueueKind.ADJUDICATE: N_(
        "Answers that people judged differently: one expert decides, with the reviews side by side."
    ),
    QueueKind.AUDIT: N_("A share of what was reviewed, reviewed again by somebody who does not see the first review."),
}


def kind_choices() -> list[tuple[str, str]]:
    """The queues by name; "Audit" alone is a page, and has another name in other languages."""
    return [(_(name).removesuffix(" queue"), kind.value) for kind, name in KINDS.items()]


@dataclass(frozen=True, slots=True)
class MemberView:
    user_id: int
    name: str
    active: bool
    waits: int
    holds: int
    finished: int
    gold: str = ""  # how they judged gold items
    low: bool = False


def parts(session: Session, project_id: int, kind: QueueKind) -> dict[str, str]:
    """HTML of ``PARTS``."""
    line = projects.queue_of(session, project_id, kind)
    hours = progress.finished_by_hour(session, line.id)
    counts = queue.counts(session, project_id, kind)
    nobody = 0 if line.access == queues.ANY else queue.access.unassigned(session, line.id)
    moment = now()
    return {
        "progress": render(
            "queue/progress.html",
            what=_(WHAT[kind]),
            counts=counts,
            hours=hours,
            most=max(hours, default=0),
            lasts=lasts(counts["open"] + counts["claimed"] + counts["expired"], hours),
            nobody=nobody,
        ),
        "held": render("queue/held.html", rows=progress.held(session, line.id), now=moment),
        "people": render(
            "queue/people.html", rows=_members(session, line), line=line, gold=queue.gold.count(session, line.id)
        ),
        "skips": render("queue/skips.html", rows=progress.skips(session, line.id)),
    }


def lasts(left: int, hours: list[int]) -> str:
    """How long what is left takes at the pace of the hours in which somebody worked; empty where that is not known."""
    worked = [count for count in hours if count]
    if not left or not worked:
        return ""
    need = left / (sum(worked) / len(worked))
    if need < 1:
        return _("less than an hour of work")
    n = round(need)
    return ngettext("about {n} hour of work at this pace", "about {n} hours of work at this pace", n).format(
        n=figure(n)
    )


def _members(session: Session, line: Queue) -> list[MemberView]:
    work, scores = progress.by_person(session, line.id), queue.gold.scores(session, line.id)
    active = {row.user_id for row in queue.members(session, line.id)}
    names = {user.id: user.name for user in users.list_all(session)}
    ids = sorted(active | set(work) | set(scores), key=lambda id_: names.get(id_, ""))
    return [
        MemberView(
            id_,
            names.get(id_, _("person {n}").format(n=id_)),
            id_ in active,
            *work.get(id_, (0, 0, 0)),
            _("{n} of {all}").format(n=scores[id_].right, all=scores[id_].answered) if id_ in scores else "",
            id_ in scores and bool(line.gold_share) and scores[id_].is_below(line.gold_floor),
        )
        for id_ in ids
    ]


def ordering(session: Session, project_id: int, kind: QueueKind) -> str:
    """What the queue's policy cannot weigh, in words; empty where it has all that it needs."""
    line = projects.queue_of(session, project_id, kind)
    looked, lacks = queue.ordering.lacking(session, line)
    part = _("{n} of {all}: {what}")
    said = "; ".join(part.format(n=n, all=looked, what=of_error(word)) for word, n in lacks.most_common())
    return _("Stand behind, riskiest first, because of what is not known: {what}.").format(what=said) if said else ""
