"""What the quality gate knows of the rows of an export: asked from models where it is new, then read, ranked and chosen.

Worker and command share it. No model is asked inside a transaction, and at most a page of records is in memory while they are asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.worker.models import Models
from core.generators.base import Capability, Message, ReadRequest
from core.quality import indicators, rule
from core.quality.duplicates import Held, leaked
from core.quality.gate import Choice, Gate, Rows, choose, means
from core.quality.indicators import AMONG, Floats, Vectors
from core.quality.rows import QualityRow, row_of
from core.reports.supervision_quality import SupervisionQualityReport
from core.types import JobPriority
from store import evaluation_sets, export_records, people_quality, row_scores, training_runs
from store.engine import Database
from store.row_scores import Said

PAGE = 64  # rows that models are asked about between two looks at the clock
PART = 2000  # rows whose vectors are in memory beside those that neighbours are looked for among
GATE = "quality"  # the filter of an export that is not one of its records
Say = Callable[[int, int, str], None]


def picks(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filters of an export that are of its records."""
    return {name: value for name, value in filters.items() if name != GATE}


def pinned(session: Session, project_id: int, gate: Gate) -> Gate:
    """The gate as it is to be kept with an export: a fitted rule is that of the runs of now.

    Raises ``TooFewRuns`` where there is none, ``LookupError`` for an evaluation set that the project does not have.
    """
    if gate.held:
        evaluation_sets.texts(session, project_id, gate.held)
    if gate.rule != rule.FITTED:
        return gate
    upto = gate.runs_to or training_runs.last(session, project_id)
    training_runs.rule(session, project_id, upto)
    return Gate(**{**gate.to_json(), "runs_to": upto})


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows of an export with their indicators, the rule that was fitted, and the share of wrong steps by author."""

    rows: Rows
    fitted: rule.FittedRule | None
    authors: Mapping[str, float]
    written_by: Sequence[str | None]

    def choose(self, gate: Gate) -> Choice:
        return choose(self.rows, gate, self.fitted)


def scored(db: Database, models: Models, project_id: int, filters: Mapping[str, Any], gate: Gate, say: Say) -> Scored:
    """Ask what is missing, then read everything. ``say`` hears how many rows were looked at, and may raise to stop."""
    names: tuple[str, str] | None = None
    held_vectors: Vectors | None = None
    with db.read() as session:
        held = evaluation_sets.texts(session, project_id, gate.held) if gate.held else []
    if gate.asks_models:
        names = models.generator_name, models.embedder.model_id
        _ask(db, models, project_id, filters, names, say)
        held_vectors = _embedded(db, models, project_id, held) if held else None
    with db.read() as session:
        fitted = training_runs.rule(session, project_id, gate.runs_to) if gate.rule == rule.FITTED else None
        return _read(session, project_id, filters, names, Held.of(held), held_vectors, fitted)


def _ask(
    db: Database, models: Models, project_id: int, filters: Mapping[str, Any], names: tuple[str, str], say: Say
) -> None:
    """A page at a time: what is known already is passed over, so that a job that comes again goes on where it was."""
    after, done = 0, 0
    while True:
        with db.read() as session:
            found = export_records.records(
                session, project_id, filters=picks(filters), after=after, batch=PAGE, steps=False
            )
            with closing(found):
                page = list(islice(found, PAGE))
            rows = {row.key(*names): row for record in page if (row := row_of(record)) is not None}
            known = row_scores.known(session, project_id, list(rows))
        if not page:
            return
        after, done = page[-1].item_id, done + len(page)
        missing = [key for key in rows if key not in known]
        for start in range(0, len(missing), 8):
            part = missing[start : start + 8]
            said = _say_of(models, [rows[key] for key in part])
            with db.write() as session:
                row_scores.keep(session, project_id, dict(zip(part, said, strict=True)))
            say(done - len(page) + start, 0, f"{done - len(page) + start} rows scored")
        say(done, 0, f"{done} rows scored")


def _say_of(models: Models, rows: Sequence[QualityRow]) -> list[Said]:
    prompts = models.embedder.embed([row.prompt for row in rows])
    responses = models.embedder.embed([row.response for row in rows])
    losses, alone = [math.nan] * len(rows), [math.nan] * len(rows)
    reader = models.batcher.at(JobPriority.BATCH)
    if Capability.READ in reader.capabilities:
        losses = [_loss(reader, row.system, row.prompt, row.response) for row in rows]
        alone = [_loss(reader, "", "", row.response) for row in rows]
    return [Said(*four) for four in zip(losses, alone, prompts, responses, strict=True)]


def _loss(reader: Any, system: str, prompt: str, response: str) -> float:
    """Mean negative log-likelihood in nats per token; ``nan`` where the prompt fills the window."""
    turns = (Message("system", system),) if system else ()
    tokens = reader.read([ReadRequest((*turns, Message("user", prompt)), response)])[0]
    return -float(np.mean([token.logprob for token in tokens])) if tokens else math.nan


def _embedded(db: Database, models: Models, project_id: int, texts: Sequence[str]) -> Vectors:
    """Vectors of an evaluation set's texts, kept like those of rows."""
    name = models.embedder.model_id
    keys = [QualityRow(0, "", text, "", None, math.nan, math.nan).key("held", name) for text in texts]
    with db.read() as session:
        known = row_scores.known(session, project_id, keys)
    missing = [(key, text) for key, text in zip(keys, texts, strict=True) if key not in known]
    empty = np.zeros(0, np.float32)
    for start in range(0, len(missing), PAGE):
        part = missing[start : start + PAGE]
        vectors = models.embedder.embed([text for _, text in part])
        with db.write() as session:
            said = {
                key: Said(math.nan, math.nan, vector, empty) for (key, _), vector in zip(part, vectors, strict=True)
            }
            row_scores.keep(session, project_id, said)
    with db.read() as session:
        return np.concatenate([np.stack([one.prompt for one in part]) for part in _said(session, project_id, keys)])


