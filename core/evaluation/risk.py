"""The protocol of ``corrigenda eval risk``: what the app would show, what it is compared with, and which parts carried the gain.

A draw of reviews, made with the seed, is what people would have said so far: it teaches the correctness history and the
calibration and is left out of every figure. All rows' votes teach the votes' part, which needs no gold. Rows of ``train`` are
reviewed in full, as another model's or another time's history would be, and are never measured on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import metrics
from core.evaluation import baselines
from core.evaluation.rows import EvalRow, EvalSet
from core.reports.calibration import figures
from core.risk.base import ACCEPTABLE, RiskRow
from core.risk.calibrate import fit as fit_calibration
from core.risk.calibrators import CALIBRATORS
from core.risk.history import HistoryRow
from core.risk.polar import vote_matrix
from core.risk.stack import RiskCase, RiskStack

METHOD = "polar"
OPTIONS = {"family": "lr", "scalarizer": "linear"}
TOP = ("ece", "r2", "auroc", "auprc", "top5_error", "top10_error", "top20_error", "error", "n")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A set with what models said of it: ``vectors`` (n, d), ``answers`` (n,) class numbers, for labels ``probabilities``
    (n, k)."""

    data: EvalSet
    vectors: NDArray[np.float32]
    answers: NDArray[np.int64]
    probabilities: Floats | None = None
    scores: Floats | None = None  # the model's own confidence in its answer, higher is surer, for sets of answers
    parts: tuple[int, ...] = ()  # widths of the vectors that ``vectors`` is joined from

    def wrong(self) -> Floats:
        if self.data.labels:
            gold = np.array([row.gold for row in self.data.rows])
            return np.asarray(gold != self.answers, dtype=np.float64)
        return np.array([row.wrong for row in self.data.rows], dtype=np.float64)


def prepared_answers(data: EvalSet, parts: Sequence[NDArray[np.float32]], scores: Floats | None) -> Prepared:
    """A set of answers: every answer claims to be acceptable."""
    answers = np.full(len(data.rows), ACCEPTABLE)
    return Prepared(data, np.hstack(parts), answers, None, scores, tuple(part.shape[1] for part in parts))


def cases_of(prepared: Prepared) -> list[RiskCase]:
    """Rows as the product sees outputs."""
    found = []
    for place, row in enumerate(prepared.data.rows):
        vector, answer = prepared.vectors[place], int(prepared.answers[place])
        found.append(RiskCase(RiskRow(vector, row.votes, answer), _history(prepared, place, row)))
    return found


def _history(prepared: Prepared, place: int, row: EvalRow) -> HistoryRow:
    vector, cuts = prepared.vectors[place], np.cumsum(prepared.parts)
    signals = dict(row.signals)
    if prepared.data.labels:
        chosen = prepared.data.labels[int(prepared.answers[place])]
        if prepared.probabilities is not None:
            signals["logprob"] = float(np.log(prepared.probabilities[place].max() + 1e-9))
        return HistoryRow(row.prompt, chosen, row.model, vector, None, signals, row.group)
    if prepared.scores is not None:
        signals["logprob"] = float(prepared.scores[place])
    prompt = vector[: cuts[0]] if len(cuts) else vector
    answer = vector[cuts[0] : cuts[1]] if len(cuts) > 1 else None
    return HistoryRow(row.prompt, row.answer, row.model, prompt, answer, signals, row.group)


def draw_reviews(groups: Sequence[str], count: int, seed: int) -> list[int]:
    """Places of ``count`` rows drawn at random. ``ValueError`` when fewer than half would be left to measure on."""
    if count * 2 > len(groups):
        raise ValueError(f"{count} reviews of {len(groups)} rows would leave too few to measure on: lower --reviews")
    return sorted(np.random.default_rng(seed).permutation(len(groups))[:count].tolist())


