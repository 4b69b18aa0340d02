"""Evidence of risks: the nearest past verdicts, and the heat of the steps where the project's map is better than chance.

Step vectors are kept as one row per output (``embedding``, owner "steps": the vectors one after the other), made when they are first
needed, so that a refit reads them. All of it is bounded: outputs with more steps than ``MAX_STEPS`` have no heat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.worker.runner import Context
from core.risk.evidence_map import EvidenceMap
from core.risk.history_neighbours import PastVerdict, VerdictHistory
from core.types import RiskEstimate
from store import evidence, vectors

Vectors = NDArray[np.float32]
Asked = tuple[int, int]  # output and item
OWNER = "steps"
SIMILAR, LEAST_SIMILAR = 3, 0.3  # below that cosine two answers have nothing in common
MAX_STEPS = 64
PAST = 20_000  # newest reviewed outputs among which neighbours are looked for
BATCH = 32


def explained(
    context: Context,
    project_id: int,
    asked: Sequence[Asked],
    embedded: Sequence[Vectors] | Vectors,
    risks: Sequence[RiskEstimate],
    *,
    past: VerdictHistory | None = None,
    embed_steps: bool = True,
) -> list[RiskEstimate]:
    """The risks of these outputs with their evidence; ``embedded`` are the outputs' vectors, in the same order.

    Whoever asks part by part gives ``verdict_history`` as ``past``, so that it is read once.
    """
    found = evidence_of(context, project_id, asked, embedded, past=past, embed_steps=embed_steps)
    return [replace(risk, evidence={**risk.evidence, **mine}) for risk, mine in zip(risks, found, strict=True)]


def evidence_of(
    context: Context,
    project_id: int,
    asked: Sequence[Asked],
    embedded: Sequence[Vectors] | Vectors,
    *,
    past: VerdictHistory | None = None,
    embed_steps: bool = True,
) -> list[dict[str, Any]]:
    """Per output ``similar`` (see ``Neighbour.to_json``) and, if there is any, ``heat``. Outputs without either get an empty dict.

    Without ``embed_steps`` only outputs whose steps have vectors already get a heat: what a refit of thousands can afford.
    """
    past = verdict_history(context, project_id) if past is None else past
    heats = heats_of(context, project_id, [output_id for output_id, _ in asked], embed_steps=embed_steps)
    found = []
    for (output_id, item_id), vector in zip(asked, embedded, strict=True):
        near = past.similar(np.asarray(vector, np.float32), SIMILAR, output_id=output_id, item_id=item_id)
        mine: dict[str, Any] = {}
        if similar := [one.to_json() for one in near if one.similarity >= LEAST_SIMILAR]:
            mine["similar"] = similar
        if output_id in heats:
            mine["heat"] = heats[output_id]
        found.append(mine)
    return found


def verdict_history(context: Context, project_id: int) -> VerdictHistory:
    """The project's reviewed outputs that have a vector of this encoder."""
    embedder = context.models.embedder
    with context.db.read() as session:
        known = evidence.reviewed(session, project_id, PAST)
        found = vectors_of(session, "output", [one.output_id for one in known], embedder.model_id)
    past = [PastVerdict(one.output_id, one.item_id, one.verdict) for one in known if one.output_id in found]
    matrix = np.stack([found[one.output_id] for one in past]) if past else np.zeros((0, embedder.dim), np.float32)
    return VerdictHistory(past, matrix)


def vectors_of(session: Any, owner_kind: str, owner_ids: Sequence[int], model: str) -> dict[int, Vectors]:
    """``store.vectors.of`` in parts that every database takes."""
    found: dict[int, Vectors] = {}
    for start in range(0, len(owner_ids), 500):
        found |= vectors.of(session, owner_kind, owner_ids[start : start + 500], model)
    return found


def heats_of(
    context: Context, project_id: int, output_ids: Sequence[int], *, embed_steps: bool = True
) -> dict[int, list[float]]:
    """Heat per step, by output; nothing while the project's map is not above chance, or was learned on another encoder's vectors."""
    with context.db.read() as session:
        known = evidence.current(session, project_id)
    if known is None or not known.shown or known.embedder != context.models.embedder.model_id:
        return {}
    fitted = EvidenceMap.load(known.state)
    steps = step_vectors(context, project_id, output_ids, embed_missing=embed_steps)
    return {
        output_id: [round(float(share), 5) for share in fitted.score(matrix)[1]]
        for output_id, matrix in steps.items()
        if len(matrix) > 1
    }


def step_vectors(
    context: Context, project_id: int, output_ids: Sequence[int], *, embed_missing: bool = True
) -> dict[int, Vectors]:
    """Vectors (steps, d) by output; outputs with no step, or more than ``MAX_STEPS``, are left out."""
    embedder = context.models.embedder
    with context.db.read() as session:
        kept = vectors_of(session, OWNER, output_ids, embedder.model_id)
    found = {output_id: flat.reshape(-1, embedder.dim) for output_id, flat in kept.items()}
    missing = [output_id for output_id in output_ids if output_id not in found] if embed_missing else []
    for start in range(0, len(missing), BATCH):
        part = missing[start : start + BATCH]
        with context.db.read() as session:
            texts = {k: v for k, v in evidence.step_texts(session, part).items() if len(v) <= MAX_STEPS}
        made = _embed(context, texts)
        with context.db.write() as session:
            for output_id, matrix in made.items():
                vectors.put(
                    session,
                    project_id=project_id,
                    scope=OWNER,
                    owner_kind=OWNER,
                    owner_id=output_id,
                    model=embedder.model_id,
                    vector=matrix.reshape(-1),
                )
        found |= made
        context.check()
    return found


def _embed(context: Context, texts: Mapping[int, Sequence[str]]) -> dict[int, Vectors]:
    flat = [text for steps in texts.values() for text in steps]
    if not flat:
        return {}
    made = context.models.embedder.embed(flat)
    found, at = {}, 0
    for output_id, steps in texts.items():
        found[output_id] = np.asarray(made[at : at + len(steps)])
        at += len(steps)
    return found
