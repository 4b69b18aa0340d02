"""How much people follow critics: their agreement with critics' first wrong step where it was shown, and where it was hidden.

Items reviewed blind are drawn by a hash, so that a difference is what showing does and not what the items are. The interval of the
difference is Newcombe's (1998, method 10), from the Wilson intervals of both shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from core.metrics import NO_ERROR, wilson
from core.reports.base import REGISTRY
from core.step_labels import StepReview

FEWEST = 20  # reviews on either side before a difference is told
ALL = "all critics together"


@REGISTRY.register("critic_influence")
class CriticInfluenceReport:
    name = "critic_influence"

    def compute(self, rows: Sequence[StepReview]) -> Mapping[str, Any]:
        """``critics``: one entry for all together (the earliest step that any of them named), then one for each."""
        known = [one for one in rows if one.first_error is not None and one.said]
        names = sorted({critic for one in known for critic in one.said})
        together = [(one.blind, earliest(one.said) == one.first_error) for one in known]
        each = [
            (name, [(one.blind, one.said[name] == one.first_error) for one in known if name in one.said])
            for name in names
        ]
        critics = [{"critic": name, **shown_and_blind(hits)} for name, hits in [(ALL, together), *each] if hits]
        return {"fewest": FEWEST, "critics": critics}


def earliest(said: Mapping[str, int]) -> int:
    """The first step that any critic named, -1 where none named one."""
    return min((step for step in said.values() if step != NO_ERROR), default=NO_ERROR)


def shown_and_blind(hits: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    """Shares of hits from pairs of (blind, hit), and the difference shown - blind with its interval once both sides have ``FEWEST``."""
    shown, blind = ([hit for hidden, hit in hits if hidden is side] for side in (False, True))
    enough = min(len(shown), len(blind)) >= FEWEST
    low, high = difference(sum(shown), len(shown), sum(blind), len(blind)) if enough else (None, None)
    a, b = (sum(side) / len(side) if side else None for side in (shown, blind))
    return {
        "shown": a,
        "shown_n": len(shown),
        "blind": b,
        "blind_n": len(blind),
        "enough": enough,
        "difference": a - b if enough and a is not None and b is not None else None,
        "low": low,
        "high": high,
    }


def difference(hits: int, n: int, other_hits: int, other_n: int) -> tuple[float, float]:
    """95 % interval of the difference of two proportions; (-1, 1) where one has no trials."""
    if not n or not other_n:
        return -1.0, 1.0
    p, q = hits / n, other_hits / other_n
    (p_low, p_high), (q_low, q_high) = wilson(hits, n), wilson(other_hits, other_n)
    return (
        p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2),
        p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2),
    )
