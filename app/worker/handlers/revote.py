"""Rules vote again after one of them was changed, and people's verdicts after one came: no model is asked, all else stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.worker.payloads import Revote
from app.worker.risks import wake_fit
from app.worker.runner import Context
from app.worker.signalling import rule_signals, verdicts_of
from core.projects import ANNOTATORS, ProjectSettings
from core.signals import REGISTRY as SIGNALS
from core.signals.base import Signal, cast
from core.types import Verdict, Vote
from store import projects, rules, samples
from store.samples import Sample

BATCH = 200


def revote(context: Context, payload: Revote) -> dict[str, Any]:
    """Result: how many outputs were looked at, and of how many a vote changed. Their risks follow in a job of their own."""
    with context.db.read() as session:
        ids = payload.output_ids or samples.judged_ids(session, payload.project_id)
    changed = 0
    for start in range(0, len(ids), BATCH):
        context.progress(start, len(ids), "rules are voting")
        changed += _batch(context, payload.project_id, ids[start : start + BATCH])
    if changed:
        with context.db.write() as session:
            wake_fit(context, session, payload.project_id)
    context.progress(len(ids), len(ids))
    return {"outputs": len(ids), "changed": changed}


def _batch(context: Context, project_id: int, ids: Sequence[int]) -> int:
    """Votes of rules that were changed while they were cast are cast again: what is stored is what the rules of that moment say."""
    while True:
        context.check()
        with context.db.read() as session:
            before = rules.state(session, project_id)
            people = rules.list_all(session, project_id, enabled=True)
            options = ProjectSettings.model_validate(projects.get(session, project_id).settings)
            found = samples.judged(session, project_id, ids)
        signals = rule_signals(people, taken=frozenset(options.signals))
        said: dict[int, tuple[Verdict, ...]] = {}
        if ANNOTATORS in options.signals:
            signals.append(SIGNALS.make(ANNOTATORS))
            said = dict(verdicts_of(context, project_id, [one.output_id for one in found]))
        votes = {one.output_id: _votes(signals, one, said.get(one.output_id, ())) for one in found}
        with context.db.write() as session:
            if rules.state(session, project_id, lock=True) == before:
                return rules.save_votes(session, votes, [signal.name for signal in signals])


def _votes(signals: Sequence[Signal], one: Sample, verdicts: tuple[Verdict, ...]) -> list[Vote]:
    seen = one.as_input(verdicts=verdicts)
    return [cast(signal, seen) for signal in signals]
