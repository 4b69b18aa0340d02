"""What users of such tools complain about most, and the tests that show that it does not happen here.

Each entry names the complaint and where it was made (ls: HumanSignal/label-studio), and the tests that do to this product what was
complained of. Tests have names of their own, where they are: one that is renamed, taken away, skipped, emptied of its checks, or that
serves two complaints as their only witness makes these here fail.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CHECKS = {"raises", "expect", "wait_for", "wait_for_selector", "wait_for_function"}
SKIPS = {"skip", "skipif", "xfail"}


@dataclass(frozen=True)
class Complaint:
    """``where``: threads of other tools; ``tests`` as path::name below ``tests``."""

    says: str
    where: str
    tests: tuple[str, ...]


COMPLAINTS = (
    Complaint(
        "two people get the same item, or an item gets more reviews than it should",
        "ls#795 #3568 #3575 #9270, argilla#5196 #2688, doccano#1610 #288",
        (
            "concurrency/test_claims.py::test_no_slot_is_given_twice_and_none_is_stranded",
            "concurrency/test_claims.py::test_processes_give_no_slot_twice_and_strand_none",
            "browser/test_review_drafts.py::test_two_people_at_once_never_get_the_same_item",
        ),
    ),
    Complaint(
        "the state is kept on the item, so that a queue works for one reviewer only",
        "trulens#2723",
        (
            "store/test_queue.py::test_overlap_gives_each_item_to_that_many_different_people",
            "store/test_drafts.py::test_drafts_are_kept_per_slot_and_person",
            "store/test_queue.py::test_skip_to_others_never_comes_back_to_the_person",
        ),
    ),
    Complaint(
        "locks strand work: no tasks while items remain",
        "ls#4190",
        (
            "store/test_queue.py::test_a_lease_that_ran_out_is_claimable_by_others_and_first",
            "concurrency/test_claims.py::test_leases_that_ran_out_are_taken_over_once_each",
            "browser/test_review_drafts.py::test_an_untouched_item_goes_back_when_the_page_is_left",
            "store/test_queue_access.py::test_who_leaves_gives_theirs_back_and_keeps_what_was_finished",
            "store/test_queue_access.py::test_a_manager_can_take_an_item_out_of_somebodys_hands",
        ),
    ),
    Complaint(
        "several annotators per item are missing",
        "ls#831 #1052 #6233 #20, doccano#2044",
        (
            "store/test_queue.py::test_overlap_gives_each_item_to_that_many_different_people",
            "store/test_adjudication.py::test_disagreement_calls_one_more_person_before_an_expert",
            "app/test_quality_page.py::test_pairs_have_first_errors_and_spans",
        ),
    ),
    Complaint(
        "items cannot be assigned to people",
        "doccano#65 #288 #803 #948 #1063 #1283 #1993",
        (
            "store/test_queue_access.py::test_assigned_items_go_to_whom_they_were_assigned_and_evenly",
            "store/test_queue_access.py::test_slots_are_dealt_in_turn_and_no_person_gets_two_of_an_item",
        ),
    ),
    Complaint(
        "exports are slow or time out",
        "ls#5873 #5811 #1134 #2663 #4673 #5253, doccano#241 #432 #1364 #2297",
        (
            "concurrency/test_export_kill.py::test_a_killed_export_is_taken_up_and_has_the_same_bytes",
            "store/test_exports.py::test_batches_join_without_gap_or_double_and_can_be_taken_up_again",
            "store/test_exports.py::test_statements_grow_with_batches_not_with_items",
        ),
    ),
    Complaint(
        "exports or imports run out of memory",
        "ls#2250 #5243 #3916 #5904 #940",
        (
            "store/test_exports.py::test_a_stream_does_not_pile_up",
            "core/exporters/test_writing.py::test_records_are_streamed",
        ),
    ),
    Complaint(
        "an export is wrong, or does not come back",
        "ls#9709 #9687 #5654 #4033 #976 #281, argilla#5424, doccano#1749",
        (
            "app/test_bringing_back.py::test_exported_imported_and_exported_again_the_rows_are_the_same_bytes",
            "app/test_bringing_back.py::test_hostile_texts_come_back_as_they_are",
            "core/exporters/test_all_formats.py::test_every_container_brings_the_rows_back",
            "core/test_importing.py::test_csv_with_quotes_newlines_and_any_delimiter",
            "app/api/test_known_failures.py::test_rows_with_commas_quotes_and_line_ends_come_out_as_they_went_in",
        ),
    ),
    Complaint(
        "lists are slow where there is much",
        "ls#9637 #3071 #8738 #798 #3242",
        (
            "app/test_item_list.py::test_a_page_takes_four_statements_at_most",
            "app/test_item_list.py::test_pages_of_fifty_follow_each_other",
            "store/test_queue_waiting.py::test_a_page_takes_four_statements_at_most",
        ),
    ),
    Complaint(
        "the next item is slow and not preloaded",
        "ls#9101",
        (
            "store/test_queue.py::test_claiming_ahead_gives_one_more_and_then_the_same",
            "store/test_queue_access.py::test_the_claim_of_each_access_is_served_by_an_index",
        ),
    ),
    Complaint(
        "SQLite says that the database is locked, and rows are lost",
        "ls#5755 #7170 #6039, argilla#5213, doccano#1236",
        (
            "app/api/test_known_failures.py::test_twenty_bulks_at_once_are_all_taken",
            "store/test_engine.py::test_writers_of_two_engines_and_many_threads_all_get_through",
            "store/test_engine.py::test_writers_of_several_processes_all_get_through",
        ),
    ),
    Complaint(
        "what was typed is lost: a reload, the next item, a crash",
        "ls#1790 #1101 #1243 #4815",
        (
            "browser/test_review_restart.py::test_a_killed_server_costs_nothing",
            "browser/test_review_drafts.py::test_a_reload_keeps_words_marks_and_rewrite",
            "browser/test_review_drafts.py::test_a_lost_lease_keeps_the_text_and_says_where",
            "browser/test_review_drafts.py::test_offline_text_is_kept_here_and_the_newer_copy_wins",
        ),
    ),
    Complaint(
        "text typed for one item leaks into the next",
        "mlflow#23804",
        (
            "browser/test_review_drafts.py::test_text_typed_for_one_item_is_not_in_the_next",
            "browser/test_review_drafts.py::test_another_persons_browser_shows_nothing_of_it",
        ),
    ),
    Complaint(
        "an upgrade or a restart wipes data",
        "ls#8900 #5143 #3563 #3685 #6182, argilla#3151 #5858",
        (
            "store/test_migrate.py::test_an_older_file_is_backed_up_and_upgraded_with_its_data",
            "store/test_migrate.py::test_a_migration_that_fails_changes_nothing",
            "store/test_migrate.py::test_up_down_and_up_again_with_rows_in_every_table",
        ),
    ),
    Complaint(
        "a background worker that nobody knows of is missing, and the page turns for ever",
        "doccano#2301 #2063 #1353 #1969 #2166",
        (
            "app/test_home.py::test_a_missing_worker_is_said_with_the_time",
            "store/test_jobs.py::test_stranded_jobs_are_those_whose_worker_is_silent",
            "app/worker/test_runner.py::test_a_dead_workers_job_is_run_again",
        ),
    ),
    Complaint(
        "skip means something else each time",
        "argilla#5757, ls#347 #2829 #3415 #4225 #2676",
        (
            "store/test_queue.py::test_skip_to_me_comes_back_last",
            "store/test_queue.py::test_skip_to_others_never_comes_back_to_the_person",
            "store/test_queue.py::test_skip_can_set_aside_and_a_manager_puts_it_back",
            "app/test_queue_page.py::test_skips_are_seen_by_managers_with_their_reasons",
        ),
    ),
    Complaint(
        "submitted work cannot be reopened",
        "ls#5357 #2829, argilla#5516",
        (
            "app/pages/test_review_actions.py::test_undo_reopens_with_what_was_submitted_and_saves_a_revision",
            "store/test_adjudication.py::test_reopening_a_decision_is_a_new_revision_that_is_told_anew",
        ),
    ),
    Complaint(
        "counters disagree",
        "argilla#5779",
        (
            "store/test_queue_counts.py::test_counts_equal_a_count_by_hand",
            "store/test_queue_counts.py::test_items_without_an_answer_or_a_slot_are_counted_apart",
        ),
    ),
    Complaint(
        "shortcuts are missing, or fire while somebody types",
        "ls#208 #1957 #491 #1719",
        (
            "browser/test_review_keys.py::test_mark_say_rewrite_submit_in_under_twelve_keys",
            "browser/test_review_keys.py::test_keys_do_nothing_while_typing",
            "browser/test_review_keys.py::test_keys_leave_modifiers_input_methods_and_buttons_alone",
            "browser/test_review_keys.py::test_the_sheet_shows_every_key_of_the_table",
        ),
    ),
    Complaint(
        "there is no undo and no history",
        "ls#87 #4379, argilla#2278",
        (
            "browser/test_review_keys.py::test_marks_move_and_can_be_undone",
            "store/test_reviews.py::test_the_history_of_an_item",
            "store/test_migrate.py::test_the_database_refuses_to_change_records",
        ),
    ),
    Complaint(
        "what was changed in a text is not shown",
        "argilla#3928",
        (
            "browser/test_word_diff.py::test_the_pieces_spell_both_texts",
            "core/test_edits.py::test_word_diff_spells_both_texts",
            "browser/test_edits.py::test_one_change_everywhere_some_left_out_and_all_limited",
        ),
    ),
    Complaint(
        "no agreement and no adjudication in the free edition",
        "doccano#249",
        (
            "app/test_quality_page.py::test_two_people_and_an_expert",
            "core/reports/test_agreement.py::test_alpha_is_that_of_the_literature",
            "store/test_adjudication.py::test_a_decision_supersedes_and_changes_nothing_that_was_said",
            "browser/test_adjudication.py::test_an_expert_decides_by_keys_and_its_author_reads_why",
        ),
    ),
    Complaint(
        "ordering by uncertainty is weak, or confused with the score",
        "ls#952 #426 #5063 #3256",
        (
            "store/test_queue_ordering.py::test_diverse_answers_come_first_and_copies_of_reviewed_ones_last",
            "store/test_queue_ordering.py::test_planted_errors_of_the_weak_side_come_first",
            "store/test_queue_lanes.py::test_audit_items_keep_their_share_of_reviews_however_risky_the_rest_is",
            "app/worker/test_order_queue.py::test_thousands_are_reordered_while_people_claim",
        ),
    ),
    Complaint(
        "the model's side times out, or is loaded anew for each request",
        "ls#2002 #9098 #2578",
        (
            "app/worker/test_runner.py::test_a_waiting_job_is_cancelled_at_once_and_never_runs",
            "app/worker/test_runner.py::test_a_running_job_ends_at_its_next_step_when_cancelled",
            "app/worker/test_runner.py::test_a_passing_failure_is_tried_again_later",
            "app/worker/test_runner.py::test_attempts_run_out",
            "app/worker/test_models.py::test_jobs_that_come_at_once_and_later_share_one_loaded_model",
        ),
    ),
    Complaint(
        "what was deleted from a memory is still found, and rules pile up",
        "mem0#3787 #3869 #4178 #3610 #3743, mlflow#20708 #22834",
        (
            "store/test_lessons.py::test_a_retraction_reaches_everything_at_once",
            "concurrency/test_taking_back.py::test_none_of_what_was_taken_back_is_found_again",
            "app/worker/test_data_handlers.py::test_a_lesson_withdrawn_while_it_is_embedded_gets_no_vector",
            "store/test_lesson_merging.py::test_merged_lessons_become_one_with_all_sources_and_can_be_had_back",
        ),
    ),
)
# The runners-up that were reported of the same tools.
FURTHER = (
    Complaint(
        "rows that are brought in again are there twice, and bulks are slow",
        "argilla#5699 #4449",
        (
            "app/api/test_known_failures.py::test_the_same_rows_from_many_at_once_are_there_once",
            "app/api/test_known_failures.py::test_a_bulk_of_hundreds_is_not_read_row_by_row",
            "app/test_bringing_back.py::test_a_second_import_changes_nothing",
        ),
    ),
    Complaint(
        "text of models runs as code, and other sites press buttons",
        "ls CVE-2025-25296, ls#6296",
        (
            "browser/test_shell.py::test_hostile_text_shows_as_text_on_every_page",
            "app/api/test_resources.py::test_a_foreign_page_is_refused_with_a_problem",
        ),
    ),
)


@pytest.mark.parametrize("complaint", (*COMPLAINTS, *FURTHER), ids=lambda one: one.says)
def test_a_test_shows_that_it_does_not_happen(complaint: Complaint) -> None:
    assert len(complaint.tests) >= 2, "one test is one way of it only"
    for place in complaint.tests:
        test = _test(place)
        assert not _marks(test) & SKIPS, f"{place} is not run: a complaint is shown by tests that are"
        assert _checks(test), f"{place} checks nothing"


def test_there_are_twenty_five_and_each_has_a_witness_of_its_own() -> None:
    assert len({one.says for one in COMPLAINTS}) == 25
    used = Counter(place for one in COMPLAINTS for place in one.tests)
    alone = [one.says for one in COMPLAINTS if not any(used[place] == 1 for place in one.tests)]
    assert not alone, "tests that serve other complaints too do not show these"


def test_what_label_studio_doccano_and_argilla_are_known_for_is_done_to_ours() -> None:
    """Each of the three is named where its users complained; none without a test beside it."""
    for tool, least in (("ls", 15), ("doccano", 6), ("argilla", 8)):
        named = [one for one in (*COMPLAINTS, *FURTHER) if tool in one.where]
        assert len(named) >= least, f"{tool}: {len(named)}"


def _test(place: str) -> ast.FunctionDef:
    path, name = place.split("::")
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    assert found, f"{place} is gone: name the test that shows it now"
    return found[0]


def _marks(test: ast.FunctionDef) -> set[str]:
    """Names in its decorators, and what it calls of ``pytest``."""
    calls = [one.func for one in ast.walk(test) if isinstance(one, ast.Call)]
    ours = [one.attr for one in calls if isinstance(one, ast.Attribute) and getattr(one.value, "id", "") == "pytest"]
    marks = [one.attr for part in test.decorator_list for one in ast.walk(part) if isinstance(one, ast.Attribute)]
    return {*ours, *marks}


def _checks(test: ast.FunctionDef) -> int:
    """Assertions about something, and calls that fail when something is not so."""
    asserts = [one.test for one in ast.walk(test) if isinstance(one, ast.Assert)]
    about = [one for one in asserts if any(isinstance(part, ast.Name) for part in ast.walk(one))]
    calls = [one.func for one in ast.walk(test) if isinstance(one, ast.Call)]
    named = [one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in calls]
    return len(about) + sum(name in CHECKS or name.startswith(("assert_", "check", "_check")) for name in named)
