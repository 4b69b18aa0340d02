"""Who works on what: slots of items, leased to people one conditional update at a time.

A slot is one of the ``overlap`` reviews that an item is to get; its state, holder, token and deadline are in its assignment
row and nowhere else. ``slots`` puts outputs before people, ``lanes`` says
which of them need people at all and which are random draws, ``claims`` hands slots out and fences what comes back,
``leaving`` gives them up with a reason, ``counts`` derives every figure that a page shows about a queue.
"""

from store.queue import access, gold, ordering, progress
from store.queue.access import assign, join, leave_queue, members
from store.queue.claims import Claim, LostClaim, claim_item, claim_next, extend, release, reopen, submit, why_not_item
from store.queue.counts import Waiting, counts, for_experts, waiting, why_empty
from store.queue.lanes import apply_threshold, lane_counts, redraw_audit
from store.queue.leaving import flag, skip
from store.queue.slots import dispute, enqueue_output, fill_slots, force_release, one_more, put_back, set_priority
from store.queue.states import SUBMITTED, slot_alone

__all__ = [
    "SUBMITTED",
    "Claim",
    "LostClaim",
    "Waiting",
    "access",
    "apply_threshold",
    "assign",
    "claim_item",
    "claim_next",
    "counts",
    "dispute",
    "enqueue_output",
    "extend",
    "fill_slots",
    "flag",
    "for_experts",
    "force_release",
    "gold",
    "join",
    "lane_counts",
    "leave_queue",
    "members",
    "one_more",
    "ordering",
    "progress",
    "put_back",
    "redraw_audit",
    "release",
    "reopen",
    "set_priority",
    "skip",
    "slot_alone",
    "submit",
    "waiting",
    "why_empty",
    "why_not_item",
]
