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
from core.reports.critic_influence import FEWEST, shown_and_blind

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
                "with_risk": shown_and_blind([(row.blind, row.wrong == (_risk(row) >= HIGH)) for row in known]),
                "faulty": shown_and_blind([(row.blind, row.wrong) for row in first]),
                "high": shown_and_blind([(row.blind, row.wrong) for row in known if _risk(row) >= HIGH]),
                "low_risk": shown_and_blind([(row.blind, row.wrong) for row in known if _risk(row) < HIGH]),
                "agreement": shown_and_blind([(a.blind, a.wrong == b.wrong) for a, b in pairs]),
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
