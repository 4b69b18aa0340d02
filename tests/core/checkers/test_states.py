from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.checkers.states import StatesChecker

HELD = "At the start: Ann: red, Bob: green, Cy: blue."


def wrong_lines(text: str, question: str = "") -> list[int]:
    """0-based lines of the findings that say something is wrong."""
    return [text[: f.start].count("\n") for f in StatesChecker().check(text, question) if not f.ok]


@pytest.mark.parametrize(
    "line",
    [
        "Ann and Bob swap: Ann: green, Bob: red, Cy: blue.",
        "Bob and Cy trade places: Ann: red, Bob: blue, Cy: green.",
        "Cy gives his away: Ann: red, Bob: green, Cy: nothing.",
        "Next: Ann: blue, Bob: blue, Cy: blue.",  # says nothing of who did what
        "At the end, Bob has the green one.",
    ],
)
def test_states_that_follow(line: str) -> None:
    assert wrong_lines(f"{HELD}\n{line}") == []


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("Ann and Bob swap: Ann: green, Bob: green, Cy: blue.", "Bob"),
        ("Ann and Bob swap: Ann: green, Bob: red, Cy: red.", "Cy"),
        ("Ann and Bob swap: Ann: red, Bob: green, Cy: blue.", "Ann, Bob"),
        ("Cy gives his away: Ann: blue, Bob: green, Cy: nothing.", "Ann"),
    ],
)
def test_states_that_do_not_follow_are_found_with_the_names(line: str, names: str) -> None:
    found = [f for f in StatesChecker().check(f"{HELD}\n{line}") if not f.ok]
    assert [f.message for f in found] == [f"From the state before this does not follow: {names}."]


def test_an_error_is_reported_once_and_a_wrong_claim_is_one() -> None:
    text = f"{HELD}\nAnn and Bob swap: Ann: green, Bob: green, Cy: blue.\nAnn and Cy swap: Ann: blue, Bob: green, Cy: green."
    assert wrong_lines(text) == [1]
    assert wrong_lines(f"{HELD}\nIn the end Bob has the blue one.") == [1]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (["stack: empty", "( ; stack: (", "[ ; stack: ( [", "] ; stack: (", 'The final stack is "(".'], []),
        (["stack: empty", "( ; stack: (", "[ ; stack: [ (", "] ; stack: ("], [2, 3]),
        (["stack: empty", "( ; stack: (", "[ ; stack: ( [", ") ; stack: ("], [3]),
        (["stack: empty", "( ; stack: (", "( ; stack: ( (", "] ; stack: ("], [2, 3]),  # not the question's next bracket
        (["stack: empty", "( ; stack: (", 'The final stack is "[".'], [2]),
    ],
)
def test_stacks(lines: list[str], wrong: list[int]) -> None:
    assert wrong_lines("\n".join(lines), "( [ ]") == wrong


def test_a_question_that_only_uses_brackets_says_nothing_of_their_order() -> None:
    assert wrong_lines("stack: empty\n[ ; stack: [", "Track the stack of f(x) for this call.") == []


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="AB: ,.;()[]<>stack\nswap", max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert all(0 <= f.start <= f.end <= len(text) for f in StatesChecker().check(text, text))


@pytest.mark.shared_data
@pytest.mark.parametrize(("task", "found_at_least"), [("dyck_languages", 0.8), ("tracking_shuffled_objects", 0.8)])
def test_first_errors_of_public_traces(shared: Path, task: str, found_at_least: float) -> None:
    rows = [json.loads(x) for x in (shared / "data" / "bigbench_mistake" / f"{task}.jsonl").read_text().splitlines()]
    faulty = [row for row in rows if row["mistake_index"] is not None]
    clean = [row for row in rows if row["mistake_index"] is None]

    def first(row: dict[str, object]) -> int | None:
        return min(wrong_lines("\n".join(map(str, row["steps"])), str(row["input"])), default=None)  # type: ignore[call-overload]

    assert sum(first(row) == row["mistake_index"] for row in faulty) / len(faulty) >= found_at_least
    assert sum(first(row) is None for row in clean) / len(clean) >= 0.9
