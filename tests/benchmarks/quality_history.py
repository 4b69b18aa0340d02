"""Correctness history (paper 21) on public files: ``python -m tests.benchmarks.quality_history [gsm8k|mt|mmlu ...] [--cache DIR]``.

One JSON line per part. ``--cache`` keeps embeddings and the features of planted errors between runs. Says so and stops when the
public files (``../shared/data``) are not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

from core.answers import final_answer, same
from core.metrics import auroc, bootstrap, ece
from core.risk.calibrators import CALIBRATORS
from core.risk.history import HistoryModel, HistoryRow, View, surface_features
from core.risk.history_operations import OperationModel

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SEEDS, DRAWS, ROUNDS = 5, 20, 500
MODELS = ("6b_finetuning", "6b_verification")


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").split("\n") if line]


def half_of(text: str) -> int:
    """The half of the questions that a text belongs to, by hash of its normalised words; 0 is for training, 1 for testing."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).digest()[0] % 2


class Cache:
    """Values by what they were made from; kept in a folder when there is one."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def vectors(self, texts: Sequence[str]) -> list[Any]:
        path = self._path("vectors", texts, "npy")
        if path and path.is_file():
            return list(np.load(path))
        from core.embedding import Embedder

        found = Embedder().embed(list(texts))
        if path:
            np.save(path, found)
        return list(found)

    def operations(self, rows: Sequence[HistoryRow], seed: int) -> list[dict[str, float]]:
        path = self._path(f"operations{seed}", [row.prompt + row.answer for row in rows], "json")
        if path and path.is_file():
            kept: list[dict[str, float]] = json.loads(path.read_text())
            return kept
        worked = lines("gsm8k_solutions/train_sample.jsonl")
        model = OperationModel()
        questions = [w["question"] for w in worked]
        model.fit(questions, [w["answer"] for w in worked], self.vectors(questions), seed)
        found = [model.features(row.prompt, row.answer, row.prompt_vector) for row in rows]
        if path:
            path.write_text(json.dumps(found))
        return found

    def _path(self, kind: str, texts: Sequence[str], ending: str) -> Path | None:
        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"history_{kind}_{hashlib.sha256('|'.join(texts).encode()).hexdigest()[:16]}.{ending}"


def interval(values: Sequence[float]) -> dict[str, float]:
    return {"mean": round(float(np.mean(values)), 4), "low": round(min(values), 4), "high": round(max(values), 4)}


def gsm8k(cache: Cache) -> dict[str, Any]:
    """Trained on one model and half of the questions, tested on the other model and the other half; both directions."""
    text = {q["id"]: q["question"] for q in lines("gsm8k_solutions/questions.jsonl")}
    raw = lines("gsm8k_solutions/solutions_6b.jsonl")
    vectors = dict(zip(text, cache.vectors(list(text.values())), strict=True))
    answers = cache.vectors([r["solution"] for r in raw])
    rows = [
        HistoryRow(
            text[r["question_id"]], r["solution"], r["model"], vectors[r["question_id"]], vector, {}, r["question_id"]
        )
        for r, vector in zip(raw, answers, strict=True)
    ]
    wrong = np.array([not r["is_correct"] for r in raw], float)
    surface = [surface_features(row.prompt, row.answer) for row in rows]
    rich = _with(rows, cache.operations(rows, 0))
    agreed = _with(rich, [{"agrees": a} for a in _agreement(raw)])
    found: dict[str, Any] = {}
    for half in (0, 1):
        name = "tested on half 1" if half == 0 else "turned round: tested on half 0, on which it was designed"
        lines_: list[tuple[str, list[HistoryRow], View]] = [("history with planted errors", rich, "full")]
        if half == 0:
            lines_ += [
                ("without planted errors", rows, "full"),
                ("answer alone", rows, "answer"),
                ("prompt alone", rows, "prompt"),
            ]
            lines_ += [("with agreement (not the strict protocol)", agreed, "full")]
        found[name] = {label: _both_ways(kind, wrong, surface, half, view) for label, kind, view in lines_}
    return found


def _with(rows: Sequence[HistoryRow], more: Sequence[dict[str, float]]) -> list[HistoryRow]:
    return [
        HistoryRow(r.prompt, r.answer, r.model, r.prompt_vector, r.answer_vector, {**r.signals, **m}, r.group)
        for r, m in zip(rows, more, strict=True)
    ]


def _agreement(raw: Sequence[dict[str, Any]]) -> list[float]:
    """Whether the two models' final answers to one question are the same."""
    said = {(r["question_id"], r["model"]): final_answer(r["solution"]) or "" for r in raw}
    return [float(same(*(said[(r["question_id"], model)] for model in MODELS))) for r in raw]


