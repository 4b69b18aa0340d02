"""``corrigenda eval``: the product's own judgement measured on data. Models run here; what they said is kept for the next run."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.cli.evaluate_cache import Say, embedded, keep, keep_text, kept
from app.settings import Settings
from app.worker.models import make_generator
from core.evaluation import formats
from core.evaluation.risk import Prepared, evaluate, mean_and_interval, prepared_answers
from core.evaluation.rows import EvalRow, EvalSet

if TYPE_CHECKING:
    from core.risk.history_operations import OperationModel

BATCH = 256
FEWEST_WORKED = 100
SMOLLM2 = "smollm2"
COLUMN = "column:"
SHARE_OF_OTHER_SIDE = 0.05  # of --data that calibrates what --train taught, unless --reviews says otherwise
DEFAULT_REVIEWS = 100


def eval_risk(
    settings: Settings,
    *,
    data: Path,
    form: str,
    train: Path | None,
    llm: str,
    reviews: int | None,
    compare: bool,
    seed: int,
    seeds: int,
    rounds: int,
    say: Say,
) -> dict[str, Any]:
    """The figures of seed ``seed``, and over ``seeds`` seeds their means. Raises ``ValueError`` that says what to do."""
    if seeds < 1:
        raise ValueError("--seeds must be at least 1")
    test = _prepared(settings, formats.read(form, data), llm, say)
    taught = None if train is None else _prepared(settings, formats.read(form, train), llm, say)
    test, taught = _with_planted(settings, test, taught, say)
    count = reviews
    if count is None:
        known = len(test.data.rows)
        count = min(DEFAULT_REVIEWS, known // 2) if taught is None else max(1, round(SHARE_OF_OTHER_SIDE * known))
    if count < 0:
        raise ValueError("--reviews must not be negative")
    draws = []
    for number in range(seeds):
        started = time.perf_counter()
        draws.append(
            evaluate(
                test,
                taught,
                reviews=count,
                seed=seed + number,
                compare=compare,
                ablate=compare and number == 0,
                rounds=rounds if number == 0 else 0,
            )
        )
        say(f"seed {seed + number}: {_line(draws[-1])} ({time.perf_counter() - started:.1f} s)")
    result = draws[0] | {"data": data.name, "format": form, "llm": llm, "notes": list(test.data.notes)}
    if seeds > 1:
        lists = ("reliability", "risk_coverage", "intervals")
        result["over_seeds"] = mean_and_interval([{k: v for k, v in draw.items() if k not in lists} for draw in draws])
    return result


def _line(found: dict[str, Any]) -> str:
    parts = [
        f"{name} {found[name]:.3f}"
        for name in ("ece", "r2", "auroc", "top10_error", "error")
        if found[name] is not None
    ]
    return ", ".join(parts) + f", n {found['n']}"


def table(found: dict[str, Any]) -> str:
    """The figures as people read them: the shown risk, what it was before calibration, baselines, ablation."""
    names = ("ece", "r2", "auroc", "top10_error", "error", "spearman")
    rows = [("risk as shown", found), ("before calibration", found["before_calibration"])]
    for name, baseline in found.get("baselines", {}).items():
        rows.append((f"baseline {name}", baseline))
        if "calibrated" in baseline:
            rows.append((f"baseline {name}, calibrated", baseline["calibrated"]))
    rows += [(f"ablation: {name}", part) for name, part in found.get("ablation", {}).items() if part is not None]
    width = max(len(title) for title, _ in rows)
    lines = [" " * width + "".join(f"{name:>13}" for name in names)]
    for title, values in rows:
        cells = [values.get(name) for name in names]
        lines.append(title.ljust(width) + "".join(f"{'-' if cell is None else f'{cell:.3f}':>13}" for cell in cells))
    state = f"calibrated by {found['calibrator']}" if found["calibrated"] else "uncalibrated: too few reviews"
    return "\n".join([*lines, f"{found['n']} rows measured, {found['reviews']} reviewed; {found['method']}, {state}"])


def _prepared(settings: Settings, data: EvalSet, llm: str, say: Say) -> Prepared:
    say(f"{data.name}: {len(data.rows):,} rows" + (f", {len(data.labels)} labels" if data.labels else ""))
    parts = _vectors(settings, data, say)
    if not data.labels:
        return prepared_answers(data, parts, _own_scores(data, llm))
    shares = likelihoods(settings, data, say) if llm == SMOLLM2 else _column(data, llm)
    return Prepared(data, np.hstack(parts), shares.argmax(axis=1), shares, None, tuple(p.shape[1] for p in parts))


def _with_planted(
    settings: Settings, test: Prepared, taught: Prepared | None, say: Say
) -> tuple[Prepared, Prepared | None]:
    """Both sides with what planted errors in worked solutions tell of their answers, where there are such solutions.

    A worked question that is asked on the other side is left out.
    """
    sides = [side for side in (taught, test) if side is not None]
    asked = {row.prompt for side in sides for row in side.data.rows}
    worked = [pair for pair in sides[0].data.worked or test.data.worked if pair[0] not in asked]
    if len(worked) < FEWEST_WORKED:
        return test, taught
    from core.embedding import model_id_of
    from core.risk.history_operations import OperationModel

    parts = [model_id_of(settings.embedder), *(text for pair in worked for text in pair)]
    path = kept(settings, "planted", parts).with_suffix(".json")
    model = OperationModel()
    if path.exists():
        model.load(json.loads(path.read_text("utf-8")))
    else:
        say(f"planting errors in {len(worked):,} worked solutions")
        vectors = embedded(settings, [prompt for prompt, _ in worked], say)
        model.fit([prompt for prompt, _ in worked], [answer for _, answer in worked], list(vectors))
        keep_text(path, json.dumps(model.state()))
    told = [_told(side, model) for side in sides]
    return told[-1], (told[0] if taught is not None else None)


def _told(side: Prepared, model: OperationModel) -> Prepared:
    width = side.parts[0]
    rows = []
    for row, vector in zip(side.data.rows, side.vectors, strict=True):
        more = model.features(row.prompt, row.answer, vector[:width])
        rows.append(replace(row, signals={**row.signals, **more}))
    return replace(side, data=replace(side.data, rows=tuple(rows)))


def _own_scores(data: EvalSet, llm: str) -> NDArray[np.float64] | None:
    """The model's own confidence by column; where none is named, the column "logprob" if every row has it."""
    name = llm.removeprefix(COLUMN) if llm.startswith(COLUMN) else "logprob"
    values = [row.columns.get(name, row.signals.get(name)) for row in data.rows]
    known = [isinstance(value, int | float) and not isinstance(value, bool) for value in values]
    if all(known):
        return np.array(values, dtype=np.float64)
    if llm.startswith(COLUMN):
        raise ValueError(f"--llm {llm}: row {data.rows[known.index(False)].id!r} has no number called {name!r}")
    return None