def _said(session: Session, project_id: int, keys: Sequence[str]) -> Iterator[list[Said]]:
    for start in range(0, len(keys), PART):
        part = keys[start : start + PART]
        found = row_scores.of(session, project_id, part)
        yield [found[key] for key in part]


def _read(
    session: Session,
    project_id: int,
    filters: Mapping[str, Any],
    names: tuple[str, str] | None,
    held: Held,
    held_vectors: Vectors | None,
    fitted: rule.FittedRule | None,
) -> Scored:
    audited = SupervisionQualityReport().compute(people_quality.supervised(session, project_id))["authors"]
    authors = {one["author"]: float(one["step_error"]) for one in audited}
    items: list[Any] = []
    texts: list[Any] = []
    keys: list[Any] = []
    written: list[Any] = []
    leaks: list[Any] = []
    columns: dict[str, list[float]] = {name: [] for name in ("length", "mtld", "critic", "agreement", "step_error")}
    found = export_records.records(session, project_id, filters=picks(filters), extras=("critiques",), steps=False)
    with closing(found):
        for record in found:
            if (row := row_of(record)) is None:
                continue
            items.append(row.item_id)
            texts.append(row.same())
            written.append(row.author)
            leaks.append(held.has(row.prompt))
            if names is not None:
                keys.append(row.key(*names))
            columns["length"].append(indicators.length(row.response))
            columns["mtld"].append(indicators.mtld(row.response))
            columns["critic"].append(row.critic)
            columns["agreement"].append(row.agreement)
            columns["step_error"].append(authors.get(row.author, math.nan) if row.author is not None else math.nan)
    if names is not None:  # what arrived while models were asked waits for the next time
        there = row_scores.known(session, project_id, keys)
        stay = [place for place, key in enumerate(keys) if key in there]
        items, texts, keys = ([some[p] for p in stay] for some in (items, texts, keys))
        written, leaks = ([some[p] for p in stay] for some in (written, leaks))
        columns = {name: [values[place] for place in stay] for name, values in columns.items()}
    plain = {name: np.array(values, float) for name, values in columns.items()}
    leak = np.array(leaks, bool)
    asked, vectors = _of_models(session, project_id, keys, len(items))
    if held_vectors is not None:
        leak |= _leaks(session, project_id, keys, held_vectors)
    people = np.array([one is None for one in written], bool)
    return Scored(Rows(items, texts, plain | asked, leak, vectors, people), fitted, authors, written)


def _of_models(
    session: Session, project_id: int, keys: Sequence[str], count: int
) -> tuple[dict[str, Floats], Vectors | None]:
    """Columns that models gave, and the joint vectors of the first rows; neighbours are looked for among ``AMONG`` rows."""
    found = {name: np.full(count, np.nan) for name in ("loss", "gain", "related", "knn_6")}
    if not keys:
        return found, None
    drawn = indicators.drawn(keys)
    among = _joint(session, project_id, [keys[place] for place in drawn])
    own = np.zeros(count, bool)
    own[drawn] = True
    start = 0
    for part in _said(session, project_id, keys):
        here = slice(start, start + len(part))
        prompts, responses = np.stack([one.prompt for one in part]), np.stack([one.response for one in part])
        losses = np.array([one.loss for one in part])
        found["loss"][here] = losses
        found["gain"][here] = losses - np.array([one.loss_alone for one in part])
        found["related"][here] = (prompts * responses).sum(1)
        found["knn_6"][here] = indicators.knn_distance(indicators.joint(prompts, responses), among, own[here])
        start += len(part)
    return found, among if count <= AMONG else _joint(session, project_id, keys[:AMONG])


def _joint(session: Session, project_id: int, keys: Sequence[str]) -> Vectors:
    parts = [
        indicators.joint(np.stack([one.prompt for one in part]), np.stack([one.response for one in part]))
        for part in _said(session, project_id, keys)
    ]
    return np.concatenate(parts)


def _leaks(session: Session, project_id: int, keys: Sequence[str], held: Vectors) -> Any:
    parts = [leaked(np.stack([one.prompt for one in part]), held) for part in _said(session, project_id, keys)]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def summary(found: Scored, choice: Choice, gate: Gate) -> dict[str, Any]:
    """What a card and a job's result say of the gate: the rule with its version, means of what goes in, and counts."""
    told: dict[str, Any] = {
        "rule": rule.version_of(gate.rule, found.fitted),
        "rows": len(found.rows.items),
        "kept": len(choice.marks),
        "means": means(found.rows.columns, choice.kept),
    }
    if found.fitted is not None:
        told["r2"], told["runs"] = found.fitted.r2, found.fitted.runs
    return told