def _both_ways(
    rows: Sequence[HistoryRow], wrong: Any, surface: Sequence[dict[str, float]], half: int, view: View
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    halves = np.array([half_of(row.prompt) for row in rows])
    models = np.array([row.model for row in rows])
    for taught, tested in (MODELS, MODELS[::-1]):
        train = np.flatnonzero((models == taught) & (halves == half)).tolist()
        test = np.flatnonzero((models == tested) & (halves != half)).tolist()
        truth, risks, errors = wrong[test], [], {16: [], 32: []}  # type: ignore[var-annotated]
        for seed in range(SEEDS):
            model = HistoryModel(view)
            model.fit([rows[i] for i in train], wrong[train], seed, surface=[surface[i] for i in train])
            risks.append(model.score([rows[i] for i in test], surface=[surface[i] for i in test]))
            for reviews, kept in errors.items():
                kept.append(_calibrated_ece(risks[-1], truth, reviews, seed))
        low, high = bootstrap(auroc, risks[0], truth, rounds=ROUNDS)
        found[f"{taught} to {tested}"] = {
            "n": len(test),
            "wrong": round(float(truth.mean()), 3),
            "auroc": interval([auroc(risk, truth) for risk in risks]),
            "auroc_bootstrap": [round(low, 3), round(high, 3)],
            "ece_raw": interval([ece(risk, truth) for risk in risks]),
            "ece_16_reviews": interval(errors[16]),
            "ece_32_reviews": interval(errors[32]),
        }
    found["auroc"] = round(float(np.mean([part["auroc"]["mean"] for part in found.values()])), 4)
    return found


def _calibrated_ece(risk: Any, truth: Any, reviews: int, seed: int) -> float:
    """After shrunk Platt on ``reviews`` random rows, on the others."""
    seen = np.random.default_rng(seed).permutation(len(risk))
    fit, rest = seen[:reviews], seen[reviews:]
    platt = CALIBRATORS["platt"]
    calibrated = platt.apply(platt.fit(risk[fit], truth[fit], np.ones(reviews)), risk)
    before, after = auroc(risk[rest], truth[rest]), auroc(calibrated[rest], truth[rest])
    if abs(before - after) > 1e-9 and np.ptp(calibrated) > 0:
        raise AssertionError("a strictly monotone calibrator must leave the AUROC as it is")
    return float(ece(calibrated[rest], truth[rest]))


def mt(cache: Cache) -> dict[str, Any]:
    """Spearman of risk and HTER beside the model's own mean log-prob, trained on N reviewed rows of the same pair."""
    found: dict[str, Any] = {}
    for pair in ("et-en", "ro-en"):
        raw = lines(f"mt_postedits/{pair}.jsonl")
        sources, outputs = cache.vectors([r["source"] for r in raw]), cache.vectors([r["output"] for r in raw])
        rows = [
            HistoryRow(r["source"], r["output"], pair, s, o, _logprobs(r), r["id"])
            for r, s, o in zip(raw, sources, outputs, strict=True)
        ]
        surface = [surface_features(row.prompt, row.answer) for row in rows]
        hter, own = np.array([min(1.0, r["hter"]) for r in raw]), np.array([-r["model_score"] for r in raw])
        for reviews in (100, 250):
            found[f"{pair} {reviews} reviews"] = _draws(rows, surface, hter, own, reviews)
    return found


def _logprobs(r: dict[str, Any]) -> dict[str, float]:
    p = np.array(r["subword_logprobs"] or [r["model_score"]])
    low, middle, high = np.quantile(p, [0.1, 0.25, 0.5])
    return {
        "mean_logprob": r["model_score"],
        "least_logprob": float(p.min()),
        "logprob_10": float(low),
        "logprob_25": float(middle),
        "logprob_50": float(high),
        "logprob_spread": float(p.std()),
        "unlikely": float((p < -1).mean()),
        "very_unlikely": float((p < -2).mean()),
        "summed_logprob": float(p.sum()),
        "pieces": float(np.log1p(len(p))),
    }


def _draws(
    rows: Sequence[HistoryRow], surface: Sequence[dict[str, float]], hter: Any, own: Any, reviews: int
) -> dict[str, Any]:
    ours, theirs, above = [], [], []
    for seed in range(DRAWS):
        order = np.random.default_rng(seed).permutation(len(rows)).tolist()
        train, test = order[:reviews], order[reviews:]
        model = HistoryModel()
        model.fit([rows[i] for i in train], hter[train], seed, surface=[surface[i] for i in train])
        risk = model.score([rows[i] for i in test], surface=[surface[i] for i in test])
        ours.append(spearman(risk, hter[test]))
        theirs.append(spearman(own[test], hter[test]))
        rng = np.random.default_rng(seed)
        for _ in range(ROUNDS // DRAWS):
            again = rng.integers(0, len(test), len(test))
            above.append(spearman(risk[again], hter[test][again]) - spearman(own[test][again], hter[test][again]))
    low, high = np.percentile(above, [2.5, 97.5])
    gain = np.array(ours) - np.array(theirs)
    return {
        "spearman": round(float(np.mean(ours)), 3),
        "own_logprob": round(float(np.mean(theirs)), 3),
        "gain": round(float(gain.mean()), 3),
        "gain_bootstrap": [round(float(low), 3), round(float(high), 3)],
        "draws_above": f"{int((gain > 0).sum())} of {DRAWS}",
    }


def spearman(a: Any, b: Any) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def mmlu(cache: Cache) -> dict[str, Any]:
    """Will it be right? The prompt alone, two models; trained on half of the questions, tested on the other."""
    raw = lines("routing_correctness/mmlu.jsonl")
    vectors = cache.vectors([r["prompt"] for r in raw])
    rows = [
        (HistoryRow(r["prompt"], "", model, vector, None, {}, r["id"]), float(not right))
        for r, vector in zip(raw, vectors, strict=True)
        for model, right in r["correct"].items()
    ]
    train = [pair for pair in rows if half_of(pair[0].prompt) == 0]
    test = [pair for pair in rows if half_of(pair[0].prompt) == 1]
    model = HistoryModel("prompt")
    model.fit([row for row, _ in train], [w for _, w in train])
    risk, truth = model.score([row for row, _ in test]), np.array([w for _, w in test])
    groups, names = [row.group for row, _ in test], np.array([row.model for row, _ in test])
    low, high = bootstrap(auroc, risk, truth, groups=groups, rounds=ROUNDS)
    each = {name: round(auroc(risk[names == name], truth[names == name]), 3) for name in sorted(set(names))}
    return {
        "n": len(test),
        "auroc": round(auroc(risk, truth), 3),
        "bootstrap": [round(low, 3), round(high, 3)],
        "each": each,
    }


def speed(cache: Cache) -> dict[str, Any]:
    """Scoring 10,000 rows whose vectors and surface features exist."""
    rng = np.random.default_rng(0)
    rows = [
        HistoryRow("", "", "m", *rng.normal(size=(2, 384)).astype(np.float32), {"s": float(rng.normal())}, f"q{i}")
        for i in range(10_000)
    ]
    surface = [{f"pair_{j}": float(v) for j, v in enumerate(rng.normal(size=70))} for _ in rows]
    model = HistoryModel()
    verdicts = (rng.random(2_000) < 0.3).astype(float)
    start = time.perf_counter()
    model.fit(rows[:2000], verdicts, surface=surface[:2000])
    fitted = time.perf_counter() - start
    start, spent = time.perf_counter(), time.process_time()
    model.score(rows, surface=surface)
    wall, spent = time.perf_counter() - start, time.process_time() - spent
    return {"fit_2000_s": round(fitted, 2), "score_10000_s": round(wall, 2), "processor_s": round(spent, 2)}


PARTS = {"gsm8k": gsm8k, "mt": mt, "mmlu": mmlu, "speed": speed}


def main(wanted: list[str]) -> None:
    folder = None
    if "--cache" in wanted:
        place = wanted.index("--cache")
        folder = Path(wanted[place + 1])
        wanted = wanted[:place] + wanted[place + 2 :]
    if not DATA.is_dir():
        sys.exit(
            "The public files are not here: ../shared/data is missing beside the repository. Nothing was measured."
        )
    for name, part in PARTS.items():
        if not wanted or name in wanted:
            start = time.perf_counter()
            print(json.dumps({name: part(Cache(folder)), "seconds": round(time.perf_counter() - start)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
