"""Critiques in blocks are read as they were meant, whatever stands around them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import StepLabel
from core.written_critiques import WrittenCritique, WrittenStep, parse

TEXT = """Step sentence: 2 + 2 = 4  \r
Correctness of the step: Correct  \r
Explanation: It is.\r

**Step sentence:** then 4 + 1 = 6,
and nothing else
**correctness of the step**: Incorrect.
Explanation: It is 5,
as everyone knows.

Correctness of the final answer: Wrong
Explanation: It follows from step 2.
"""


def test_blocks_are_read_whatever_their_spacing() -> None:
    found = parse(TEXT)
    assert [(step.label, step.explanation) for step in found.steps] == [
        (StepLabel.RIGHT, "It is."),
        (StepLabel.WRONG, "It is 5,\nas everyone knows."),
    ]
    assert found.steps[1].sentence == "then 4 + 1 = 6,\nand nothing else"
    assert (found.first_wrong, found.answer_right, found.consistent) == (1, False, True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", WrittenCritique()),
        ("no blocks here: Correct", WrittenCritique()),
        ("Step sentence: a\nCorrectness of the step: perhaps", WrittenCritique()),
        ("Correctness of the step: Wrong\nExplanation: of what?", WrittenCritique()),
        ("Correctness of the final answer: Correct", WrittenCritique((), True)),
        (
            "Step sentence: a\nCorrectness of the step: Right",
            WrittenCritique((WrittenStep("a", StepLabel.RIGHT),)),
        ),
    ],
)
def test_what_cannot_be_read_is_left_out(text: str, wanted: WrittenCritique) -> None:
    assert parse(text) == wanted
    assert not parse(text).consistent


@given(
    st.text()
    | st.lists(st.sampled_from([*TEXT.splitlines(True), "Step sentence:", "\x00", "Correctness of the step:"])).map(
        "".join
    )
)
def test_reading_never_raises(text: str) -> None:
    assert all(step.label in (StepLabel.RIGHT, StepLabel.WRONG) for step in parse(text).steps)


@pytest.mark.shared_data
def test_public_critiques_are_read_whole(shared: Path) -> None:
    """Paper 40: of 200 there, first wrong step 0:89 1:64 2:27 3:10 4+:8, two call none wrong; the half that is here is counted anew."""
    lines = (shared / "data/mathcritique/gsm8k_critique_revision.jsonl").read_bytes().splitlines()
    rows = [orjson.loads(line) for line in lines]
    found = [parse(row["critique_text"]) for row in rows]
    assert len(found) == 100 and all(one.steps and one.answer_right is not None for one in found)
    for row, one in zip(rows, found, strict=True):  # as far as the file has them apart, it says the same
        if row["step_critiques"]:
            assert [step.label is StepLabel.RIGHT for step in one.steps] == [
                said["verdict"] == "Correct" for said in row["step_critiques"]
            ]
    assert Counter(one.first_wrong for one in found) == {0: 38, 1: 34, 2: 14, 3: 8, 4: 3, 5: 2, None: 1}
    assert Counter(one.answer_right for one in found) == {False: 99, True: 1}