def _column(data: EvalSet, llm: str) -> NDArray[np.float64]:
    """Probabilities (n, k) from a column of labels, or of {label: probability}."""
    if not llm.startswith(COLUMN):
        raise ValueError(f"--llm is {SMOLLM2} or {COLUMN}NAME, not {llm!r}")
    name, labels = llm.removeprefix(COLUMN), data.labels
    shares = np.zeros((len(data.rows), len(labels)))
    for place, row in enumerate(data.rows):
        value = row.columns.get(name)
        said = value if isinstance(value, dict) else {str(value): 1.0}
        known = {labels.index(str(label)): float(share) for label, share in said.items() if str(label) in labels}
        if not known and isinstance(value, int) and 0 <= value < len(labels):
            known = {value: 1.0}
        if not known or min(known.values()) < 0:
            raise ValueError(f"--llm {llm}: row {row.id!r} holds {str(value)[:80]!r}, which names none of the labels")
        shares[place, list(known)] = list(known.values())
        shares[place] += 1e-3
        shares[place] /= shares[place].sum()
    return shares


def _vectors(settings: Settings, data: EvalSet, say: Say) -> list[NDArray[np.float32]]:
    """One array (n, d) per text of a row."""
    width = len(data.rows[0].texts)
    found = embedded(settings, [text for row in data.rows for text in row.texts], say)
    return [found[start::width] for start in range(width)]


def likelihoods(
    settings: Settings, data: EvalSet, say: Say, *, rows: Sequence[EvalRow] | None = None, before: str = ""
) -> NDArray[np.float64]:
    """The model's probabilities over labels (n, k): mean log-prob of a label's words, less the mean over the rows, normalised.

    The second step takes away how common a word is anyway, which for a small model is most of its likelihood. ``rows`` are all of the
    set's unless given; ``before`` is what else the model reads, such as what was learnt.
    """
    from core.generators.base import Message, ScoreRequest

    ask = data.ask
    assert ask is not None, "a set of labels says how it is asked"
    words = [word for group in ask.words for word in group]
    rows = data.rows if rows is None else rows
    start = [Message("system", f"{ask.system}\n\n{before}" if before else ask.system)]
    for text, said in ask.examples:
        start += [Message("user", text), Message("assistant", f"Answer: {said}")]
    requests = [
        ScoreRequest((*start, Message("user", row.prompt)), tuple(f" {word}" for word in words), "Answer:")
        for row in rows
    ]
    path = kept(settings, "likelihood", [settings.model, repr(start), *words, *(row.prompt for row in rows)])
    if path.exists():
        logs = np.load(path, allow_pickle=False)
    else:
        logs = _scored(settings, requests, say)
        keep(path, logs)
    owner = np.array([label for label, group in enumerate(ask.words) for _ in group])
    means = np.stack([logs[:, owner == label].mean(axis=1) for label in range(len(ask.words))], axis=1)
    means -= means.mean(axis=0)
    shares = np.exp(means - means.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _scored(settings: Settings, requests: Sequence[Any], say: Say) -> NDArray[np.float64]:
    generator = make_generator(settings.model_copy(update={"generator": "transformers"}))  # the only one that scores
    found: list[list[float]] = []
    for begin in range(0, len(requests), BATCH):
        found += generator.score(requests[begin : begin + BATCH])
        say(f"likelihoods of {len(found):,} of {len(requests):,} rows")
    return np.array(found, dtype=np.float64)
