"""Reads what the review page shows: the claimed answer with its judgements, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.auth import Person
from app.pages import review_pieces
from app.pages.review_drafts import draft_of
from app.pages.review_reply import Act, Refused, Wanted
from app.settings import Settings
from app.view import review as view
from app.view import review_steps
from app.view.adjudication import CompareView, compare_view
from app.view.languages import N_, _, of_error
from app.view.lookups import lookup_words
from app.view.render import age, excerpt
from app.view.transcript import TranscriptView, transcript_view
from app.view.words import words
from core import steps
from core.error_types import offered
from core.lessons.entities import index_of
from core.lessons.hearing import heard
from core.projects import ProjectSettings
from core.risk.calibrate import FEWEST_REVIEWED
from core.types import AssignmentState, ItemType, LessonStatus, QueueKind, Role
from store import (
    entities,
    evidence,
    images,
    items,
    judgements,
    lessons,
    lookup_outcomes,
    lookups,
    outputs,
    projects,
    queue,
    reviews,
    workers,
)
from store.clock import now
from store.queue import Claim
from store.tables import Assignment, Correction, Decline, Lookup, Output, Project, Queue

MOVED = N_("A new attempt has arrived since. Look at it, then decide again.")


def choose_project(session: Session, wanted: Wanted, person: Person) -> Project:
    """The project that the address names, else the first one; raises ``Refused`` where there is none."""
    role = wanted.kind.role
    if not person.may_somewhere(role):
        raise Refused(_("That queue is for experts. Ask an admin to change your role."))
    known = [project for project in projects.list_all(session) if person.may(role, project.id)]
    if not known:
        raise Refused(_("There is no project yet. An admin makes one on the Projects page."))
    if not wanted.project:
        return _with_work(session, known, wanted.kind)
    for project in known:
        if wanted.project in (project.slug, str(project.id)):
            return project
    raise Refused(_("There is no such project here. Choose one on the home page."))


def _with_work(session: Session, known: Sequence[Project], kind: QueueKind) -> Project:
    waiting = select(Queue.project_id).join(Assignment, Assignment.queue_id == Queue.id)
    waiting = waiting.where(Queue.kind == kind, Assignment.state.in_((AssignmentState.OPEN, AssignmentState.CLAIMED)))
    busy = set(session.scalars(waiting.distinct()))
    return next((project for project in known if project.id in busy), known[0])


def claim(session: Session, wanted: Wanted, person: Person, settings: Settings) -> view.Board | view.Empty:
    """Claim the item that is wanted, or the next one of that queue, for the person and show it; needs a writing session."""
    project = choose_project(session, wanted, person)
    got = queue.claim_item(session, person.id, project.id, wanted.item, wanted.kind) if wanted.item else None
    got = got or queue.claim_next(session, person.id, project.id, wanted.kind)
    if got is not None:
        return load(session, got, person, settings)
    causes = queue.why_empty(session, project.id, person.id, wanted.kind)
    reopenable = last_submitted(session, project.id, person.id, wanted.kind) is not None
    return view.empty_view(causes, worker=no_worker(session, settings), may_reopen=reopenable)


def missed(session: Session, wanted: Wanted, found: view.Board | view.Empty, person: Person) -> str:
    """Why the page shows another item than its address asks for, or nothing."""
    if not wanted.item or (isinstance(found, view.Board) and found.item.id == wanted.item):
        return ""
    project = choose_project(session, wanted, person)
    why = of_error(queue.why_not_item(session, person.id, project.id, wanted.item, wanted.kind))
    return f"{why} {_('This is the next one.')}" if isinstance(found, view.Board) else why


def no_worker(session: Session, settings: Settings) -> str:
    """A sentence when no worker lives, else nothing."""
    if workers.alive(session, settings.worker_dead_seconds):
        return ""
    seen = workers.last_seen(session)
    if seen is None:
        return _("No worker has run yet.")
    if (now() - seen).total_seconds() < 60:
        return _("The worker stopped answering a moment ago.")
    return _("No worker since {when}.").format(when=age(seen))


def last_submitted(session: Session, project_id: int, user_id: int, kind: str) -> Assignment | None:
    """The slot that this person finished last."""
    query = (
        select(Assignment)
        .where(
            Assignment.queue_id == projects.queue_of(session, project_id, kind).id,
            Assignment.holder_id == user_id,
            Assignment.state == AssignmentState.SUBMITTED,
        )
        .order_by(Assignment.finished_at.desc(), Assignment.id.desc())
    )
    return session.scalars(query.limit(1)).first()


def load(session: Session, claim: Claim, person: Person, settings: Settings, *, reopened: bool = False) -> view.Board:
    """Everything that the page shows of a claimed answer."""
    slot = session.get_one(Assignment, claim.assignment_id)
    output = current_output(session, slot)
    options = ProjectSettings.model_validate(output.item.project.settings)
    blind = reviews.is_blind(session, slot, person.id)
    return view.Board(
        item=_item(session, slot, person),
        answer=_unjudged(session, output) if blind else _answer(session, output, options, settings),
        assignment_id=slot.id,
        token=claim.token,
        user_id=person.id,
        lease_seconds=slot.queue.lease_seconds,
        heartbeat_seconds=slot.queue.heartbeat_seconds,
        protocol=options.step_protocol,
        error_types=review_steps.in_words(offered(options.error_types)),
        draft=draft_of(session, slot, person),
        reopened=reopened,
        compare=compared(session, slot, output) if slot.queue.kind == QueueKind.ADJUDICATE else None,
    )


def compared(session: Session, slot: Assignment, output: Output) -> CompareView:
    """What people said of the answer that is decided over, side by side."""
    project = output.item.project
    options = ProjectSettings.model_validate(project.settings)
    said = reviews.compared(session, output.id)

    def split(text: str) -> list[str]:
        return [step.text for step in steps.split(text, options.splitter)]

    return compare_view(
        output.text,
        len(output.steps),
        said,
        offered(options.error_types),
        split,
        labels=project.item_type == ItemType.LABEL,
    )


def _item(session: Session, slot: Assignment, person: Person) -> view.ItemView:
    item = items.get(session, slot.item_id)
    project = item.project
    expert = slot.queue.kind != QueueKind.ANNOTATE
    sees = not expert and person.may(Role.EXPERT, project.id)
    waiting = queue.for_experts(session, project.id) if sees else {}
    return view.ItemView(
        id=item.id,
        project_id=project.id,
        project=project.name,
        slug=project.slug,
        external_id=item.external_id,
        prompt=item.prompt,
        context=item.context,
        guidelines=project.guidelines,
        reference=item.reference or "",
        expert=expert,
        flag_reason=_flag_reason(session, item.id) if expert else "",
        reason=of_error(slot.reason or "") if expert else "",
        flagged=waiting.get(QueueKind.EXPERT, 0),
        disputed=waiting.get(QueueKind.ADJUDICATE, 0),
        pictures=tuple(
            view.PictureView(f"/images/{item.id}/{one.place}", one.caption, one.width, one.height)
            for one in images.of_items(session, [item.id]).get(item.id, ())
        ),
        pieces=review_pieces.shown(session, item.id) if expert else (),
        may_split=slot.queue.kind == QueueKind.EXPERT and item.parent_id is None,
        whole=items.get(session, item.parent_id).prompt if item.parent_id is not None else "",
    )


def _unjudged(session: Session, output: Output) -> view.AnswerView:
    """The answer alone, as a person sees it who reviews it blind: what machines said of it is not read at all."""
    project = output.item.project
    label_item = project.item_type == ItemType.LABEL
    return view.AnswerView(
        output_id=output.id,
        attempt=output.attempt,
        before=_before(session, output),
        model=output.model,
        text=output.text,
        cut_short=output.finish_reason == "length",
        labels=view.label_views(project.labels, {}, output.label) if label_item else (),
        steps=() if label_item else review_steps.step_views(outputs.to_steps(output), ()),
        risk=view.RiskView(None, "unknown"),
        votes=(),
        chips=chips(session, output.id),
        blind=True,
    )


def _answer(session: Session, output: Output, options: ProjectSettings, settings: Settings) -> view.AnswerView:
    """The answer with everything that was said of it."""
    plain = _unjudged(session, output)
    risk = judgements.risk(session, output.id)
    missing = "" if risk else no_worker(session, settings) or _("The worker is judging it.")
    said = risk.evidence if risk else {}
    steps = () if plain.labels else outputs.to_steps(output)
    critiques = [one for one in judgements.critiques(session, output.id) if one.step_index < len(steps)]
    kinds = offered(options.error_types)
    return replace(
        plain,
        labels=view.label_views(output.item.project.labels, output.label_scores, output.label) if plain.labels else (),
        steps=review_steps.step_views(steps, critiques, review_steps.heat_views(said), kinds),
        risk=view.risk_view(risk, options.risk_threshold, FEWEST_REVIEWED, missing),
        may_reask=risk is not None and options.is_above(risk.value),
        votes=view.vote_views(judgements.votes(session, output.id), output.label, risk),
        lookup=lookup(session, output.id),
        past=past(session, said),
        finding=review_steps.finding(critiques, kinds),
        blind=False,
        transcript=transcript(session, output),
    )


def transcript(session: Session, output: Output) -> TranscriptView | None:
    """The hypotheses of a transcript and the names that sound like parts of the answer; ``None`` for items of other types."""
    project = output.item.project
    if project.item_type != ItemType.ASR_TRANSCRIPT:
        return None
    hypotheses = outputs.question_of(output.item, project).hypotheses
    known = entities.known(session, project.id)
    others = hypotheses[1:]
    corrected = entities.memory(session, project.id, known).correct(output.text, others)
    return transcript_view(hypotheses, heard(output.text, index_of(tuple(known)), others=others), corrected)


def lookup(session: Session, output_id: int) -> view.LookupView | None:
    """How the lessons of the answer were found; ``None`` where nothing was looked up."""
    kept = lookups.of(session, output_id)
    if kept is None:
        return None
    ids = {hit["lesson"] for one in kept.rounds for hit in one["hits"]}
    active = lessons.active_texts(session, sorted(ids))
    texts = {id_: excerpt(x.text, 200) for id_, x in active.items()}
    return view.lookup_view(kept.rounds, kept.stopped, texts, _came(session, kept))


def _came(session: Session, kept: Lookup) -> str:
    """What came of the look-up, in words. Where several people judge an item, none is told what another said."""
    several = projects.queue_of(session, kept.project_id).overlap >= 2
    return "" if several else lookup_words(lookup_outcomes.of(session, kept.id))


def past(session: Session, said: Mapping[str, Any]) -> tuple[view.PastView, ...]:
    """The similar past answers that were kept with the risk, as people judge them now; those taken back are left out."""
    kept = [one for one in said.get("similar") or () if isinstance(one, dict) and "output_id" in one]
    known = evidence.past_answers(session, [one["output_id"] for one in kept])
    return tuple(
        view.past_view(known[one["output_id"]], float(one.get("similarity", 0)))
        for one in kept
        if one["output_id"] in known and known[one["output_id"]].verdict is not None
    )


def current_output(session: Session, slot: Assignment) -> Output:
    """The answer under review: the slot's, or a later attempt that this slot's own correction led to."""
    return outputs.under_review(session, slot.id, slot.item_id, slot.output_id)


def held(session: Session, act: Act, person: Person) -> Assignment:
    """The slot that the event is about, its lease renewed. Raises ``LostClaim``, and ``Refused`` for somebody else's."""
    queue.extend(session, act.assignment, act.token)
    slot = session.get_one(Assignment, act.assignment)
    if slot.holder_id != person.id:
        raise Refused(_("This item is held by somebody else. Take the next one."))
    return slot