def evaluate(
    test: Prepared,
    train: Prepared | None,
    *,
    reviews: int,
    seed: int,
    compare: bool = True,
    ablate: bool = True,
    rounds: int = 0,
) -> dict[str, Any]:
    """All figures of one draw. ``rounds`` bootstrap rounds give intervals; ``compare`` adds ``baselines``, ``ablate`` ``ablation``."""
    groups = [row.group for row in test.data.rows]
    drawn = set(draw_reviews(groups, reviews, seed))
    left = np.array([place not in drawn for place in range(len(groups))])
    cases, wrong = cases_of(test), test.wrong()
    said: list[float | None] = [float(wrong[place]) if place in drawn else None for place in range(len(groups))]
    before: list[RiskCase] = []
    before_said: list[float | None] = []
    if train is not None:
        overlap = set(groups)
        before = [c for c, row in zip(cases_of(train), train.data.rows, strict=True) if row.group not in overlap]
        kept = [place for place, row in enumerate(train.data.rows) if row.group not in overlap]
        before_said = [float(value) for value in train.wrong()[kept]]
        if not before:
            raise ValueError("every question of --train is also in --data: nothing could be learnt without leaking")
    runs = _Runs(before, before_said, cases, said, test.data.n_classes, seed)
    stack = runs.fit()
    raw, shown = runs.risks(stack)
    options: dict[str, Any] = {"groups": [g for g, keep in zip(groups, left, strict=True) if keep], "seed": seed}
    figured = figures(shown[left], _binary(wrong[left]), bootstrap_rounds=rounds, **options)
    result = {name: figured[name] for name in (*TOP, "coverage_at_05", "coverage_at_10", "coverage_at_20")}
    result |= _of_shares(shown[left], wrong[left])
    result |= {name: figured[name] for name in ("reliability", "risk_coverage", "intervals") if name in figured}
    result["before_calibration"] = _short(raw[left], wrong[left])
    result["calibrated"] = stack.calibration is not None
    result["calibrator"] = None if stack.calibration is None else stack.calibration.method
    result["method"], result["reviews"], result["seed"] = stack.method, len(drawn), seed
    result["sources"] = _sources(test, wrong, left)
    result["models"] = _models(test, shown, wrong, left)
    if compare:
        result["baselines"] = _baselines(test, wrong, left, sorted(drawn), seed)
    if ablate:
        result["ablation"] = runs.ablation(stack, test, wrong, left)
    return result


@dataclass(frozen=True, slots=True)
class _Runs:
    """One draw, fitted in several ways: rows of ``before`` are reviewed in full and not measured on."""

    before: Sequence[RiskCase]
    before_said: Sequence[float | None]
    cases: Sequence[RiskCase]
    said: Sequence[float | None]
    n_classes: int
    seed: int

    def fit(self, cases: Sequence[RiskCase] | None = None, **changes: Any) -> RiskStack:
        here = [False] * len(self.before) + [True] * len(self.cases)
        options: dict[str, Any] = {
            "method": METHOD,
            "options": OPTIONS,
            "use_history": True,
            "calibrator": None,
        } | changes
        method = options.pop("method")
        return RiskStack.fit(
            method,
            [*self.before, *(cases or self.cases)],
            [*self.before_said, *self.said],
            self.n_classes,
            seed=self.seed,
            calibrate_on=here,
            **options,
        )

    def risks(self, stack: RiskStack, cases: Sequence[RiskCase] | None = None) -> tuple[Floats, Floats]:
        """(raw, calibrated) risks (n,) of the cases."""
        raw = np.array([scored.value for scored in stack.score(cases or self.cases)])
        return raw, raw if stack.calibration is None else stack.calibration.values(raw)

    def ablation(self, stack: RiskStack, test: Prepared, wrong: Floats, left: NDArray[np.bool_]) -> dict[str, Any]:
        """Figures with one part changed or left out. What changes the votes' part is compared "without history"."""
        raw = self.risks(stack)[0]
        found: dict[str, Any] = {}
        for name in CALIBRATORS:
            pairs = stack.pairs
            fitted = fit_calibration([r for r, _ in pairs], [w for _, w in pairs], method=name)
            if fitted is not None:
                found[f"calibrated by {name} alone"] = _short(fitted.values(raw)[left], wrong[left])

        def without(title: str, cases: Sequence[RiskCase] | None = None, **changes: Any) -> RiskStack:
            other = self.fit(cases, use_history=False, **changes)
            found[f"without history{title}"] = _short(self.risks(other, cases)[1][left], wrong[left])
            return other

        plain = without("")
        if not any(row.votes for row in test.data.rows):
            return found
        prior = getattr(plain.model, "prior", None)
        if prior is not None:
            only_text = prior([case.row for case in self.cases])
            found["the paper's own score, 1 - h(x)[answer], uncalibrated"] = _short(only_text[left], wrong[left])
        without(", share of votes instead of POLAR", method="vote_share", options={})
        without(", MLP instead of LR", options={"family": "mlp"})
        for scalarizer in ("square", "2-norm", "max"):
            without(f", scalarizer {scalarizer}", options={"family": "lr", "scalarizer": scalarizer})
        if not self.before:
            blank = np.zeros(1, np.float32)
            flat = [replace(case, row=replace(case.row, embedding=blank)) for case in self.cases]
            without(", without text", flat)
        return found


