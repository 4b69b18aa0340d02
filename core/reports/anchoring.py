"""What showing risk and critics does to people: verdicts of reviews made with it in view beside those of the blind slice.

Which items are reviewed blind is drawn by a hash (``store.reviews.blind``), so that a difference is what showing does and not what the
items are. Reviews from before the first blind one and after the last do not count: models and people may have been others then. Of
each answer the first review counts, and for two people's agreement the first two, so that none counts twice. Intervals of differences
are Newcombe's (1998, method 10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.reports.agreement import Judgement
from core.reports.base import REGISTRY
from core.reports.critic_influence import FEWEST, difference

HIGH = 0.5  # risk from which on it says "faulty"


@REGISTRY.register("anchoring")
class AnchoringReport:
    name = "anchoring"

    def compute(self, rows: Sequence[Judgement]) -> Mapping[str, Any]:
        """``rows`` oldest first; those of experts do not count, because nothing is drawn there.

        ``figures`` by key, each with ``shown`` and ``blind`` shares of ``shown_n`` and ``blind_n`` answers, and, once both sides have
        ``fewest``, the ``difference`` shown - blind with ``low`` and ``high``: ``faulty`` verdicts, of answers with ``high`` risk
        and with ``low_risk``, verdicts that go ``with_risk``, and ``agreement`` of two people.
        """
        moments = [row.at for row in rows if row.blind and not row.expert and row.at is not None]
        first_blind, last_blind = (min(moments), max(moments)) if moments else (None, None)
        said: dict[int, dict[int, Judgement]] = {}
        for row in rows:
            if not row.expert and _between(row.at, first_blind, last_blind):
                said.setdefault(row.output_id, {}).setdefault(row.user_id, row)
        first = [next(iter(people.values())) for people in said.values()]
        known = [row for row in first if row.risk is not None]
        pairs = [two for people in said.values() if (two := _two(list(people.values()))) is not None]
        return {
            "fewest": FEWEST,
            "blind": sum(row.blind for row in first),
            "figures": {
                "with_risk": _compared([(row.blind, row.wrong == (_risk(row) >= HIGH)) for row in known]),
                "faulty": _compared([(row.blind, row.wrong) for row in first]),
                "high": _compared([(row.blind, row.wrong) for row in known if _risk(row) >= HIGH]),
                "low_risk": _compared([(row.blind, row.wrong) for row in known if _risk(row) < HIGH]),
                "agreement": _compared([(a.blind, a.wrong == b.wrong) for a, b in pairs]),
            },
        }


def _between(at: datetime | None, first: datetime | None, last: datetime | None) -> bool:
    """True where it is not known when, and where nothing bounds it."""
    return at is None or first is None or last is None or first <= at <= last


def _risk(row: Judgement) -> float:
    return row.risk if row.risk is not None else 0.0


def _two(said: Sequence[Judgement]) -> tuple[Judgement, Judgement] | None:
    """The first two people, if both saw the answer in the same way."""
    return (said[0], said[1]) if len(said) > 1 and said[0].blind == said[1].blind else None


def _compared(hits: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
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
