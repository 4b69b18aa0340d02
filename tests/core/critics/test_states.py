from core.critics import REGISTRY
from core.evaluation.steps import StepRow
from core.types import StepLabel


def test_a_state_that_does_not_follow_is_wrong_and_one_that_follows_is_right() -> None:
    texts = (
        "At the start: Ann: red, Bob: green.",
        "Ann and Bob swap: Ann: green, Bob: red.",
        "Ann and Bob swap: Ann: red, Bob: red.",
        "So the answer is red.",
    )
    found = REGISTRY.make("states").critique([StepRow("1", "Who has red?", texts, None, True).given()])[0]
    assert [(c.step_index, c.label) for c in found] == [(1, StepLabel.RIGHT), (2, StepLabel.WRONG)]
    assert found[1].error_type == "wrong_earlier_value"
    assert found[1].explanation == "From the state before this does not follow: Bob."


def test_nothing_is_said_of_steps_without_states() -> None:
    assert REGISTRY.make("states").critique([StepRow("1", "2 + 3?", ("2 + 3 = 6",), None, True).given()]) == [[]]
