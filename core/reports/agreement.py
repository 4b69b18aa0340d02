"""Who agrees with whom: Krippendorff's alpha, Cohen's kappa by pair, a model of each person's errors (Dawid and Skene 1979), and time.

Alpha is nominal and bears any number of judges per answer (Krippendorff 2011). "Cannot judge" counts nowhere. Pairs are also compared
by the first wrong step that they named and by the spans that they marked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np

from core.metrics import wilson
from core.reports.annotator_errors import ErrorModel, fit
from core.reports.base import REGISTRY
from core.reports.span_agreement import SpanAgreementReport
from core.reports.step_agreement import kappa

FEWEST = 10  # answers that two people both judged before a pair has a kappa
ROUNDS = 400  # of the bootstrap


@dataclass(frozen=True, slots=True)
class Judgement:
    """One person's verdict on one answer; ``wrong`` is what they found. ``gold``: what is known to be true of it, if it is.

    ``first_error``: the first wrong step from 0, -1 for none, ``None`` where the answer has no steps or the person named none.
    ``spans``: [start, end) in characters that their corrections mark. ``risk`` stood there, or would have, had it not been ``blind``.
    """

    output_id: int
    user_id: int
    user: str
    wrong: bool
    seconds: float | None = None
    gold: bool | None = None
    at: datetime | None = None
    first_error: int | None = None
    spans: tuple[tuple[int, int], ...] = ()
    blind: bool = False
    risk: float | None = None
    expert: bool = False


@REGISTRY.register("agreement")
class AgreementReport:
    name = "agreement"

    def compute(self, rows: Sequence[Judgement]) -> Mapping[str, Any]:
        """``alpha`` with its interval over the ``n`` answers that several judged; ``pairs``; ``people`` with what is known;
        ``weeks``, each with the alpha of the answers that became shared in it."""
        by_output = _by_output(rows)
        shared = [list(said.values()) for said in by_output.values() if len(said) > 1]
        low, high = _interval([[row.wrong for row in said] for said in shared])
        model = fit([(row.output_id, row.user_id, row.wrong) for row in rows], gold=_gold(rows))
        return {
            "n": len(shared),
            "judged": len(by_output),
            "alpha": alpha([[row.wrong for row in said] for said in shared]),
            "low": low,
            "high": high,
            "pairs": _pairs(by_output),
            "weeks": _weeks(by_output),
            "people": _people(rows, by_output, model),
            "gold": sum(row.gold is not None for row in rows),
        }


def alpha(units: Sequence[Sequence[Hashable]]) -> float | None:
    """Krippendorff's alpha for nominal values of units with any number of values; ``None`` where all values are the same."""
    pairable = [unit for unit in units if len(unit) > 1]
    total = sum(map(len, pairable))
    counts = Counter(value for unit in pairable for value in unit)
    expected = sum(counts[a] * counts[b] for a, b in combinations(counts, 2)) * 2
    if not expected:
        return None
    observed = sum((len(unit) ** 2 - sum(n * n for n in Counter(unit).values())) / (len(unit) - 1) for unit in pairable)
    return 1 - (total - 1) * observed / expected


def _interval(units: Sequence[Sequence[Hashable]]) -> tuple[float | None, float | None]:
    """95 % percentile interval, answers drawn whole. Counts of each are taken once: there may be ten thousand, drawn 400 times."""
    if len(units) < FEWEST:
        return None, None
    values = {value: place for place, value in enumerate(dict.fromkeys(one for unit in units for one in unit))}
    counts = np.zeros((len(units), len(values)))
    for row, unit in enumerate(units):
        for value in unit:
            counts[row, values[value]] += 1
    size = counts.sum(1)
    differing = (size**2 - (counts**2).sum(1)) / (size - 1)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(ROUNDS):
        rows = rng.integers(0, len(units), len(units))
        total, drawn = size[rows].sum(), counts[rows].sum(0)
        expected = total**2 - (drawn**2).sum()
        if expected > 0:
            found.append(1 - (total - 1) * differing[rows].sum() / expected)
    if not found:
        return None, None
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def _by_output(rows: Sequence[Judgement]) -> dict[int, dict[int, Judgement]]:
    """The newest judgement of each person on each answer; ``rows`` are oldest first."""
    found: dict[int, dict[int, Judgement]] = defaultdict(dict)
    for row in rows:
        found[row.output_id][row.user_id] = row
    return found


