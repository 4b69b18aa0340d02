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
from store.lessons.retracting import Reach, reach, retract, retract_many
from store.lessons.selecting import Chosen, Filter, chosen, remaining
from store.lessons.suspects import Suspect, suspects
from store.lessons.undoing import (
    Undone,
    entries,
    get_retraction,
    proposed_key,
    remaining_of,
    retractions,
    stands_by_itself,
    still_suspended,
    undo,
)

__all__ = [
    "BadTransition",
    "Chosen",
    "Filter",
    "Lineage",
    "Reach",
    "Suspect",
    "Undone",
    "accept",
    "active_texts",
    "any_active",
    "by_effect",
    "chosen",
    "edit",
    "entries",
    "get",
    "get_retraction",
    "is_retrievable",
    "lineage",
    "page",
    "propose",
    "proposed_key",
    "reach",
    "recent",
    "reject",
    "remaining",
    "remaining_of",
    "retract",
    "retract_many",
    "retractions",
    "revisions_of",
    "standing",
    "stands_by_itself",
    "still_suspended",
    "support",
    "suspects",
    "undo",
    "votes_of",
]
