from __future__ import annotations

import pytest

from core import sandbox
from core.critics import REGISTRY
from core.critics.base import CriticInput, ReferenceInput
from core.steps import split
from core.types import Question, StepLabel
from tests.conftest import missing


def case(answer: str, tests: str) -> ReferenceInput:
    return ReferenceInput(Question("Double a number."), answer, tuple(split(answer)), (), tests)


@pytest.fixture(autouse=True)
def _can_be_locked_down() -> None:
    if why := sandbox.missing():
        missing(why)


def test_code_meets_the_tests_of_its_item() -> None:
    answer = "We double it.\n\n```python\ndef double(x):\n    return x + x\n```"
    critic = REGISTRY.make("reference_tests")
    good, bad, none = critic.critique(
        [
            case(answer, "assert double(2) == 4\nassert double(0) == 0"),
            case(answer, "assert double(2) == 5"),
            case(answer, ""),
        ]
    )
    assert [(c.label, c.explanation) for c in good] == [(StepLabel.RIGHT, "All 2 tests pass.")]
    assert [c.label for c in bad] == [StepLabel.WRONG]
    assert bad[0].explanation == "Test 1 fails: assert double(2) == 5 (AssertionError)."
    step = split(answer)[bad[0].step_index]
    assert "def double" in step.text
    assert none == []


def test_no_tests_no_run() -> None:
    answer = "x = 1"
    assert REGISTRY.make("reference_tests").critique([CriticInput(Question("?"), answer, tuple(split(answer)))]) == [[]]