def _weeks(by_output: Mapping[int, Mapping[int, Judgement]]) -> list[dict[str, Any]]:
    """Alpha by ISO week, oldest first; an answer belongs to the week of its last judgement. Without an interval below ``FEWEST``."""
    weeks: dict[str, list[list[bool]]] = defaultdict(list)
    for said in by_output.values():
        moments = [row.at for row in said.values() if row.at is not None]
        if len(said) > 1 and moments:
            year, number, _ = max(moments).isocalendar()
            weeks[f"{year}-W{number:02}"].append([row.wrong for row in said.values()])
    rows = []
    for week, units in sorted(weeks.items()):
        low, high = _interval(units)
        enough = len(units) >= FEWEST
        rows.append(
            {"week": week, "n": len(units), "alpha": alpha(units) if enough else None, "low": low, "high": high}
        )
    return rows


def _gold(rows: Sequence[Judgement]) -> dict[int, bool]:
    return {row.output_id: row.gold for row in rows if row.gold is not None}


def _pairs(by_output: Mapping[int, Mapping[int, Judgement]]) -> list[dict[str, Any]]:
    """Pairs of people, those that met most first."""
    met: dict[tuple[int, int], list[tuple[Judgement, Judgement]]] = defaultdict(list)
    for said in by_output.values():
        for a, b in combinations(sorted(said), 2):
            met[a, b].append((said[a], said[b]))
    rows = []
    for (a, b), both in sorted(met.items(), key=lambda item: (-len(item[1]), item[0])):
        same = sum(x.wrong == y.wrong for x, y in both)
        low, high = wilson(same, len(both))
        rows.append(
            {
                "users": (a, b),
                "names": (both[-1][0].user, both[-1][1].user),
                "n": len(both),
                "same": same / len(both),
                "low": low,
                "high": high,
                "kappa": kappa([(int(x.wrong), int(y.wrong)) for x, y in both]) if len(both) >= FEWEST else None,
                "first": _first(both),
                "spans": SpanAgreementReport().compute(
                    [(x.spans, y.spans) for x, y in both if _placed(x) and _placed(y)]
                ),
            }
        )
    return rows


def _placed(one: Judgement) -> bool:
    """Whether it says which places are wrong: who found the answer faulty and marked no words says nothing of them."""
    return bool(one.spans) or not one.wrong


def _first(both: Sequence[tuple[Judgement, Judgement]]) -> dict[str, Any]:
    """Answers of which both named the first wrong step, or that there is none: the share on which they name the same."""
    named = [(x.first_error, y.first_error) for x, y in both if x.first_error is not None and y.first_error is not None]
    same, n = sum(x == y for x, y in named), len(named)
    if n < FEWEST:
        return {"n": n, "same": None, "low": None, "high": None}
    low, high = wilson(same, n)
    return {"n": n, "same": same / n, "low": low, "high": high}


def _people(
    rows: Sequence[Judgement], by_output: Mapping[int, Mapping[int, Judgement]], model: ErrorModel
) -> list[dict[str, Any]]:
    """Everyone who judged, those who judged most first."""
    mine: dict[int, list[Judgement]] = defaultdict(list)
    for row in rows:
        mine[row.user_id].append(row)
    found = []
    for user, own in sorted(mine.items(), key=lambda item: (-len(item[1]), item[0])):
        checked = [row for row in own if row.gold is not None]
        right = sum(row.wrong == row.gold for row in checked)
        low, high = wilson(right, len(checked))
        seconds = [row.seconds for row in own if row.seconds is not None]
        others = [other for row in own for id_, other in by_output[row.output_id].items() if id_ != user]
        same = sum(other.wrong == by_output[other.output_id][user].wrong for other in others)
        shared = len({other.output_id for other in others})
        # Answers, not meetings, are independent: the interval is of so many trials with that share.
        near = wilson(same / len(others) * shared, shared) if others else (None, None)
        found.append(
            {
                "user": user,
                "name": own[-1].user,
                "n": len(own),
                "faulty": sum(row.wrong for row in own) / len(own),
                "gold": len(checked),
                "right": right / len(checked) if checked else None,
                "low": low if checked else None,
                "high": high if checked else None,
                "with_others": same / len(others) if others else None,
                "met": len(others),
                "with_low": near[0],
                "with_high": near[1],
                "shared": shared,
                "model": model.people.get(user),
                "seconds": median(seconds) if seconds else None,
            }
        )
    return found
