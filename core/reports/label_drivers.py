"""What drives labels besides quality (DeconfoundLM, paper 20): Y = f(X) + g(C) + e, and the labels without g.

X is the embedding of the judged text, C what was logged of how it was judged. Annotators are compared on the outputs that two of them
judged (a fixed effect per output), because who gets which items may hang on quality; their effects are pulled towards each other by
what spread and errors say. Everything else is fitted with f together: Robinson's double residuals, cross-fitted by output with ridge,
so that what X explains of a driver is not taken from the label. The adjusted label is Y - g, with g centred, so that means stay.

What was drawn at random, whatever its risk, is kept apart as the comparison that no queue's order has chosen: its labels beside the
others, and the effects that it gives alone.

Deliberately different from the paper, which leaves the removal open: what may be caused by quality is never removed without an
instrument; and nothing is claimed of what was not logged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics import wilson

Floats = NDArray[np.float64]
FOLDS = 5
LEAST_LABELS = 100
LEAST_SHARED = 20  # outputs that an annotator judged beside another one
LEAST_SLICE = 30  # labels on either side of a random draw
WEAK = 10.0  # first-stage F below which an instrument says nothing (Staiger and Stock)
_STRENGTHS = (1e-2, 1.0, 10.0, 100.0, 1e3, 1e4)


@dataclass(frozen=True, slots=True)
class Driver:
    """A logged circumstance of each label: ``values`` (n,), numbers or names of levels.

    ``caused`` says why quality may cause it; then it is only shown, and removed only by way of ``instrument`` (n,), which a random
    draw made. ``warning`` is said beside an effect that is removed.
    """

    name: str
    values: NDArray[Any]
    unit: str = ""
    caused: str = ""
    warning: str = ""
    instrument: Floats | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """n labels: ``y`` in [0, 1], the output and item of each, who gave it, embeddings (n, d) of the outputs, and what was logged.

    ``random`` (n,) marks those of answers that were drawn whatever their risk.
    """

    y: Floats
    outputs: NDArray[np.int64]
    items: NDArray[np.int64]
    annotators: Sequence[str]
    x: Floats
    drivers: Sequence[Driver] = field(default_factory=tuple)
    random: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """How much higher a label is, at the level or for one ``unit``, with its 95 % interval; ``removed``: adjusted labels lack it."""

    driver: str
    level: str
    effect: float
    low: float
    high: float
    n: int
    removed: bool


def label_drivers(labels: Labels) -> Mapping[str, Any]:
    """``status`` (``fitted`` or ``few``), ``effects``, ``refused`` and ``warnings`` as (driver, why), ``adjusted`` (n,), ``scores``
    by output as (raw, adjusted), ``pairs`` and those that ``flips``, ``unexplained``: the share of label variance that two people
    on one output still differ by, ``slice``: the random draws beside the rest, and ``limits``: what is not claimed."""
    n = len(labels.y)
    if n < LEAST_LABELS:
        return {"status": "few", "n": n, "least": LEAST_LABELS}
    effects: list[Effect] = []
    refused: list[tuple[str, str]] = []
    warnings: list[tuple[str, str]] = []
    people = _annotators(labels, effects, refused)
    rest = _together(labels, labels.y - people, effects, refused, warnings)
    g = people + rest
    adjusted = labels.y - (g - g.mean())
    scores = _scores(labels, adjusted)
    pairs, flips = _pairs(labels, scores)
    removed = sorted({one.driver for one in effects if one.removed})
    return {
        "status": "fitted",
        "n": n,
        "effects": effects,
        "refused": refused,
        "warnings": warnings,
        "removed": removed,
        "adjusted": adjusted,
        "scores": scores,
        "pairs": pairs,
        "flips": flips,
        "moved": float(np.mean(np.abs(adjusted - labels.y))),
        "unexplained": _unexplained(labels, adjusted),
        "slice": _slice(labels, labels.y - people, adjusted),
        "complete": False,
        "limits": _limits(removed),
    }


def _limits(removed: Sequence[str]) -> str:
    what = (
        f"Labels are adjusted for {', '.join(removed)} as far as it was logged" if removed else "Nothing was adjusted"
    )
    return f"{what}. What was not logged is still in them, so that they are not free of everything but quality."


def _slice(labels: Labels, y: Floats, adjusted: Floats) -> dict[str, Any]:
    """The random draws: ``n`` labels, from ``least`` on each side their share ``acceptable`` with its interval, and by how much the
    ``raw`` and ``adjusted`` labels of the rest lie above it. ``effects`` of the drivers among them alone, from ``LEAST_LABELS`` on,
    from ``y``, labels less what their annotators add."""
    drawn = np.zeros(len(y), bool) if labels.random is None else np.asarray(labels.random, bool)
    n, rest = int(drawn.sum()), int((~drawn).sum())
    found: dict[str, Any] = {"n": n, "least": LEAST_SLICE, "enough": min(n, rest) >= LEAST_SLICE, "effects": []}
    if found["enough"]:
        mean = float(labels.y[drawn].mean())
        low, high = wilson(mean * n, n)
        found |= {"acceptable": mean, "low": low, "high": high}
        found |= {"raw": float(labels.y[~drawn].mean()) - mean, "adjusted": float(adjusted[~drawn].mean()) - mean}
    if n >= LEAST_LABELS:
        people = [one for one, inside in zip(labels.annotators, drawn, strict=True) if inside]
        own = Labels(
            labels.y[drawn],
            labels.outputs[drawn],
            labels.items[drawn],
            people,
            labels.x[drawn],
            [_only(driver, drawn) for driver in labels.drivers],
        )
        _together(own, y[drawn], found["effects"], [], [])
    return found


def _only(driver: Driver, rows: NDArray[np.bool_]) -> Driver:
    instrument = None if driver.instrument is None else np.asarray(driver.instrument)[rows]
    return replace(driver, values=np.asarray(driver.values)[rows], instrument=instrument)


def _annotators(labels: Labels, effects: list[Effect], refused: list[tuple[str, str]]) -> Floats:
    """Each label's annotator effect, from outputs that several people judged; 0 for those who cannot be compared."""
    names, who = np.unique(np.asarray(labels.annotators, str), return_inverse=True)
    shared = _shared(labels.outputs, who)
    group = _comparable(labels.outputs[shared], who[shared], len(names))
    if len(group) < 2:
        refused.append(
            (
                "annotator",
                f"no two people judged {LEAST_SHARED} of the same answers, so nobody's strictness can be told from their items",
            )
        )
        return np.zeros(len(who))
    if alone := [str(names[one]) for one in range(len(names)) if one not in group]:
        refused.append(
            ("annotator", f"not of {', '.join(alone)}: too few of their answers were judged by the others too")
        )
    rows = np.flatnonzero(shared & np.isin(who, group))
    rows = rows[_shared(labels.outputs[rows], who[rows])]
    dummies = (who[rows][:, None] == np.asarray(group)[None, :]).astype(float)
    columns = np.hstack([dummies, *_rated(labels, rows)])
    place = np.unique(labels.outputs[rows], return_inverse=True)[1]
    weights, cover = _clustered(_within(columns, place), _within(labels.y[rows][:, None], place)[:, 0], place)
    k = len(group)
    centred = np.eye(k) - 1 / k
    found, errors = centred @ weights[:k], np.sqrt(np.diag(centred @ cover[:k, :k] @ centred))
    spread = max(float(np.var(found) - np.mean(errors**2)), 0.0)
    pulled = found * spread / (spread + errors**2 + 1e-12)
    counts = np.bincount(who, minlength=len(names))
    for one, value, error in zip(group, found, errors, strict=True):
        effects.append(_effect("annotator", str(names[one]), value, error, int(counts[one]), True))
    mine = np.zeros(len(names))
    mine[np.asarray(group)] = pulled
    return mine[who]


