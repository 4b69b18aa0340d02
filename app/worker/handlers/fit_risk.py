"""Fit the project's risk to all votes and reviews again (papers 1 and 21), score every output with it, set the queue's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
    queue_priority,
)
from app.worker.runner import Context
from app.worker.waking import wake_evidence
from core import bundled
from core.projects import ProjectSettings
from core.risk.stack import RiskStack
from core.types import RiskEstimate, Verdict
from store import items, judgements, outputs, projects, queue, risk_models, vectors
from store.judgements import AnswerText, RiskTrainingRow

BATCH = 200
LEAST_CHANGE = 1e-6
FEWEST_TO_HOLD_OUT = 100  # below that every output is needed to learn from


def fit_risk(context: Context, payload: FitRisk) -> dict[str, Any]:
    """Result: method, version, rows, reviewed, and how many outputs got another risk."""
    project_id, embedder_id = payload.project_id, context.models.embedder.model_id
    with context.db.read() as session:
        project = projects.get(session, project_id)
        rows = judgements.risk_rows(session, project_id)
    if not rows:
        return {"rows": 0}
    context.progress(0, len(rows), "reading vectors")
    embedded = _vectors(context, project_id, rows)
    reviewed = [place for place, row in enumerate(rows) if row.verdict is not None]
    judge = RiskJudge.of_project(context.db, project, embedder_id)
    options = ProjectSettings.model_validate(project.settings)
    tuned = options.risk == "polar" and options.harmonizer == "encoder"
    read = set(range(len(rows))) if tuned else set(reviewed)
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
        )
        wake_evidence(session, project_id)
    judge = RiskJudge(judge.labels, stack, len(rows), len(reviewed))
    past, changed = verdict_history(context, project_id), 0
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        vectors_of_part = embedded[start : start + BATCH]
        asked = [(row.output_id, row.item_id) for row in part]
        everybody = set(range(len(part))) if stack.history is not None or tuned else set()
        risks = judge.estimate(_judged(context, part, vectors_of_part, everybody))
        risks = explained(context, project_id, asked, vectors_of_part, risks, past=past, embed_steps=False)
        changed += _rescore(context, project_id, part, risks)
        context.progress(min(start + BATCH, len(rows)), len(rows), "scoring")
    return {
        "method": stack.method,
        "version": stack.version,
        "rows": len(rows),
        "reviewed": len(reviewed),
        "changed": changed,
    }


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
        priorities = {}
        for row, risk in zip(rows, risks, strict=True):
            before = judgements.risk(session, row.output_id)
            changed += before is None or abs(before.value - risk.value) > LEAST_CHANGE
            judgements.save(session, row.output_id, risk=risk)
            output = outputs.get(session, row.output_id)
            priorities[row.output_id] = queue_priority(session, project_id, output, risk.value)
        queue.set_priority(session, project_id, priorities)
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
