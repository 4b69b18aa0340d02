"""What the correction loop is worth: corrections per item until accepted, over days and rounds, with fix rate and break rate.

DROC (paper 9) counts corrections per task and round; the break rate, which it lacks, counts answers that were right and became wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from core.reports.base import REGISTRY, HistoryRow

QUARTERS = 4
FEWEST = 5  # accepted items of a round before it has a figure
WEEKS = 3  # with so many accepted items, before rounds are calendar weeks


@REGISTRY.register("loop")
class LoopReport:
    name = "loop"

    def compute(self, rows: Sequence[HistoryRow]) -> Mapping[str, Any]:
        """Figures over all ``rows`` and per day and round, in the order of days and, within a day, of the rows.

        A rate is ``None`` where nothing could be fixed or broken; ``corrections_per_item`` is over accepted items alone. A round is a
        calendar week once there are enough weeks, else a quarter of the items in the order of time; before there are enough items there
        is none. ``enough`` says whether a round has items enough for a figure.
        """
        ordered = sorted(rows, key=lambda r: r.day)
        return {
            **figures(ordered),
            "days": [{"day": day, **figures(group)} for day, group in groupby(ordered, key=lambda r: r.day)],
            "rounds": [_round(name, part) for name, part in rounds(ordered)],
        }


def rounds(ordered: Sequence[HistoryRow]) -> list[tuple[str, Sequence[HistoryRow]]]:
    """Rounds by name, such as ``2026-W07`` or ``2``, of finished items in the order of time."""
    weeks: dict[str, list[HistoryRow]] = {}
    for row in ordered:
        weeks.setdefault(week_of(row.day), []).append(row)
    if sum(sum(row.accepted for row in part) >= FEWEST for part in weeks.values()) >= WEEKS:
        return list(weeks.items())
    if len(ordered) < QUARTERS * FEWEST:
        return []
    cuts = [round(len(ordered) * quarter / QUARTERS) for quarter in range(QUARTERS + 1)]
    return [(str(number), ordered[cuts[number - 1] : cuts[number]]) for number in range(1, QUARTERS + 1)]


def _round(name: str, part: Sequence[HistoryRow]) -> dict[str, Any]:
    found = figures(part)
    return {"round": name, "enough": found["accepted"] >= FEWEST, **found}


def week_of(day: str) -> str:
    """The ISO week of an ISO date, such as ``2025-W07``."""
    year, week, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{week:02d}"


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
