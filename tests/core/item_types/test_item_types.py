from __future__ import annotations

import pytest

from core.item_types import REGISTRY
from core.item_types.asr_transcript import hypotheses_of
from core.types import ItemType, LessonKind, LessonText, Question, StepKind

LESSON = LessonText(1, LessonKind.RULE, "Convert all lengths to metres.", "lengths in several units", 0.8)


def test_there_is_one_for_each_kind_of_item() -> None:
    assert set(REGISTRY.names()) == {kind.value for kind in ItemType}


@pytest.mark.parametrize("name", ["label", "reasoning", "text"])
def test_lessons_reach_the_prompt_and_are_reported(name: str) -> None:
    question = Question("How long is it?", context="A rope.", guidelines="Be brief.", labels=("long", "short"))
    messages, kept = REGISTRY.make(name).messages(question, [LESSON], 200)
    text = "\n".join(m.content for m in messages)
    assert kept == [LESSON]
    assert messages[-1].role == "user"
    for part in ("How long is it?", "A rope.", "Be brief.", "Convert all lengths to metres."):
        assert part in text
    assert REGISTRY.make(name).messages(question, [LESSON], 0)[1] == []


def test_what_each_asks_for() -> None:
    reasoning = REGISTRY.make("reasoning").messages(Question("?"), [], 0)[0][0].content
    assert "numbered steps" in reasoning
    assert '"Answer: "' in reasoning
    label = REGISTRY.make("label").messages(Question("?", labels=("spam", "{ham}")), [], 0)[0][0].content
    assert "spam, {ham}" in label


def test_same_answer() -> None:
    reasoning, label, text = (REGISTRY.make(name).same_answer for name in ("reasoning", "label", "text"))
    assert reasoning("1. a\nAnswer: 3", "so it is\n#### 3.0")
    assert not reasoning("We cannot know, 3 or 4 or so", "We cannot know, 3 or 4 or so")
    assert label("Spam", " spam ")
    assert not label("", "")
    assert text("A  text.\n", "A text.")
    assert not text("A text.", "a text")


def test_a_label_is_one_step() -> None:
    steps = REGISTRY.make("label").split("  two words ")
    assert [(s.text, s.start, s.end, s.kind) for s in steps] == [("two words", 2, 11, StepKind.ANSWER)]
    assert REGISTRY.make("label").split(" ") == []
    assert len(REGISTRY.make("reasoning").split("1. a\n2. b")) == 2
    assert len(REGISTRY.make("text").split("One. Two.")) == 2


def test_a_transcript_shows_the_other_hypotheses_once_each() -> None:
    spec = REGISTRY.make("asr_transcript")
    heard = hypotheses_of(" a gunner ", {"hypotheses": ["a gunner", {"text": "a  gunnar"}, "a gunnar", 7, ""]})
    assert heard == ("a gunner", "a gunnar", "a gunnar"), "how many agree is told by repeats"
    assert hypotheses_of("a gunner!", {"nbest": ["a gunner"]}) == ("a gunner!", "a gunner")
    assert hypotheses_of("a", {"hypotheses": "a"}) == ("a",) == hypotheses_of("a", None)
    messages, _ = spec.messages(Question("a gunner", hypotheses=heard), [], 0)
    assert messages[-1].content == "Other hypotheses of the recogniser:\n- a gunnar\n\na gunner"
    assert spec.messages(Question("a gunner"), [], 0)[0][-1].content == "a gunner"
    assert spec.same_answer("Well, a man.", "well a man") and not spec.same_answer("a", "b")
    assert not spec.same_answer("", "") and [s.kind for s in spec.split(" a b ")] == [StepKind.ANSWER]
