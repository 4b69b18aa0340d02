"""Audits a judge that compares two answers: it is asked in both orders, and simple rules say what may have swayed it (RBD, paper 16).

Position: the slot is kept when the order is swapped. Length: the longer answer is chosen. Majority: what most people are said to
prefer is chosen. Tone: the answer in the kinder words is chosen. The rules are a screen with high recall and many false alarms,
no finding: a good answer may well be the longer one. ``settle`` is the paper's pipeline: only a verdict that was flagged is asked
for again, with the audit as advice; any other is handed through untouched. Different from the paper: no detector is trained.

Answers are "1" and "2" in the original order, whatever order they were shown in; ``None`` is a reply that nobody can read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from re import findall
from typing import Any, Literal, get_args

Chip = Literal["position-sensitive", "length-driven", "followed-majority", "tone-driven"]
CHIPS: tuple[Chip, ...] = get_args(Chip)
OTHER = {"1": "2", "2": "1"}

# Words that praise or blame without saying anything of the matter. Short and plain on purpose: people can read the whole rule.
KIND = frozenset(
    findall(
        r"\w+",
        """amazing beautiful best better brilliant delightful easily excellent exciting fantastic good great happily happy ideal
    impressive joy love lovely outstanding perfect perfectly pleasant positive remarkable splendid stunning superb vibrant warm
    welcoming wonderful wonderfully""",
    )
)
UNKIND = frozenset(
    findall(
        r"\w+",
        """annoying awful bad badly bleak boring broken cold confusing cruel dark depressing difficult dismal disappointing dreadful
    dull failure frustrating grim harsh hopeless horrible hostile mediocre miserable negative pathetic poor sad sadly terrible ugly
    unfortunate unfortunately unpleasant useless wasteful worse worst""",
    )
)

SAYS: Mapping[str, str] = {
    "position-sensitive": "it kept the place and not the answer when the two were swapped",
    "length-driven": "it chose the longer answer",
    "followed-majority": "it chose what it was told that most people prefer",
    "tone-driven": "it chose the answer in kinder words",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One pair judged in both orders: ``first`` is the winner when answer 1 stood first, ``swapped`` when answer 2 did.

    ``texts`` are the two answers, ``majority`` is the one that the prompt said most people prefer, if it said so.
    """

    first: str | None
    swapped: str | None
    texts: tuple[str, str] = ("", "")
    majority: str | None = None
    judge: str = ""

    @property
    def verdict(self) -> str | None:
        """The answer that won in both orders, if one did."""
        return self.first if self.first == self.swapped else None

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Those that can be read."""
        return tuple(one for one in (self.first, self.swapped) if one in OTHER)


@dataclass(frozen=True, slots=True)
class Audit:
    """The chips of a judgement, in the order of ``CHIPS``."""

    chips: tuple[Chip, ...] = ()

    @property
    def flagged(self) -> bool:
        """The paper's "Yes"."""
        return bool(self.chips)

    @property
    def says(self) -> str:
        """A sentence for people; empty when nothing was found."""
        return f"Possible bias: {'; '.join(SAYS[chip] for chip in self.chips)}." if self.chips else ""

    @property
    def advice(self) -> str:
        """The same for the judge, who may insist."""
        return f"{self.says} This note is advice: keep your verdict if it stands on the content." if self.chips else ""


@dataclass(frozen=True, slots=True)
class Settled:
    """A judgement after the pipeline; ``before`` is the one that was flagged and asked for again, if it was."""

    judgement: Judgement
    audit: Audit
    before: Judgement | None = None
    first_audit: Audit = field(default_factory=Audit)


@dataclass(frozen=True, slots=True)
class OrderFigures:
    """LLMBar's counts over n judged pairs: ``equal`` are order agreements, ``correct_both`` the paper's Consistency.

    ``table`` counts (first order right, swapped order right) as TT, TF, FT, FF and sums to n. What cannot be read is wrong; twice
    unreadable counts as equal, as LLMBar counts it.
    """

    n: int
    equal: int
    correct_first: int
    correct_swapped: int
    unreadable: int
    table: Mapping[str, int]

    @property
    def correct_both(self) -> int:
        return self.table["TT"]


def slot_kept(judgement: Judgement) -> bool:
    """Whether the same place won in both orders, and so a different answer each time."""
    return len(judgement.verdicts) == 2 and judgement.first != judgement.swapped


def audit(judgement: Judgement) -> Audit:
    """What may have swayed the judge. Length, majority and tone are said only where every readable verdict follows them."""
    chosen = set(judgement.verdicts)
    found: list[Chip] = ["position-sensitive"] if slot_kept(judgement) else []
    if len(chosen) == 1:
        (winner,) = chosen
        followed = {
            "length-driven": longer(judgement.texts),
            "followed-majority": judgement.majority,
            "tone-driven": kinder(judgement.texts),
        }
        found += [chip for chip in CHIPS if followed.get(chip) == winner]
    return Audit(tuple(found))


def longer(texts: tuple[str, str]) -> str | None:
    """The longer answer by characters without outer blanks; ``None`` for a draw."""
    return _larger(*(len(text.strip()) for text in texts))


def kinder(texts: tuple[str, str]) -> str | None:
    """The answer with the larger surplus of ``KIND`` over ``UNKIND`` words; ``None`` for a draw."""
    return _larger(*(tone(text) for text in texts))


def tone(text: str) -> int:
    """Kind words minus unkind words."""
    words = findall(r"[a-z']+", text.lower())
    return sum((word in KIND) - (word in UNKIND) for word in words)


def _larger(one: int, two: int) -> str | None:
    return None if one == two else "1" if one > two else "2"


def order_figures(judgements: Sequence[Judgement], gold: Sequence[str]) -> OrderFigures:
    """Counts of judgements against the right answers, "1" or "2" each."""
    table = dict.fromkeys(("TT", "TF", "FT", "FF"), 0)
    for one, right in zip(judgements, gold, strict=True):
        table["FT"[one.first == right] + "FT"[one.swapped == right]] += 1
    return OrderFigures(
        n=len(judgements),
        equal=sum(one.first == one.swapped for one in judgements),
        correct_first=table["TT"] + table["TF"],
        correct_swapped=table["TT"] + table["FT"],
        unreadable=sum(2 - len(one.verdicts) for one in judgements),
        table=table,
    )


def majority(judgements: Sequence[Judgement], *, consistent_only: bool = False) -> str | None:
    """What most judges say of one pair in the first order, a draw going to what was said first; ``None`` when none can be read.

    ``consistent_only`` counts only judges that say the same in both orders.
    """
    said = [one.first for one in judgements if one.first in OTHER and (not consistent_only or one.verdict)]
    return Counter(said).most_common(1)[0][0] if said else None


def settle(judgement: Judgement, again: Callable[[str], Judgement]) -> Settled:
    """Keep a verdict that the audit does not flag, byte for byte; ask once more for any other, with the audit as advice."""
    found = audit(judgement)
    if not found.flagged:
        return Settled(judgement, found)
    second = again(found.advice)
    return Settled(second, audit(second), judgement, found)


def details(settled: Settled) -> dict[str, Any]:
    """JSON for a vote: chips, both verdicts, and, where the judge was asked again, what it had said before."""
    found: dict[str, Any] = {
        "judge": settled.judgement.judge,
        "chips": list(settled.audit.chips),
        "orders": [settled.judgement.first, settled.judgement.swapped],
        "longer": longer(settled.judgement.texts),
    }
    if settled.before is not None:
        before = [settled.before.first, settled.before.swapped]
        found["before"] = {"chips": list(settled.first_audit.chips), "orders": before}
    return found