def _shared(outputs: NDArray[Any], who: NDArray[Any]) -> NDArray[np.bool_]:
    """Labels of outputs that at least two people judged."""
    pairs = np.unique(np.stack([outputs, who], axis=1), axis=0)
    found, count = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(outputs, found[count > 1])


def _comparable(outputs: NDArray[Any], who: NDArray[Any], people: int) -> list[int]:
    """The largest set of people each of whom judged enough outputs that others of the set judged too."""
    seen = [set(outputs[who == one].tolist()) for one in range(people)]
    left, best = set(range(people)), list[int]()
    while left:
        one = max(left, key=lambda person: len(seen[person]))
        left.remove(one)
        reached, known = [one], set(seen[one])
        while near := [other for other in sorted(left) if len(seen[other] & known) >= LEAST_SHARED]:
            left -= set(near)
            reached += near
            known |= set().union(*(seen[other] for other in near))
        best = max(best, sorted(reached), key=len)
    return best


def _rated(labels: Labels, rows: NDArray[Any]) -> list[Floats]:
    """Circumstances that differ between two judgements of one output, and so could pass for their annotators."""
    found = []
    for driver in labels.drivers:
        if driver.caused:
            continue
        columns, _ = _columns(driver)
        found.append(columns[rows])
    return found


def _together(
    labels: Labels,
    y: Floats,
    effects: list[Effect],
    refused: list[tuple[str, str]],
    warnings: list[tuple[str, str]],
) -> Floats:
    """What the other drivers add to each label: Robinson's double residuals, all in one regression."""
    plain = [one for one in labels.drivers if np.asarray(_columns(one)[0]).std(0).max(initial=0) > 1e-9]
    blocks, names = [], []
    for driver in plain:
        if driver.caused and driver.instrument is None:
            refused.append((driver.name, driver.caused))
        elif not driver.caused or _drawn(driver, refused):
            columns, levels = _columns(driver)
            blocks.append(columns)
            names += [(driver, level) for level in levels]
            if driver.warning:
                warnings.append((driver.name, driver.warning))
    if not blocks:
        return np.zeros(len(y))
    design = np.hstack(blocks)
    instruments = np.hstack([_instrument(d, c) for d, c in zip(_used(names), blocks, strict=True)])
    residual = np.hstack([y[:, None], design, instruments]) - crossfit(
        labels.x, np.hstack([y[:, None], design, instruments]), labels.outputs
    )
    k = design.shape[1]
    weights, cover = _clustered(residual[:, 1 : k + 1], residual[:, 0], labels.outputs, residual[:, k + 1 :])
    keep = np.ones(k, bool)
    for place, (driver, _) in enumerate(names):
        if driver.instrument is not None and _first_stage(residual[:, k + 1 + place], residual[:, 1 + place]) < WEAK:
            keep[place] = False
            refused.append((driver.name, "the random draw hardly changes it, so that its effect cannot be told"))
    errors = np.sqrt(np.diag(cover))
    for place, (driver, level) in enumerate(names):
        count = int((np.asarray(driver.values).astype(str) == level).sum()) if level else len(y)
        effects.append(
            _effect(driver.name, level or driver.unit, weights[place], errors[place], count, bool(keep[place]))
        )
    found: Floats = design[:, keep] @ weights[keep]
    return found


