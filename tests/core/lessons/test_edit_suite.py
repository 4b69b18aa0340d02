"""The edit suite of a lesson, made without a model: paraphrases that differ, a near miss in another task."""

from __future__ import annotations

import pytest

from core.lessons.edit_suite import (
    Made,
    Probe,
    ProbeKind,
    changed_task,
    other_values,
    other_words,
    paraphrases,
    question_first,
    suite,
    told_apart,
)

SUM = "Ann has 12 apples. She buys 30 more, and gives Ben 7. How many apples does Ann have?"


def test_paraphrases_differ_from_the_text_and_from_each_other_and_are_the_same_every_time() -> None:
    made = paraphrases(SUM)
    assert len({SUM, *(text for text, _ in made)}) == 3 and made == paraphrases(SUM)
    (first, same_first), (second, same_second) = made
    assert not same_first and same_second, "the first has other values, and so another answer"
    assert "Ann" not in first and "12" not in first and "Ann" in second and "12" in second


@pytest.mark.parametrize(
    "text", ["x", "Why?", "7", "ok ok", "The quick brown fox", "Ünïcode über alles", "{braces} {}"]
)
def test_even_a_short_text_gets_two(text: str) -> None:
    made = [one for one, _ in paraphrases(text)]
    assert len({text, *made}) == 3


def test_an_empty_text_has_none() -> None:
    assert paraphrases("  ") == []
    with pytest.raises(ValueError, match="says something"):
        suite(Probe(ProbeKind.CANONICAL, " ", Made.SOURCE), [], [])


def test_values_are_swapped_alike_wherever_they_stand_and_counts_stay() -> None:
    turned = other_values("Give 2 decimals. Ann saw Ben, and Ben saw Ann at 14.50 with 14.50 euros.", 3)
    assert "2 decimals" in turned and turned.startswith("Give ")
    words = turned.split(". ", 1)[1].replace(",", "").split()
    assert words[0] == words[6] and words[2] == words[4] and words[0] != words[2]
    assert words[8] == words[10] != "14.50" and len(words[8]) == 5


def test_words_and_order() -> None:
    assert other_words("Find the total. Please find it.") == "Determine the overall. Please determine it."
    assert question_first("It is 3. It was 4. What is it?") == "What is it? It is 3. It was 4."
    assert question_first("What is it?") == "What is it?"


def test_a_near_miss_keeps_the_topic_and_changes_the_task() -> None:
    said = changed_task(SUM)
    assert "apples" in said and "How many" not in said and "12" not in said


def test_linked_items_come_before_rewordings_and_a_real_negative_before_a_near_miss() -> None:
    own = Probe(ProbeKind.CANONICAL, SUM, Made.SOURCE, answer="35")
    alone = suite(own, [], [])
    assert [probe.made for probe in alone] == [Made.SOURCE, Made.REWORDED, Made.REWORDED, Made.CHANGED_TASK]
    assert [probe.answer for probe in alone] == ["35", None, "35", None]
    linked = Probe(ProbeKind.PARAPHRASE, "another", Made.LINKED, item_id=3)
    far = Probe(ProbeKind.NEGATIVE, "a poem", Made.VOTED, item_id=4)
    assert [probe.made for probe in suite(own, [linked], [far])] == [
        Made.SOURCE,
        Made.LINKED,
        Made.REWORDED,
        Made.VOTED,
    ]
    assert [probe.made for probe in suite(own, [linked, linked], [far])][1:3] == [Made.LINKED, Made.LINKED]


def test_what_a_model_said_must_be_another_question_that_is_near() -> None:
    said = ["what is 3 + 4 ?", "The answer is 7.", "Say 3 + 4, what is it?", "Say 3 + 4: what is it?", "Who?", ""]
    assert told_apart("What is 3 + 4?", said, [1.0, 0.9, 0.8, 0.8, 0.2, 0.0]) == ["Say 3 + 4, what is it?"]
    assert told_apart("Add 3 and 4.", ["Sum 3 and 4."], [0.9]) == ["Sum 3 and 4."]
