"""Risk before there is enough to learn from: the smoothed share of votes against the answer. The baseline of POLAR (paper 1).

One vote for and one against are added, so that no output starts at certainty. Used below the twenty outputs that POLAR needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from core.risk.base import REGISTRY, RiskRow, Scored

MODEL = "model"


@REGISTRY.register("vote_share")
class VoteShareRisk:
    """Has nothing to fit; a driver is the change in log-odds that leaving this vote out would undo."""

    name = "vote_share"

    def fit(self, rows: Sequence[RiskRow], n_classes: int, seed: int = 0) -> None:
        """Nothing is learnt."""

    def score(self, rows: Sequence[RiskRow]) -> list[Scored]:
        return [_scored(row) for row in rows]

    def state(self) -> dict[str, Any]:
        return {"name": self.name}

    def load(self, state: Mapping[str, Any]) -> None:
        if state.get("name") != self.name:
            raise ValueError("this is not a saved vote_share model")


def _scored(row: RiskRow) -> Scored:
    votes = {source: vote != row.answer for source, vote in row.votes.items() if vote >= 0 and source != MODEL}
    against, rest = sum(votes.values()), len(votes) - sum(votes.values())
    odds = log((against + 1) / (rest + 1))
    drivers = [
        (s, odds - (log(against / (rest + 1)) if wrong else log((against + 1) / rest))) for s, wrong in votes.items()
    ]
    return Scored((against + 1) / (against + rest + 2), tuple(sorted(drivers, key=lambda d: (-abs(d[1]), d[0]))))
