"""Judge outputs: further answers are drawn, critics and signals speak, the risk is estimated, and the output is put before people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlalchemy.orm import Session

from app.worker import disputes
from app.worker.asking import Subject, subject_of
from app.worker.drawing import draw
from app.worker.evidence import explained
from app.worker.handlers.reask import enqueue_wanted
from app.worker.handlers.rollouts import checkable
from app.worker.heads import CRITIC as STEP_HEAD
from app.worker.heads import step_head
from app.worker.judging import judged
from app.worker.payloads import Analyse
from app.worker.risks import (
    Judged,
    RiskJudge,
    Vector,
    embedded_text,
    needs_fit,
    put_output_vector,
    queue_priority,
    wake_fit,
)
from app.worker.runner import Context
from app.worker.signalling import Known, known_of, project_signals
from core.critics import REGISTRY as CRITICS
from core.critics.base import NEEDS_MODEL, Critic, CriticInput, ReferenceInput, sees_gold
from core.critics.judge_audit import Settled
from core.error_suggestions import typed
from core.generators.base import GeneratorError, NotAvailable
from core.signals.base import SignalInput, cast
from core.steps import split
from core.types import Critique, JobPriority, RiskEstimate, Step, StepLabel, TokenLogprob, Vote
from store import judgements, outputs, queue, rules
from store.judgements import AnswerText
from store.tables import Output, Rule

LOG = structlog.get_logger("analyse")
BY_JOB = "rollouts_reference"


@dataclass(frozen=True, slots=True)
class Case:
    """One output under judgement; ``logprobs`` are the mean token log-probs of the project's other outputs."""

    output: Output
    subject: Subject
    steps: tuple[Step, ...]
    rules: tuple[Rule, ...]
    logprobs: tuple[float, ...]
    drawn: tuple[str, ...] = ()
    critiques: tuple[Critique, ...] = ()
    judged: tuple[Settled, ...] = ()
    known: Known = field(default_factory=Known)


def analyse(context: Context, payload: Analyse) -> dict[str, Any]:
    """Result: how many outputs were judged. Running it again replaces what each source said."""
    ids = list(dict.fromkeys(payload.output_ids))
    size = context.settings.batch_size
    for start in range(0, len(ids), size):
        context.progress(start, len(ids), "judging")
        for cases in _read(context, ids[start : start + size]):
            _judge(context, cases)
    context.progress(len(ids), len(ids))
    return {"outputs": len(ids)}


def _read(context: Context, output_ids: Sequence[int]) -> list[list[Case]]:
    """The outputs, by project."""
    found: dict[int, list[Case]] = {}
    shared: dict[int, tuple[tuple[Rule, ...], list[float]]] = {}
    with context.db.read() as session:
        for output_id in output_ids:
            output = outputs.get(session, output_id)
            subject = subject_of(session, output.item_id)
            project_id = subject.project.id
            if project_id not in shared:
                shared[project_id] = (
                    tuple(rules.list_all(session, project_id, enabled=True)),
                    judgements.logprobs(session, project_id),
                )
            people, all_logprobs = shared[project_id]
            others = list(all_logprobs)
            if output.mean_logprob is not None:
                others.remove(output.mean_logprob)
            case = Case(output, subject, outputs.to_steps(output), people, tuple(others))
            found.setdefault(project_id, []).append(case)
    return list(found.values())


def _judge(context: Context, cases: Sequence[Case]) -> None:
    """The cases of one project, together."""
    drawn = draw(context, [(case.output, case.subject) for case in cases])
    cases = [replace(case, drawn=texts) for case, texts in zip(cases, drawn, strict=True)]
    context.check()
    told = judged(context, [(case.output, case.subject, case.drawn) for case in cases])
    cases = [replace(case, judged=mine) for case, mine in zip(cases, told, strict=True)]
    cases = _criticise(context, cases)
    known = known_of(context, [(case.output, case.subject) for case in cases], drawn)
    cases = [replace(case, known=one) for case, one in zip(cases, known, strict=True)]
    signals = project_signals(cases[0].subject.options, cases[0].rules)
    votes = [[cast(signal, _seen(case)) for signal in signals] for case in cases]
    context.check()
    embedder = context.models.embedder
    embedded = embedder.embed([embedded_text(case.subject.item.prompt, case.output.text) for case in cases])
    project = cases[0].subject.project
    judge = RiskJudge.of_project(context.db, project, embedder.model_id)
    risks = judge.estimate(
        [_judged(case, said, vector) for case, said, vector in zip(cases, votes, embedded, strict=True)]
    )
    asked = [(case.output.id, case.output.item_id) for case in cases]
    risks = explained(context, project.id, asked, embedded, risks)
    context.check()
    with context.db.write() as session:
        judgements.take_turn(session, [case.output.id for case in cases])
        for case, said, vector, risk in zip(cases, votes, embedded, risks, strict=True):
            _save(session, case, said, vector, risk, embedder.model_id)
        _enqueue_rollouts(context, session, cases)
        judged_now = [(case.output, risk) for case, risk in zip(cases, risks, strict=True)]
        enqueue_wanted(context, session, cases[0].subject.options, judged_now)
        if needs_fit(session, project.id, judge):
            wake_fit(context, session, project.id)


