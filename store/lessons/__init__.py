"""Lessons: proposed from corrections, accepted by people, retrieved while active, and withdrawn with all that hangs on them.

The lesson row is the present form; every form it ever had is a ``LessonRevision``. Whatever changes what search may find
puts an entry in the index feed in the same transaction.
"""

from store.lessons.changing import accept, edit, reject
from store.lessons.forms import BadTransition
from store.lessons.proposing import propose, support
from store.lessons.reading import (
    Lineage,
    active_texts,
    any_active,
    by_effect,
    get,
    is_retrievable,
    lineage,
    page,
    recent,
    revisions_of,
    standing,
    votes_of,
)
from store.lessons.retracting import retract

__all__ = [
    "BadTransition",
    "Lineage",
    "accept",
    "active_texts",
    "any_active",
    "by_effect",
    "edit",
    "get",
    "is_retrievable",
    "lineage",
    "page",
    "propose",
    "recent",
    "reject",
    "retract",
    "revisions_of",
    "standing",
    "support",
    "votes_of",
]
