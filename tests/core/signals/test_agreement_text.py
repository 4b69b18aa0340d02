from __future__ import annotations

import math

from core.signals import REGISTRY
from core.types import ItemType, Question, Verdict, Vote
from tests.core.signals.test_signals import seen

FREE = Question("Say it.", item_type=ItemType.TEXT)


def at(cosine: float) -> tuple[float, float]:
    """A unit vector at that cosine from (1, 0)."""
    return (cosine, math.sqrt(1 - cosine * cosine))


def said(*cosines: float, texts: tuple[str, ...] = ()) -> Vote:
    others = texts or tuple(f"Other {n}" for n in range(len(cosines)))
    x = seen("A text.", question=FREE, resampled=others, vector=(1.0, 0.0), resampled_vectors=tuple(map(at, cosines)))
    return REGISTRY.make("agreement").vote(x)


def test_free_texts_agree_when_half_of_them_are_near() -> None:
    near = said(0.9, 0.4)
    assert near.verdict is Verdict.ACCEPTABLE
    assert near.evidence == "1 of 2 further answers say nearly the same (mean similarity 0.65)."


def test_they_differ_when_most_are_far_and_are_left_alone_in_between() -> None:
    far = said(0.1, 0.3, 0.7)
    assert far.verdict is Verdict.FAULTY and 'one begins "Other 0"' in far.evidence
    assert said(0.6, 0.7).abstains and said(0.3, 0.7).abstains


def test_equal_texts_need_no_vectors_and_others_do() -> None:
    same = seen("A  text.", question=FREE, resampled=("A text.", "A text. "))
    assert REGISTRY.make("agreement").vote(same).verdict is Verdict.ACCEPTABLE
    unknown = REGISTRY.make("agreement").vote(seen("A text.", question=FREE, resampled=("A text.", "Another.")))
    assert unknown.abstains and "there are none" in unknown.evidence
    assert said(0.0, 0.9, texts=("A text.", "B")).verdict is Verdict.ACCEPTABLE


def test_the_hypotheses_of_a_transcript_are_what_must_agree() -> None:
    def heard(*others: str) -> Vote:
        best = "then gunner rode home"
        question = Question(best, item_type=ItemType.ASR_TRANSCRIPT, hypotheses=(best, *others))
        return REGISTRY.make("agreement").vote(seen(best, question=question))

    two = heard("then Gunnar road home", "then gunnar road home")
    assert two.verdict is Verdict.FAULTY and '"gunner, rode"' in two.evidence and two.details == {"disputed": 2}
    assert heard("then Gunnar rode home").verdict is None, "one disputed word is wrong about every other time"
    assert heard("then gunner rode home", "then gunner rode home", "a gunner").verdict is Verdict.ACCEPTABLE
    assert heard().abstains
