from __future__ import annotations

import time

import pytest

from core.signals import REGISTRY
from core.signals.base import Signal, SignalInput, cast
from core.signals.rules import rule_signal
from core.steps import split
from core.types import ItemType, Question, TokenLogprob, Verdict, Vote


def seen(answer: str, prompt: str = "17 boxes of 28", **more: object) -> SignalInput:
    question = more.pop("question", Question(prompt))
    return SignalInput(question=question, answer=answer, steps=tuple(split(answer)), **more)  # type: ignore[arg-type]


def vote(name: str, x: SignalInput) -> Vote:
    return REGISTRY.make(name).vote(x)


def pattern_rule(name: str, pattern: str, field: str, says: str, evidence: str = "") -> Signal:
    return rule_signal("pattern", name, {"pattern": pattern}, field=field, says=says, evidence=evidence)


def test_arithmetic_names_the_step_and_the_right_result() -> None:
    said = vote("arithmetic", seen("1. 2 + 2 = 4\n2. 12 * 4 = 46\n3. 3 * 3 = 8"))
    assert (said.verdict, said.step_index) == (Verdict.FAULTY, 1)
    assert said.evidence == "Step 2: 12 × 4 is 48, not 46. (1 more like it.)"


def test_arithmetic_that_holds_and_nothing_to_check() -> None:
    assert vote("arithmetic", seen("2 + 2 = 4 and 3 * 3 = 9")).evidence == "All 2 calculations hold."
    assert vote("arithmetic", seen("Because it is so.")).abstains


def test_provenance_reads_prompt_context_and_guidelines() -> None:
    assert vote("provenance", seen("17 * 28 = 476")).verdict is Verdict.ACCEPTABLE
    assert vote("provenance", seen("17 * 29 = 493")).evidence.startswith("Step 1: The number 29 is neither")
    assert vote("provenance", seen("29", question=Question("?", context="29"))).verdict is Verdict.ACCEPTABLE
    assert vote("provenance", seen("no number")).abstains


def test_agreement_counts_the_same_final_answer() -> None:
    agree = vote("agreement", seen("Answer: 48", resampled=("A: 48.0", "so\n#### 48", "A: 46")))
    assert (agree.verdict, agree.evidence) == (Verdict.ACCEPTABLE, '2 of 3 further answers also end in "48".')
    differ = vote("agreement", seen("Answer: 48", resampled=("A: 46", "A: 47")))
    assert (differ.verdict, differ.evidence) == (
        Verdict.FAULTY,
        '0 of 2 further answers also end in "48"; one says "46".',
    )


@pytest.mark.parametrize(
    "x",
    [
        seen("Answer: 48"),
        seen("We do not know, it could be 3 or 4", resampled=("A: 3",)),
        seen("A text.", resampled=("A word.",), question=Question("?", item_type=ItemType.TEXT)),
        seen("spam", resampled=("dog",), question=Question("?", item_type=ItemType.LABEL, labels=("spam", "ham"))),
        seen(
            "spam", resampled=("spam", "ham"), question=Question("?", item_type=ItemType.LABEL, labels=("spam", "ham"))
        ),
    ],
)
def test_agreement_abstains(x: SignalInput) -> None:
    said = vote("agreement", x)
    assert said.abstains
    assert said.evidence


def test_agreement_on_labels_votes_for_a_label() -> None:
    question = Question("?", item_type=ItemType.LABEL, labels=("Spam", "Ham"))
    said = vote("agreement", seen("Spam", resampled=("ham", "Ham", "spam"), question=question, label="Spam"))
    assert (said.label, said.verdict, said.evidence) == ("Ham", None, '2 of 3 further answers say "Ham".')


def test_logprob_votes_by_thirds_and_abstains_below_ten() -> None:
    others = tuple(-0.1 * k for k in range(1, 13))

    def of(value: float, project: tuple[float, ...] = others) -> Vote:
        return vote("logprob", seen("x", tokens=(TokenLogprob("x", value),), project_logprobs=project))

    assert of(-2.0).verdict is Verdict.FAULTY
    assert of(-0.01).verdict is Verdict.ACCEPTABLE
    assert of(-0.65).abstains
    assert of(-2.0, others[:9]).abstains
    assert of(-0.5, (-0.5,) * 20).abstains
    assert vote("logprob", seen("x", project_logprobs=others)).abstains


def test_pattern_votes_a_verdict_or_a_label_and_quotes_the_place() -> None:
    rule = pattern_rule("no_guess", r"(?i)i guess \w+", "answer", "faulty", "Answers must not guess")
    said = rule.vote(seen("2 + 2 = 4\nI guess so, it is 4"))
    assert (said.source, said.verdict, said.step_index) == ("no_guess", Verdict.FAULTY, 1)
    assert said.evidence == 'Answers must not guess (found "I guess so" in the answer).'
    assert rule.vote(seen("It is 4")).abstains
    labelled = Question("check out http://a", item_type=ItemType.LABEL, labels=("spam", "ham"))
    assert pattern_rule("link", "http", "prompt", "spam").vote(seen("ham", question=labelled)).label == "spam"


def test_a_label_that_is_not_the_projects_is_an_error_that_people_see() -> None:
    labelled = Question("http", item_type=ItemType.LABEL, labels=("spam", "ham"))
    said = cast(pattern_rule("link", "http", "prompt", "Spam!"), seen("ham", question=labelled))
    assert said.abstains
    assert "'Spam!' is not a label" in said.error


@pytest.mark.parametrize("pattern", ["(", "a{2000}b{2000}(", r"(?=x)", r"(a)\1", "", "a" * 1001])
def test_a_pattern_that_cannot_be_used_says_why(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be used|1 to 1000"):
        pattern_rule("r", pattern, "answer", "faulty")


def test_field_and_meaning_are_checked() -> None:
    with pytest.raises(ValueError, match="where the rule looks"):
        pattern_rule("r", "a", "reference", "faulty")
    with pytest.raises(ValueError, match="what it means"):
        pattern_rule("r", "a", "answer", " ")


def test_a_catastrophic_pattern_is_linear_and_the_text_is_cut() -> None:
    rule = pattern_rule("r", "(a+)+$", "answer", "faulty")
    started = time.process_time()
    assert rule.vote(seen("a" * 99_990 + "b" * 100)).abstains
    assert time.process_time() - started < 2
    assert pattern_rule("r", "z", "answer", "faulty").vote(SignalInput(Question(""), "a" * 100_000 + "z", ())).abstains
