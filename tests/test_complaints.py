"""What users of such tools complain about most, and the tests that show that it does not happen here.

Each line names the complaint; its tests have names of their own, where they are. A test that is renamed or taken away makes this one
fail.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
COMPLAINTS: dict[str, tuple[str, ...]] = {
    "two people get the same item, or an item gets more reviews than it should": (
        "concurrency/test_claims.py::test_no_slot_is_given_twice_and_none_is_stranded",
        "store/test_queue.py::test_overlap_gives_each_item_to_that_many_different_people",
    ),
    "the state is kept on the item, so that a queue works for one reviewer only": (
        "store/test_queue.py::test_skip_to_others_never_comes_back_to_the_person",
        "store/test_queue.py::test_overlap_gives_each_item_to_that_many_different_people",
    ),
    "locks strand work: no tasks while items remain": (
        "store/test_queue.py::test_a_lease_that_ran_out_is_claimable_by_others_and_first",
        "store/test_queue_counts.py::test_counts_equal_a_count_by_hand",
        "store/test_queue_access.py::test_who_leaves_gives_theirs_back_and_keeps_what_was_finished",
        "store/test_queue_access.py::test_a_manager_can_take_an_item_out_of_somebodys_hands",
    ),
    "several annotators per item are missing": (
        "store/test_queue.py::test_overlap_gives_each_item_to_that_many_different_people",
        "store/test_adjudication.py::test_disagreement_calls_one_more_person_before_an_expert",
    ),
    "items cannot be assigned to people": (
        "store/test_queue_access.py::test_assigned_items_go_to_whom_they_were_assigned_and_evenly",
        "store/test_queue_access.py::test_slots_are_dealt_in_turn_and_no_person_gets_two_of_an_item",
    ),
    "the next item is slow and not preloaded": (
        "store/test_queue.py::test_claiming_ahead_gives_one_more_and_then_the_same",
        "store/test_queue_access.py::test_the_claim_of_each_access_is_served_by_an_index",
    ),
    "text typed for one item leaks into the next": (
        "browser/test_review_drafts.py::test_text_typed_for_one_item_is_not_in_the_next",
        "browser/test_adjudication.py::test_an_expert_decides_by_keys_and_its_author_reads_why",
    ),
    "skip means something else each time": (
        "store/test_queue.py::test_skip_to_others_never_comes_back_to_the_person",
        "store/test_queue.py::test_skip_to_me_comes_back_last",
        "store/test_queue.py::test_skip_can_set_aside_and_a_manager_puts_it_back",
        "app/test_queue_page.py::test_skips_are_seen_by_managers_with_their_reasons",
    ),
    "submitted work cannot be reopened": (
        "app/pages/test_review_actions.py::test_undo_reopens_with_what_was_submitted_and_saves_a_revision",
        "store/test_adjudication.py::test_reopening_a_decision_is_a_new_revision_that_is_told_anew",
    ),
    "counters disagree": ("store/test_queue_counts.py::test_counts_equal_a_count_by_hand",),
    "no agreement and no adjudication in the free edition": (
        "store/test_adjudication.py::test_a_decision_supersedes_and_changes_nothing_that_was_said",
        "browser/test_adjudication.py::test_an_expert_decides_by_keys_and_its_author_reads_why",
    ),
    "ordering by uncertainty is weak, or confused with the score": (
        "store/test_queue_ordering.py::test_diverse_answers_come_first_and_copies_of_reviewed_ones_last",
        "store/test_queue_ordering.py::test_planted_errors_of_the_weak_side_come_first",
        "store/test_queue_lanes.py::test_audit_items_keep_their_share_of_reviews_however_risky_the_rest_is",
        "app/worker/test_order_queue.py::test_thousands_are_reordered_while_people_claim",
    ),
}


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_a_test_shows_that_it_does_not_happen(complaint: str) -> None:
    for place in COMPLAINTS[complaint]:
        path, name = place.split("::")
        tree = ast.parse((TESTS / path).read_text("utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in names, f"{place} is gone: name the test that shows it now"