def shown_output(session: Session, slot: Assignment, act: Act) -> Output:
    """The answer that the person was looking at; ``Refused`` when the item has a newer one on this slot."""
    output = current_output(session, slot)
    if output.id != act.output:
        raise Refused(_(MOVED))
    return output


def _before(session: Session, output: Output) -> view.Before | None:
    """The attempt that this one was made from, with the correction between them."""
    if output.parent_id is None:
        return None
    old = outputs.get(session, output.parent_id)
    correction = session.get(Correction, output.correction_id) if output.correction_id is not None else None
    return view.before(old.attempt, correction.text if correction else "", old.text, output.text)


def chips(session: Session, output_id: int) -> tuple[view.ChipView, ...]:
    return tuple(
        view.ChipView(
            retrieval_id=chip.retrieval.id,
            lesson_id=chip.lesson.id,
            kind=words(chip.lesson.kind),
            text=chip.lesson.text,
            percent=review_steps.percent(chip.retrieval.score),
            revision=chip.retrieval.lesson_revision,
            vote=chip.retrieval.vote,
            gone="" if chip.lesson.status == LessonStatus.ACTIVE else words(chip.lesson.status),
        )
        for chip in outputs.chips(session, output_id)
    )


def _flag_reason(session: Session, item_id: int) -> str:
    query = select(Decline.reason).join(Assignment, Assignment.id == Decline.assignment_id)
    query = query.where(Assignment.item_id == item_id, Decline.kind == "flag").order_by(Decline.id.desc())
    return session.scalars(query.limit(1)).first() or ""