def _judged(case: Case, votes: Sequence[Vote], vector: Vector) -> Judged:
    output, item = case.output, case.subject.item
    text = AnswerText(item.prompt, output.text, output.model, output.mean_logprob)
    return Judged(item.id, output.label, votes, vector, text)


def _criticise(context: Context, cases: Sequence[Case]) -> list[Case]:
    """One output at a time, so that a cancelled job ends soon; a critic that cannot work is left out of the rest."""
    said: list[list[Critique]] = [[] for _ in cases]
    for name in cases[0].subject.options.critics:
        if name == BY_JOB:
            continue
        try:
            critic = _critic(context, name, cases[0].subject.project.id)
            for case, mine in zip(cases, said, strict=True):
                context.check()
                given = _given(name, case)
                mine.extend(critic.critique([given])[0] if given is not None else ())
        except NotAvailable as problem:
            LOG.info("critic left out", critic=name, why=str(problem))
        except GeneratorError as problem:
            if problem.retryable:
                raise
            LOG.warning("critic left out", critic=name, why=str(problem))
    found = [typed(case.subject.question, case.steps, mine) for case, mine in zip(cases, said, strict=True)]
    return [replace(case, critiques=tuple(mine)) for case, mine in zip(cases, found, strict=True)]


def _critic(context: Context, name: str, project_id: int) -> Critic:
    if name == STEP_HEAD:
        with context.db.read() as session:
            return step_head(session, project_id)
    if name in NEEDS_MODEL:
        return CRITICS.make(name, context.models.batcher.at(context.job.priority))
    if name == "reference_spare":
        return CRITICS.make(name, context.models.embedder.embed)
    return CRITICS.make(name)


def _given(name: str, case: Case) -> CriticInput | None:
    """What a critic sees; ``None`` where it needs a worked solution or unit tests and the item has none."""
    question, text, steps = case.subject.question, case.output.text, case.steps
    if not sees_gold(name):
        return CriticInput(question, text, steps)
    item = case.subject.item
    if name == "reference_tests":
        tests = item.meta.get("tests")
        return ReferenceInput(question, text, steps, (), tests) if isinstance(tests, str) and tests.strip() else None
    worked = tuple(step.text for step in split(item.reference or ""))
    return ReferenceInput(question, text, steps, worked) if len(worked) > 1 else None


def _told(critique: Critique) -> Critique | None:
    """What signals learn of a critique: of one that rests on a reference nothing, but for whether unit tests pass, which is one bit."""
    if not sees_gold(critique.source):
        return critique
    if critique.source != "reference_tests":
        return None
    said = (
        "It fails the item's unit tests." if critique.label is StepLabel.WRONG else "It passes the item's unit tests."
    )
    return replace(critique, explanation=said)


def _seen(case: Case) -> SignalInput:
    """For an answer that was scored, the label stands as one token with the probability it had among the labels."""
    output = case.output
    tokens = tuple(TokenLogprob(*token) for token in output.tokens)
    if not tokens and output.mean_logprob is not None:
        tokens = (TokenLogprob(output.text, output.mean_logprob),)
    return SignalInput(
        question=case.subject.question,
        answer=output.text,
        steps=case.steps,
        label=output.label,
        tokens=tokens or None,
        resampled=case.drawn,
        project_logprobs=case.logprobs,
        critiques=tuple(told for critique in case.critiques if (told := _told(critique)) is not None),
        judgements=case.judged,
        vector=case.known.vector,
        resampled_vectors=case.known.drawn_vectors,
        lessons=case.known.lessons,
        verdicts=case.known.verdicts,
    )


def _save(
    session: Session, case: Case, votes: Sequence[Vote], vector: Vector, risk: RiskEstimate, embedder_id: str
) -> None:
    """Everything that is known of an output, and its place in the queue, at once."""
    output, project_id = case.output, case.subject.project.id
    rules.save_votes(session, {output.id: votes}, [vote.source for vote in votes])
    asked = [name for name in case.subject.options.critics if name != BY_JOB]
    judgements.save(session, output.id, critiques=case.critiques, critics=asked, risk=risk)
    put_output_vector(session, project_id, output.id, embedder_id, vector)
    priority = queue_priority(session, project_id, output)
    queue.enqueue_output(session, project_id, output.id, priority=priority)
    disputes.to_experts(session, project_id, case.subject.options, output, priority)


def _enqueue_rollouts(context: Context, session: Session, cases: Sequence[Case]) -> None:
    """Sampling from prefixes takes long and nobody waits for it: a job of its own, for answers that can be compared."""
    wanted = BY_JOB in cases[0].subject.options.critics
    ids = [case.output.id for case in cases if wanted and checkable(case.subject) is not None]
    if ids:
        key = f"rollouts:outputs:{ids[0]}:{len(ids)}"
        context.enqueue(session, "rollouts", {"output_ids": ids}, priority=JobPriority.BATCH, dedupe_key=key)
