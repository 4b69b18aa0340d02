"""The head with a model's reading: it reads each solution once, learns from it, and says when the backend cannot read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from core.batching import MicroBatcher
from core.critics import REGISTRY, step_head
from core.critics.base import NEEDS_MODEL
from core.critics.combine import first_wrong
from core.critics.step_head import load
from core.critics.step_head_lm import NAMES, bundled
from core.critics.step_head_rows import cross_validated
from core.evaluation.steps import StepRow
from core.generators.base import Capability, NotAvailable, ReadRequest
from core.types import JobPriority, StepLabel, TokenLogprob


class Surprised:
    """Finds numbers that end in 7 surprising, and nothing else."""

    capabilities = frozenset({Capability.READ})

    def __init__(self) -> None:
        self.read_replies: list[str] = []

    def read(self, requests: Sequence[ReadRequest]) -> list[tuple[TokenLogprob, ...]]:
        self.read_replies += [request.reply for request in requests]
        return [tuple(TokenLogprob(c, -9.0 if c == "7" else -0.1, 0.5) for c in request.reply) for request in requests]


def solutions(n: int) -> list[StepRow]:
    """The step with a 7 is wrong; by words and numbers nothing tells it apart."""
    made = []
    for i in range(n):
        first = i % 4 - 1
        ends = [f"{k + 2}{7 if k == first else 6}" for k in range(3)]
        made.append(
            StepRow(str(i), f"Question {i}?", tuple(f"There are {e} of them." for e in ends), first, first >= 0)
        )
    return made


def test_it_learns_from_what_the_model_finds_surprising() -> None:
    rows = solutions(80)
    reader = Surprised()
    said = cross_validated(rows, rows[:1], reader=reader)
    assert sum(first_wrong(c) == row.first_error for c, row in zip(said, rows, strict=True)) / len(rows) > 0.9
    assert {c.source for one in said for c in one} == {"step_head_lm"}
    assert reader.read_replies[0] == "\n".join(rows[0].steps)
    assert len(reader.read_replies) == len(rows) + 1


def test_the_bundled_head_speaks_and_has_names_of_its_own() -> None:
    row = StepRow("1", "Two bags of 3?", ("Two bags of 3 are 2 * 3 = 8 apples.", "So the answer is 8."), 0, True)
    found = REGISTRY.make("step_head_lm", Surprised()).critique([row.given()])[0]
    assert (found[-1].step_index, found[-1].label) == (0, StepLabel.WRONG)
    assert bundled().names == NAMES
    assert "step_head_lm" in NEEDS_MODEL
    with pytest.raises(ValueError, match="train it again"):
        load(step_head.BUNDLED.read_text(), NAMES)
    assert REGISTRY.make("step_head_lm", Surprised()).critique([StepRow("1", "?", (), None, True).given()]) == [[]]


def test_a_backend_that_cannot_read_says_so() -> None:
    reader: Any = Surprised()
    reader.capabilities = frozenset({Capability.SCORE})
    with pytest.raises(NotAvailable, match="step_head needs none"):
        REGISTRY.make("step_head_lm", reader).critique([solutions(1)[0].given()])


def test_questions_that_differ_in_white_space_are_never_in_training_and_test_at_once() -> None:
    rows = solutions(40)
    twins = [StepRow("t" + r.id, f"  {r.problem.upper()}", r.steps, r.first_error, r.wrong) for r in rows]
    said: list[str] = []
    cross_validated(rows, twins, say=said.append)
    assert [line.split(": ")[1] for line in said] == [
        f"fold {k}, 64 solutions to learn from, 8 judged" for k in range(1, 6)
    ]


@pytest.mark.models
def test_the_bundled_model_reads_through_the_batcher(generator: Any) -> None:
    batcher = MicroBatcher(generator)
    try:
        critic = REGISTRY.make("step_head_lm", batcher.at(JobPriority.NORMAL))
        right, slip = (
            StepRow(
                "1", "Two bags of 3?", (f"Two bags of 3 are 2 * 3 = {x} apples.", f"So the answer is {x}."), -1, False
            )
            for x in (6, 8)
        )
        found = critic.critique([right.given(), slip.given()])
    finally:
        batcher.close()
    assert [first_wrong(one) for one in found] == [-1, 0]
