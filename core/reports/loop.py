"""What the correction loop is worth: corrections per item until accepted, over days and rounds, with fix rate and break rate.

DROC (paper 9) counts corrections per task and round; the break rate, which it lacks, counts answers that were right and became wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from core.reports.base import REGISTRY, HistoryRow

ROUND = 24  # finished items per round


@REGISTRY.register("loop")
class LoopReport:
    name = "loop"

    def compute(self, rows: Sequence[HistoryRow]) -> Mapping[str, Any]:
        """Figures over all ``rows`` and per day and round, in the order of days and, within a day, of the rows.

        A rate is ``None`` where nothing could be fixed or broken; ``corrections_per_item`` is over accepted items alone.
        """
        ordered = sorted(rows, key=lambda r: r.day)
        rounds = [ordered[i : i + ROUND] for i in range(0, len(ordered), ROUND)]
        return {
            **figures(ordered),
            "days": [{"day": day, **figures(group)} for day, group in groupby(ordered, key=lambda r: r.day)],
            "rounds": [{"round": number, **figures(part)} for number, part in enumerate(rounds, 1)],
        }


def figures(rows: Iterable[HistoryRow]) -> dict[str, Any]:
    """Counts and rates of some finished items."""
    items = list(rows)
    accepted = [r for r in items if r.accepted]
    wrong_first = [r for r in items if r.first_attempt_wrong]
    right_first = [r for r in items if not r.first_attempt_wrong]
    return {
        "items": len(items),
        "accepted": len(accepted),
        "corrections": sum(r.corrections for r in items),
        "corrections_per_item": _share(sum(r.corrections for r in accepted), len(accepted)),
        "first_attempt_right": _share(len(right_first), len(items)),
        "fix_rate": _share(sum(not r.last_attempt_wrong for r in wrong_first), len(wrong_first)),
        "break_rate": _share(sum(r.last_attempt_wrong for r in right_first), len(right_first)),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
