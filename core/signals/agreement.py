"""Votes by how many resampled answers end in the same final answer (POLAR, paper 1, as a source; self-consistency).

Label items: votes for the label that most samples gave. Reasoning: acceptable when at least half of the samples that have a final
answer agree, as exact numbers or as text. Free texts rarely match to the letter: there, one that is equal or whose embedding is
near counts as the same (cosine .8), faulty only when most are far away (below .5); in between, and without vectors, it abstains. Of
transcripts the recogniser's hypotheses are what must agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core import nbest
from core.answers import final_answer
from core.equality import same
from core.signals.base import REGISTRY, SignalInput
from core.types import ItemType, Verdict, Vote

NEAR, FAR = 0.8, 0.5  # cosines of answers that say the same, and of answers that do not


@REGISTRY.register("agreement")
class AgreementSignal:
    name = "agreement"

    def vote(self, x: SignalInput) -> Vote:
        if x.question.item_type is ItemType.ASR_TRANSCRIPT:
            return self._transcript(x)
        if not x.resampled:
            return Vote(self.name, evidence="No further answers were drawn.")
        if x.question.item_type is ItemType.LABEL:
            return self._label(x)
        if x.question.item_type is ItemType.TEXT:
            return self._text(x)
        return self._answer(final_answer(x.answer), [a for a in map(final_answer, x.resampled) if a is not None])

    def _transcript(self, x: SignalInput) -> Vote:
        """The recogniser's other hypotheses are its further answers. On public transcripts a fifth to a quarter of those without
        a disputed word are wrong, and more than half of those with two."""
        others = x.question.hypotheses[1:]
        if not others:
            return Vote(self.name, evidence="There are no further hypotheses.")
        disputed = [cell.text.strip() for cell in nbest.cells(x.answer, others) if cell.share >= 0.5]
        details = {"disputed": len(disputed)}
        if not disputed:
            said = f"No word is disputed by half of {len(others)} further hypotheses."
            return Vote(self.name, Verdict.ACCEPTABLE, evidence=said, details=details)
        said = f'Half of {len(others)} further hypotheses have something else for "{", ".join(disputed)[:80]}".'
        return Vote(self.name, Verdict.FAULTY if len(disputed) > 1 else None, evidence=said, details=details)

    def _label(self, x: SignalInput) -> Vote:
        known = {label.casefold(): label for label in x.question.labels}
        votes = Counter(known[text.strip().casefold()] for text in x.resampled if text.strip().casefold() in known)
        if not votes:
            return Vote(self.name, evidence="No further answer was one of the labels.")
        label, count = votes.most_common(1)[0]
        if count * 2 <= votes.total():
            return Vote(self.name, evidence="The further answers are split.")
        return Vote(self.name, label=label, evidence=f'{count} of {votes.total()} further answers say "{label}".')

    def _answer(self, own: str | None, others: Sequence[str]) -> Vote:
        if own is None or not others:
            return Vote(self.name, evidence="No final answer was found to compare.")
        agreeing = sum(same(own, other) for other in others)
        said = f'{agreeing} of {len(others)} further answers also end in "{own[:80]}"'
        if 2 * agreeing >= len(others):
            return Vote(self.name, Verdict.ACCEPTABLE, evidence=f"{said}.")
        other = next(o for o in others if not same(own, o))
        return Vote(self.name, Verdict.FAULTY, evidence=f'{said}; one says "{other[:80]}".')

    def _text(self, x: SignalInput) -> Vote:
        cosines = _cosines(x)
        if cosines is None:
            return Vote(self.name, evidence="Free texts are compared by their embeddings, and there are none.")
        near, far, n = sum(c >= NEAR for c in cosines), sum(c < FAR for c in cosines), len(cosines)
        details = {"cosines": [round(c, 3) for c in cosines]}
        mean = f"mean similarity {sum(cosines) / n:.2f}"
        if 2 * near >= n:
            said = f"{near} of {n} further answers say nearly the same ({mean})."
            return Vote(self.name, Verdict.ACCEPTABLE, evidence=said, details=details)
        if 2 * far > n:
            other = x.resampled[min(range(n), key=cosines.__getitem__)]
            said = f'{far} of {n} further answers say something else ({mean}); one begins "{" ".join(other[:80].split())}".'
            return Vote(self.name, Verdict.FAULTY, evidence=said, details=details)
        return Vote(self.name, evidence=f"The further answers are neither near nor far ({mean}).", details=details)


def _cosines(x: SignalInput) -> list[float] | None:
    """Of each further answer with this one; texts that are equal need no vectors."""
    own = " ".join(x.answer.split())
    equal = [" ".join(text.split()) == own for text in x.resampled]
    if all(equal):
        return [1.0] * len(equal)
    if not x.vector or len(x.resampled_vectors) != len(x.resampled):
        return None
    return [
        1.0 if is_equal else sum(a * b for a, b in zip(x.vector, vector, strict=True))
        for is_equal, vector in zip(equal, x.resampled_vectors, strict=True)
    ]
