"""Fit the project's risk to all votes and reviews again (papers 1 and 21), score every output with it, set the queue's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.worker.evidence import explained, verdict_history
from app.worker.payloads import FitRisk
from app.worker.risks import (
    Judged,
    RiskJudge,
    case_of,
    embedded_text,
    held_out,
    kept_state,
    put_output_vector,
)
from app.worker.runner import Context
from app.worker.waking import wake_evidence
from core import bundled
from core.projects import ProjectSettings
from core.recipes.unlearning import judged
from core.risk.stack import RiskStack
from core.types import RiskEstimate, Verdict
from store import items, judgements, outputs, projects, queue, risk_models, unlearning, vectors
from store.judgements import AnswerText, RiskTrainingRow

BATCH = 200
LEAST_CHANGE = 1e-6
FEWEST_TO_HOLD_OUT = 100  # below that every output is needed to learn from


def fit_risk(context: Context, payload: FitRisk) -> dict[str, Any]:
    """Result: method, version, rows, reviewed, and how many outputs got another risk.

    Without ``train`` it only scores anew: after a person put another version in force.
    """
    rows, embedded = _read(context, payload.project_id)
    if not rows:
        return {"rows": 0}
    judge = _fitted(context, payload.project_id, rows, embedded, current=True) if payload.train else None
    if judge is None:
        judge = _in_force(context, payload.project_id)
    changed = _scored(context, payload.project_id, judge, rows, embedded)
    return {
        "method": judge.stack.method,
        "version": judge.stack.version,
        "rows": judge.rows,
        "reviewed": judge.reviewed,
        "changed": changed,
    }


def refitted(context: Context, project_id: int, retraction_id: int) -> str | None:
    """A version fitted without what was taken back, out of force; its name, or ``None`` where no risk was fitted before.

    ``corrected``: how often the risk is on the right side of one half for answers whose withdrawn verdict somebody else has given anew;
    ``retained``: for the other reviewed answers; before and after, on answers that both versions have learned from.
    """
    before = _in_force(context, project_id)
    if not before.rows:
        return None
    rows, embedded = _read(context, project_id)
    with context.db.read() as session:
        affected = unlearning.affected_outputs(session, retraction_id)
    after = _fitted(context, project_id, rows, embedded, current=False)
    told = [place for place, row in enumerate(rows) if row.verdict is not None]
    judged_rows = [_judged(context, [rows[k]], embedded[k : k + 1], {0})[0] for k in told]
    right = {
        side: [
            (risk.value >= 0.5) == (rows[k].verdict is Verdict.FAULTY)
            for k, risk in zip(told, judge.estimate(judged_rows), strict=True)
        ]
        for side, judge in (("before", before), ("after", after))
    }
    here = np.array([rows[k].output_id in affected for k in told], dtype=bool)
    figures = unlearning_figures(right, here) | {"retraction": retraction_id, "from": before.stack.version}
    with context.db.write() as session:
        risk_models.note(session, project_id, after.stack.version, figures)
    return after.stack.version


def unlearning_figures(right: Mapping[str, Sequence[bool]], here: NDArray[np.bool_]) -> dict[str, Any]:
    """``corrected`` and ``retained`` of two versions, of the rows that are affected (``here``) and of the others."""

    def share(said: Sequence[bool], picked: NDArray[np.bool_]) -> float | None:
        return float(np.mean(np.asarray(said, dtype=bool)[picked])) if picked.any() else None

    corrected = {side: share(said, here) for side, said in right.items()}
    retained = {side: share(said, ~here) or 0.0 for side, said in right.items()}
    return {
        "corrected": {**corrected, "n": int(here.sum())},
        "retained": {**retained, "n": int((~here).sum())},
        "judged": judged(
            corrected_before=corrected["before"],
            corrected_after=corrected["after"],
            retained_before=retained["before"],
            retained_after=retained["after"],
        ),
    }


def _read(context: Context, project_id: int) -> tuple[list[RiskTrainingRow], Any]:
    with context.db.read() as session:
        rows = judgements.risk_rows(session, project_id)
    if rows:
        context.progress(0, len(rows), "reading vectors")
    return rows, _vectors(context, project_id, rows) if rows else None


def _in_force(context: Context, project_id: int) -> RiskJudge:
    with context.db.read() as session:
        project = projects.get(session, project_id)
    return RiskJudge.of_project(context.db, project, context.models.embedder.model_id)


def _fitted(
    context: Context, project_id: int, rows: Sequence[RiskTrainingRow], embedded: Any, *, current: bool
) -> RiskJudge:
    """A new version, kept in force or not."""
    embedder_id = context.models.embedder.model_id
    with context.db.read() as session:
        options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
    reviewed = [place for place, row in enumerate(rows) if row.verdict is not None]
    judge = _in_force(context, project_id)
    read = set(range(len(rows))) if _reads_texts(options) else set(reviewed)
    cases = [case_of(one, judge.labels) for one in _judged(context, rows, embedded, read)]
    context.progress(0, len(rows), "fitting")
    stack = RiskStack.fit(
        options.risk,
        cases,
        [None if row.verdict is None else float(row.verdict is Verdict.FAULTY) for row in rows],
        len(judge.labels) or 2,
        seed=project_id,
        version=f"risk-{context.job.id}",
        held=[held_out(row.item_id) for row in rows] if len(rows) >= FEWEST_TO_HOLD_OUT else None,
        incumbent=judge.stack if judge.rows else None,
        options=_polar(context, project_id, options) if options.risk == "polar" else None,
    )
    with context.db.write() as session:
        risk_models.save(
            session,
            project_id,
            version=stack.version,
            method=stack.method,
            state=kept_state(stack, embedder_id),
            rows=len(rows),
            reviewed=len(reviewed),
            figures=stack.figures,
            current=current,
        )
        if current:
            wake_evidence(session, project_id)
    return RiskJudge(judge.labels, stack, len(rows), len(reviewed))


def _reads_texts(options: ProjectSettings) -> bool:
    """Whether the votes' model reads every answer and not its vector alone."""
    return options.risk == "polar" and options.harmonizer == "encoder"


