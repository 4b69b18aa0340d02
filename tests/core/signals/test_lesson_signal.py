from __future__ import annotations

import pytest

from core.lessons.entities import Entity, as_draft
from core.signals import REGISTRY
from core.types import LessonKind, LessonText, Verdict, Vote
from tests.core.signals.test_signals import seen


def said(answer: str, *texts: str) -> Vote:
    lessons = tuple(LessonText(n, LessonKind.RULE, text, "sums") for n, text in enumerate(texts, start=1))
    return REGISTRY.make("lesson").vote(seen(answer, lessons=lessons))


@pytest.mark.parametrize(
    ("lesson", "violates", "keeps", "undecided"),
    [
        ("Round the answer to two decimals.", "Answer: 3.142", "Answer: 3.14", "Answer: 3"),
        ("Give the answer in km.", "Answer: 12 m", "Answer: 12 kilometres", "Answer: 12"),
        ("Give the answer in dollars.", "Answer: 12 euros", "Answer: $12", "Answer: 12 apples"),
        ("Answer in at most five words.", "this has six words in it", "five words are just fine", None),
        ("Use 3.14 for pi.", "With pi = 3.1416 it is 9", "With pi = 3.14 it is 9", "With 3.14 it is 9"),
        ("Never say 'obviously'.", "It is obviously 9", None, "It is 9"),
        ("Always end with 'Done.'.", "It is 9", "It is 9. Done.", None),
        ("Check the units before you add.", None, None, "It is 9"),
    ],
)
def test_what_can_be_seen_is_judged_and_the_rest_is_left(
    lesson: str, violates: str | None, keeps: str | None, undecided: str | None
) -> None:
    for answer, verdict in ((violates, Verdict.FAULTY), (keeps, Verdict.ACCEPTABLE), (undecided, None)):
        if answer is not None:
            vote = said(answer, lesson)
            assert vote.verdict is verdict and vote.evidence, vote


def test_one_violation_outweighs_what_is_kept_and_names_step_and_lesson() -> None:
    vote = said(
        "1. We add.\n2. Obviously.\nAnswer: 3.14", "Round the answer to two decimals.", "Never say 'obviously'."
    )
    assert (vote.verdict, vote.step_index, vote.details) == (Verdict.FAULTY, 1, {"kept": [1], "violated": [2]})
    assert vote.evidence == 'The lesson "Never say \'obviously\'." is not kept: the answer says "Obviously".'
    assert said("9").evidence == "No lesson applies."


def test_a_name_that_was_put_right_before_speaks_against_its_wrong_form_alone() -> None:
    def heard(answer: str, wrong: str = "gunner", right: str = "Gunnar") -> Vote:
        draft = as_draft(Entity(wrong, right), ())
        lesson = LessonText(4, LessonKind.ENTITY, draft.text, draft.applicability, name=draft.name)
        return REGISTRY.make("lesson").vote(seen(answer, lessons=(lesson,)))

    against = heard("then gunner rode home")
    assert against.verdict is Verdict.FAULTY and "gunner" in against.evidence and against.details["violated"] == [4]
    assert heard("then Gunnar rode home").verdict is None and heard("Gunnar was a gunner").verdict is None
    assert heard("it is on time", "on", "in").verdict is None, "a function word that was wrong once"