def _used(names: Sequence[tuple[Driver, str]]) -> list[Driver]:
    return list({id(driver): driver for driver, _ in names}.values())


def _drawn(driver: Driver, refused: list[tuple[str, str]]) -> bool:
    """Whether the random draw has enough labels on both sides."""
    sides = np.asarray(driver.instrument) != 0
    if min(int(sides.sum()), int((~sides).sum())) >= LEAST_SLICE:
        return True
    refused.append((driver.name, f"{driver.caused}; fewer than {LEAST_SLICE} labels on a side of the random draw"))
    return False


def _instrument(driver: Driver, columns: Floats) -> Floats:
    return columns if driver.instrument is None else np.asarray(driver.instrument, float)[:, None]


def _columns(driver: Driver) -> tuple[Floats, list[str]]:
    """(n, k) numbers and what each stands for: a level against the most frequent one, or one unit."""
    values = np.asarray(driver.values)
    if values.dtype.kind in "fiub":
        numbers = values.astype(float)
        return np.nan_to_num(numbers, nan=float(np.nanmean(numbers)) if len(numbers) else 0.0)[:, None], [""]
    levels, place, count = np.unique(values.astype(str), return_inverse=True, return_counts=True)
    rest = [one for one in range(len(levels)) if one != int(count.argmax())]
    return (place[:, None] == np.asarray(rest, int)[None, :]).astype(float), [str(levels[one]) for one in rest]


def crossfit(x: Floats, targets: Floats, groups: NDArray[Any], folds: int = FOLDS) -> Floats:
    """Predictions (n, k) of the targets by ridge on ``x`` from other groups alone; strength by generalised cross-validation."""
    place = np.unique(groups, return_inverse=True)[1]
    fold = np.random.default_rng(0).permutation(place.max() + 1)[place] % folds
    found = np.empty_like(targets)
    for one in range(folds):
        test = fold == one
        found[test] = _ridge(x[~test], targets[~test], x[test])
    return found