def _scored(context: Context, project_id: int, judge: RiskJudge, rows: Sequence[RiskTrainingRow], embedded: Any) -> int:
    """Every output gets the risk of this version; how many differ."""
    with context.db.read() as session:
        options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
    past, changed = verdict_history(context, project_id), 0
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        vectors_of_part = embedded[start : start + BATCH]
        asked = [(row.output_id, row.item_id) for row in part]
        everybody = set(range(len(part))) if judge.stack.history is not None or _reads_texts(options) else set()
        risks = judge.estimate(_judged(context, part, vectors_of_part, everybody))
        risks = explained(context, project_id, asked, vectors_of_part, risks, past=past, embed_steps=False)
        changed += _rescore(context, project_id, part, risks)
        context.progress(min(start + BATCH, len(rows)), len(rows), "scoring")
    return changed


def _polar(context: Context, project_id: int, options: ProjectSettings) -> dict[str, Any]:
    """What POLAR is made with; a fine-tuned encoder's weights get a folder of their own, named by project and job."""
    made: dict[str, Any] = {"family": options.harmonizer, "scalarizer": options.scalarizer}
    if options.harmonizer == "encoder":
        name = context.settings.embedder
        made["encoder"] = bundled.minilm() if name == bundled.MINILM.name else name
        made["folder"] = context.settings.data_dir / "harmonizers" / f"{project_id}-{context.job.id}"
    return made


def _judged(context: Context, rows: Sequence[RiskTrainingRow], embedded: Any, with_text: set[int]) -> list[Judged]:
    """The rows as the risk sees them; texts are read for those places alone whose past verdicts count."""
    wanted = [rows[place].output_id for place in sorted(with_text)]
    texts: dict[int, AnswerText] = {}
    with context.db.read() as session:
        for start in range(0, len(wanted), BATCH):
            texts |= judgements.answer_texts(session, wanted[start : start + BATCH])
    return [
        Judged(row.item_id, row.label, row.votes, vector, texts.get(row.output_id))
        for row, vector in zip(rows, embedded, strict=True)
    ]


def _rescore(context: Context, project_id: int, rows: Sequence[RiskTrainingRow], risks: Sequence[RiskEstimate]) -> int:
    """Keep the new risks and their places in the queue; how many differ from the ones before."""
    changed = 0
    with context.db.write() as session:
        judgements.take_turn(session, [row.output_id for row in rows])
        for row, risk in zip(rows, risks, strict=True):
            before = judgements.risk(session, row.output_id)
            changed += before is None or abs(before.value - risk.value) > LEAST_CHANGE
            judgements.save(session, row.output_id, risk=risk)
        line = projects.queue_of(session, project_id)
        urgent = queue.ordering.priorities(session, line, [row.output_id for row in rows])
        queue.set_priority(session, project_id, urgent)
    return changed


def _vectors(context: Context, project_id: int, rows: Sequence[RiskTrainingRow]) -> Any:
    """Embeddings of the outputs, shape (n, d); those that are missing, such as after a change of encoder, are made now."""
    embedder = context.models.embedder
    found: dict[int, Any] = {}
    for start in range(0, len(rows), BATCH):
        ids = [row.output_id for row in rows[start : start + BATCH]]
        with context.db.read() as session:
            found |= vectors.of(session, "output", ids, embedder.model_id)
            missing = [outputs.get(session, output_id) for output_id in ids if output_id not in found]
            texts = [embedded_text(items.get(session, output.item_id).prompt, output.text) for output in missing]
        if missing:
            made = embedder.embed(texts)
            with context.db.write() as session:
                for output, vector in zip(missing, made, strict=True):
                    found[output.id] = vector
                    put_output_vector(session, project_id, output.id, embedder.model_id, vector)
        context.check()
    return np.stack([found[row.output_id] for row in rows])
