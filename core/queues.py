"""What the settings of a queue may be, checked in one place with words that say what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from core.policies import REGISTRY as POLICIES
from core.types import QueueKind

ANY, ASSIGNED, ROUND_ROBIN = "any", "assigned", "round_robin"
CHOICES: Mapping[str, tuple[str, ...]] = {
    "skip_policy": ("to_me", "to_others", "set_aside"),
    "access": (ANY, ASSIGNED, ROUND_ROBIN),  # who may have a slot: anybody, whom it was assigned to, whose turn it was
    "blind": ("share", "always", "never"),  # share: the project's share of the items
    "gold_action": ("tell", "pause"),  # what happens to who gets too many gold items wrong
}
WHOLE: Mapping[str, tuple[int, int]] = {
    "overlap": (1, 100),
    "lease_seconds": (1, 7 * 86_400),
    "heartbeat_seconds": (2, 3600),
    "extra_reviews": (0, 20),
}
SHARES = ("audit_share", "agreement_floor", "gold_share", "gold_floor")
FEWEST_GOLD = 5  # gold answers before anybody is told or paused

# What a queue of a kind starts with, where that differs from the table's own defaults.
STARTS: Mapping[QueueKind, Mapping[str, Any]] = {
    QueueKind.ANNOTATE: {},
    QueueKind.EXPERT: {"blind": "never", "audit_share": 0.0},
    QueueKind.ADJUDICATE: {"blind": "never", "audit_share": 0.0},
    QueueKind.AUDIT: {"blind": "always", "audit_share": 0.0},
}


def check(changes: Mapping[str, Any]) -> None:
    """Raises ``ValueError`` on the first setting that does not exist or cannot be that."""
    for name, value in changes.items():
        if name in CHOICES:
            good, must = value in CHOICES[name], f"is one of {', '.join(CHOICES[name])}"
        elif name in WHOLE:
            low, high = WHOLE[name]
            good, must = _whole(value) and low <= value <= high, f"must be a whole number from {low} to {high}"
        elif name in SHARES:
            good, must = _number(value) and 0 <= value <= 1, "is a share: between 0 and 1"
        elif name == "order_policy":
            names = POLICIES.names()
            good, must = value in names, f"is one of {', '.join(names)}"
        elif name == "reason_required":
            good, must = isinstance(value, bool), "is yes or no"
        else:
            raise ValueError(f"cannot change {name} of a queue")
        if not good:
            raise ValueError(f"{name} {must}")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