def _ridge(x: Floats, y: Floats, to: Floats) -> Floats:
    if not len(x):
        return np.zeros((len(to), y.shape[1]))
    centre, mean = x.mean(0), y.mean(0)
    z, rest = x - centre, y - mean
    values, vectors = np.linalg.eigh(z.T @ z)
    values = np.maximum(values, 0)
    turned = vectors.T @ (z.T @ rest)  # (d, k)
    total = (rest**2).sum(0)
    best, weights = np.full(y.shape[1], np.inf), np.zeros_like(turned)
    for strength in _STRENGTHS:
        mine = turned / (values + strength)[:, None]
        loss = total - 2 * (mine * turned).sum(0) + (mine**2 * values[:, None]).sum(0)
        free = max(len(x) - float((values / (values + strength)).sum()) - 1, 1.0)
        score = loss / free**2
        better = score < best
        weights[:, better], best = mine[:, better], np.where(better, score, best)
    return np.asarray((to - centre) @ (vectors @ weights) + mean)


def _within(columns: Floats, place: NDArray[Any]) -> Floats:
    """Columns less their mean within each group."""
    count = np.bincount(place)[:, None]
    sums = np.zeros((len(count), columns.shape[1]))
    np.add.at(sums, place, columns)
    found: Floats = columns - (sums / count)[place]
    return found


def _clustered(x: Floats, y: Floats, groups: NDArray[Any], z: Floats | None = None) -> tuple[Floats, Floats]:
    """Coefficients and their covariance, robust to what labels of one output share; two-stage least squares with instruments ``z``."""
    z = x if z is None else z
    bread = np.linalg.pinv(z.T @ x + 1e-8 * np.eye(x.shape[1]))
    weights = bread @ (z.T @ y)
    place = np.unique(groups, return_inverse=True)[1]
    parts = np.zeros((place.max() + 1, x.shape[1]))
    np.add.at(parts, place, z * (y - x @ weights)[:, None])
    return weights, bread @ (parts.T @ parts) @ bread.T


def _first_stage(z: Floats, d: Floats) -> float:
    """F of one instrument on what it moves."""
    r2 = float(np.corrcoef(z, d)[0, 1] ** 2) if z.std() > 0 and d.std() > 0 else 0.0
    return r2 * (len(z) - 2) / max(1 - r2, 1e-12)


def _effect(driver: str, level: str, value: float, error: float, n: int, removed: bool) -> Effect:
    low, high = value - 1.96 * error, value + 1.96 * error
    return Effect(driver, level, float(value), float(low), float(high), n, removed)


def _scores(labels: Labels, adjusted: Floats) -> dict[int, tuple[float, float]]:
    """Mean raw and adjusted label of each output."""
    ids, place, count = np.unique(labels.outputs, return_inverse=True, return_counts=True)
    raw, own = np.bincount(place, labels.y) / count, np.bincount(place, adjusted) / count
    return {int(id_): (float(a), float(b)) for id_, a, b in zip(ids, raw, own, strict=True)}


def _pairs(labels: Labels, scores: Mapping[int, tuple[float, float]]) -> tuple[int, int]:
    """Pairs of outputs of one item that labels order, and those that adjusted labels order the other way."""
    by_item: dict[int, set[int]] = {}
    for item, output in zip(labels.items.tolist(), labels.outputs.tolist(), strict=True):
        by_item.setdefault(item, set()).add(output)
    pairs = flips = 0
    for outputs in by_item.values():
        some = sorted(outputs)
        for place, one in enumerate(some):
            for other in some[place + 1 :]:
                raw, own = (scores[one][side] - scores[other][side] for side in (0, 1))
                pairs += raw != 0
                flips += raw * own < 0
    return pairs, flips


def _unexplained(labels: Labels, adjusted: Floats) -> float | None:
    """Variance within outputs that several people judged, after adjustment, as a share of that of all labels."""
    who = np.unique(np.asarray(labels.annotators, str), return_inverse=True)[1]
    rows = np.flatnonzero(_shared(labels.outputs, who))
    total = float(np.var(labels.y))
    if not len(rows) or total == 0:
        return None
    place = np.unique(labels.outputs[rows], return_inverse=True)[1]
    rest = _within(adjusted[rows][:, None], place)[:, 0]
    free = len(rows) - (place.max() + 1)
    return float((rest**2).sum() / max(free, 1) / total)