def _baselines(
    test: Prepared, wrong: Floats, left: NDArray[np.bool_], drawn: Sequence[int], seed: int
) -> dict[str, Any]:
    """Each baseline as it is and, where there are enough reviews, calibrated on the same ones by the same code."""
    k, answers = test.data.n_classes, test.answers
    rows = [RiskRow(np.zeros(1, np.float32), row.votes, 0) for row in test.data.rows]
    votes = vote_matrix(rows, sorted({source for row in rows for source in row.votes}))
    risks = {}
    if votes.shape[1]:
        risks["majority_vote"] = baselines.majority_vote(votes, answers, k)
        risks["dawid_skene"] = baselines.dawid_skene(votes, answers, k)
    if test.probabilities is not None:
        risks["logprob"] = baselines.own_probability(test.probabilities, answers)
        risks["distilled"] = baselines.distilled(test.vectors, answers, k, seed)
    elif test.scores is not None:
        order = np.argsort(np.argsort(test.scores, kind="stable"), kind="stable")
        risks["logprob"] = 1 - (order + 0.5) / len(order)
    found = {}
    for name, risk in risks.items():
        found[name] = _short(risk[left], wrong[left])
        fitted = fit_calibration(risk[drawn].tolist(), wrong[drawn].tolist()) if drawn else None
        if fitted is not None:
            found[name]["calibrated"] = _short(fitted.values(risk)[left], wrong[left])
    return found


def _sources(test: Prepared, wrong: Floats, left: NDArray[np.bool_]) -> dict[str, Any]:
    """Per source: its coverage, and how often it is right about the answer where it votes."""
    found = {}
    rows = [row for row, keep in zip(test.data.rows, left, strict=True) if keep]
    answers, faulty = test.answers[left], _binary(wrong[left])
    for source in sorted({source for row in rows for source in row.votes}):
        votes = np.array([row.votes.get(source, -1) for row in rows])
        voted = votes >= 0
        against = votes[voted] != answers[voted]
        found[source] = {"coverage": float(voted.mean()), "right": float((against == faulty[voted]).mean())}
    return found


def _models(test: Prepared, shown: Floats, wrong: Floats, left: NDArray[np.bool_]) -> dict[str, Any]:
    names = np.array([row.model for row in test.data.rows])
    if len(set(names)) < 2:
        return {}
    found = {}
    for name in sorted(set(names.tolist())):
        mine = left & (names == name)
        if mine.sum() > 1:
            found[name] = _short(shown[mine], wrong[mine])
            if test.scores is not None:
                found[name]["logprob_spearman"] = _spearman(-test.scores[mine], wrong[mine])
    return found


def _short(risks: Floats, wrong: Floats) -> dict[str, Any]:
    full = figures(np.clip(risks, 0, 1), _binary(wrong))
    return {name: full[name] for name in ("ece", "r2", "auroc", "top10_error", "error", "n")} | _of_shares(risks, wrong)


def _binary(wrong: Floats) -> Floats:
    return (wrong > 0).astype(np.float64)


def _of_shares(risks: Floats, wrong: Floats) -> dict[str, Any]:
    """Where what was wrong is a share: calibration against the share, and the rank correlation with it."""
    if set(np.unique(wrong).tolist()) <= {0.0, 1.0}:
        return {}
    risks = np.clip(risks, 0, 1)
    return {
        "spearman": _spearman(risks, wrong),
        "ece": metrics.ece(risks, wrong),
        "r2": metrics.risk_r2(risks, wrong),
        "top10_error": metrics.top_error(risks, wrong, 0.1),
        "error": float(wrong.mean()),
    }


def _spearman(a: Floats, b: Floats) -> float | None:
    from scipy.stats import spearmanr

    found = float(spearmanr(a, b).statistic)
    return None if np.isnan(found) else found


def mean_and_interval(draws: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean over seeds of each figure with a 95 % t-interval of the mean; ``None`` where a figure was not defined."""
    from scipy.stats import t

    found: dict[str, Any] = {}
    for name in draws[0]:
        values = [draw.get(name) for draw in draws]
        if all(isinstance(value, Mapping) for value in values):
            found[name] = mean_and_interval([value for value in values if isinstance(value, Mapping)])
        elif all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            numbers = np.array(values, dtype=np.float64)
            half = (
                float(t.ppf(0.975, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers)))
                if len(numbers) > 1
                else 0.0
            )
            found[name] = {"mean": float(numbers.mean()), "half_width": half}
    return found
