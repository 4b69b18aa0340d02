"""The scorecard of refiners: what second answers put right, break and cost (papers 3, 15, 27), and when to take them (paper 45).

The formulas are in ``second_tries``. Costs (CorrectBench, paper 27): efficiency = accuracy in % / (tokens x calls), both a mean over
the tries and over everything that was spent, the first answer included. A refiner is harmful when its break rate exceeds its fix rate
times wrong / right first answers, which is c->i > i->c. From SCoRe (paper 15): how much second answers change, since a model that
learnt to repeat itself looks safe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from core.reports.base import REGISTRY
from core.reports.second_tries import FEWEST, Odds, SecondTry, as_json, intervals, odds, profile
from core.reports.when_to_refine import overlap, policies, together

FLOOR = 0.95  # confidence level below which a refiner should not run by itself (paper 3)
HARDLY = 0.05  # a smaller share of changed characters is a repetition (paper 15)
ALIVE = 0.1  # of second answers that change more; the paper sees 35 % where a model corrects itself and 5 % where it collapsed
BARS = 10


@REGISTRY.register("self_correction")
class SelfCorrectionReport:
    """``threshold`` is the risk from which the gated policy takes the second answer."""

    name = "self_correction"

    def __init__(self, threshold: float = 0.5, seed: int = 0) -> None:
        self.threshold = threshold
        self.seed = seed

    def compute(self, rows: Sequence[SecondTry]) -> Mapping[str, Any]:
        """``refiners`` by name, each with its rank by efficiency; ``overlap`` and ``together`` of several at the same first answers."""
        by_name: dict[str, list[SecondTry]] = {}
        for one in rows:
            by_name.setdefault(one.refiner, []).append(one)
        found = [self.card(name, by_name[name]) for name in sorted(by_name)]
        known = [row["efficiency"] for row in found if row["efficiency"] is not None]
        for row in found:
            mine = row["efficiency"]
            row["efficiency_rank"] = None if mine is None else 1 + sum(other > mine for other in known)
        return {
            "n": len(rows),
            "fewest": FEWEST,
            "floor": FLOOR,
            "threshold": self.threshold,
            "refiners": found,
            "overlap": overlap(rows),
            "together": together(rows),
        }

    def card(self, name: str, tries: Sequence[SecondTry]) -> dict[str, Any]:
        """Everything that is known of one refiner."""
        wrong = [one for one in tries if not one.first]
        right = [one for one in tries if one.first]
        fixed, broken = sum(one.second for one in wrong), sum(not one.second for one in right)
        counts = {"n": len(tries), "wrong": len(wrong), "fixed": fixed, "right": len(right), "broken": broken}
        card = {"refiner": name, **counts, **figures(odds(tries), self.seed)}
        failures = Counter(one.failure for one in tries if not one.second and one.failure)
        kinds = [[kind, count] for kind, count in sorted(failures.items(), key=lambda pair: (-pair[1], pair[0]))]
        card |= {**costs(tries, fixed), **changes(tries), "failures": kinds}
        return card | {"policies": policies(tries, self.threshold)}


def figures(rows: Sequence[Odds], seed: int = 0) -> dict[str, Any]:
    """The profile, its intervals, and what follows: ``harmful`` and ``may_run_alone``, ``None`` below ``FEWEST`` questions."""
    found: dict[str, Any] = {"questions": len(rows), **profile(rows)}
    level, fix = found["confidence_level"], found["critique_score"]
    found["fix_rate"] = fix
    found["break_rate"] = None if level is None else 1 - level
    found["harmful"] = None if len(rows) < FEWEST else found["c_to_i"] > found["i_to_c"] + 1e-12
    found["may_run_alone"] = None if found["harmful"] is None else not found["harmful"] and (level or 0) >= FLOOR
    return found | {"intervals": as_json(intervals(rows, seed=seed))}


def costs(tries: Sequence[SecondTry], fixed: int) -> dict[str, Any]:
    """Means over the tries; ``None`` where a cost is not known of every try. Seconds are over the tries of which they are known."""
    n = len(tries)
    spent = [one.tokens for one in tries if one.tokens is not None]
    first = [one.first_tokens for one in tries if one.first_tokens is not None]
    seconds = [one.seconds for one in tries if one.seconds is not None]
    tokens = sum(spent) / n if n and len(spent) == n else None
    before = sum(first) / n if n and len(first) == n else None
    asked = [one.calls for one in tries if one.calls is not None]
    calls = sum(asked) / n if n and len(asked) == n else None
    found: dict[str, Any] = {
        "tokens": tokens,
        "calls": calls,
        "seconds": sum(seconds) / len(seconds) if seconds else None,
    }
    found["tokens_per_fix"] = sum(spent) / fixed if tokens is not None and fixed else None
    found["efficiency"] = found["first_efficiency"] = None
    if before is not None:
        found["first_efficiency"] = efficiency(100 * sum(one.first for one in tries) / n, before, 1)
    if before is not None and tokens is not None and calls is not None:
        found["efficiency"] = efficiency(100 * sum(one.second for one in tries) / n, before + tokens, 1 + calls)
    return found


def efficiency(accuracy: float, tokens: float, calls: float) -> float | None:
    """``accuracy`` in per cent over tokens times calls; ``None`` where nothing was spent."""
    return accuracy / (tokens * calls) if tokens > 0 and calls > 0 else None


def changes(tries: Sequence[SecondTry]) -> dict[str, Any]:
    """How much second answers differ: counts in ten bars from equal to nothing in common, and whether they only repeat."""
    known = [one.change for one in tries if one.change is not None]
    bars = Counter(min(int(change * BARS), BARS - 1) for change in known)
    alive = sum(change >= HARDLY for change in known) / len(known) if known else None
    return {
        "change_histogram": [bars[k] for k in range(BARS)] if known else [],
        "changed": alive,
        "collapsed": None if alive is None or len(known) < FEWEST else alive < ALIVE,
    }
