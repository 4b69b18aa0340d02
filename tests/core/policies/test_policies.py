from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.policies import REGISTRY
from core.policies.base import QueueCandidate

DAY = datetime(2024, 5, 1, tzinfo=UTC)


def order(name: str, *candidates: QueueCandidate) -> list[int]:
    policy = REGISTRY.make(name)
    return sorted(range(len(candidates)), key=lambda i: -policy.priority(candidates[i]))


def test_riskiest_first_with_the_unknown_in_the_middle_and_ties_drawn() -> None:
    assert order(
        "risk",
        QueueCandidate(0.2, DAY, 0.9),
        QueueCandidate(None, DAY, 0.1),
        QueueCandidate(0.9, DAY, 0.0),
        QueueCandidate(0.9, DAY, 0.5),
    ) == [3, 2, 1, 0]


def test_oldest_first() -> None:
    assert order("oldest", QueueCandidate(0.9, DAY, 0.1), QueueCandidate(0.1, DAY - timedelta(days=1), 0.2)) == [1, 0]
