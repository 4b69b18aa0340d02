"""How an answer's calculations use the quantities of its question, as sparse named counts: what ``history_operations`` learns from.

Each number of a calculation is linked to a quantity of the question, to an earlier result, to a usual constant, or to nothing. The
counts say which operation joins which kinds of number, with the words that stand beside them in the question; which quantities are
left over or used twice; which results lead nowhere. Words are counted, never run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.checkers.arithmetic import equations
from core.number_words import CARDINALS

LEXICAL = ("asked_word", "after", "before", "again_after", "unused_after", "unused_before")  # traits that name words
MAX_TEXT, MAX_STEPS, MAX_PIECES, MAX_QUANTITIES = 8_000, 40, 40, 60
SAME = 1e-6

_WORDS = {"half": 0.5, "third": 1 / 3, "thirds": 1 / 3, "quarter": 0.25, "quarters": 0.25, "fifth": 0.2, "tenth": 0.1} | {
    "twice": 2.0, "double": 2.0, "doubled": 2.0, "triple": 3.0, "tripled": 3.0, "thrice": 3.0, "dozen": 12.0, "once": 1.0, "both": 2.0,
}  # fmt: skip
_SPOKEN = {word: float(value) for word, value in CARDINALS.items() if value <= 12} | _WORDS
_FRACTIONS = frozenset(word for word, value in _WORDS.items() if value < 1)
_CONSTANTS = (1, 2, 3, 4, 7, 10, 12, 24, 30, 52, 60, 100, 365, 1000, 0.5, 0.25, 0.1, 0.01)
_CUES = {
    "each": r"\b(?:each|every|per|apiece)\b",
    "more": r"\bmore\b",
    "less": r"\b(?:less|fewer)\b",
    "than": r"\bthan\b",
    "times": r"\b(?:times|twice|double|triple)\b",
    "left": r"\b(?:left|remain\w*|rest)\b",
    "total": r"\b(?:total|altogether|combined|in all)\b",
    "percent": r"%|\bper ?cent",
    "fraction": r"\b(?:half|third|quarter|fifth)\b|/",
    "of": r"\bof\b",
    "if": r"\bif\b",
    "gives": r"\b(?:gave|gives|lost|sold|spent|used|ate|eats|took)\b",
    "gets": r"\b(?:bought|buys|got|gets|found|added|received|has|had)\b",
    "age": r"\b(?:old|age|ago)\b",
    "time": r"\b(?:day|week|month|year|hour|minute)s?\b",
    "how": r"\bhow (?:many|much|long|far|old)\b",
    "average": r"\baverage\b",
    "shared": r"\b(?:split|divide[sd]?|share[sd]?|equally)\b",
    "cost": r"\$|\b(?:cost|price|pay)s?\b",
}
_CUE = {name: re.compile(pattern, re.I) for name, pattern in _CUES.items()}
_PIECE = re.compile(r"\d[\d,]*\.?\d*%?|\.\d+%?|[-+*/()]")
_IN_QUESTION = re.compile(r"\$?\d[\d,]*\.?\d*%?|\.\d+|[^\W\d_]+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of the question: its value, the words beside it, and what its sentence speaks of."""

    value: float
    percent: bool
    money: bool
    word: str  # as spelled when it is no numeral
    before: tuple[str, ...]
    after: tuple[str, ...]
    sentence: int
    place: int
    cues: tuple[str, ...]

    def values(self) -> tuple[float, ...]:
        """What a calculation may write for it: "20 %" is 20, .2, .8, 1.2 and 80; "a third" is 1/3 and 3."""
        share = self.value / 100
        found: tuple[float, ...] = (self.value, share) if share < 1 else (self.value,)
        if self.percent:
            found += (1 - share, 1 + share, 100 - self.value)
        return (*found, 1 / self.value) if self.word in _FRACTIONS else found


@dataclass(frozen=True, slots=True)
class Question:
    quantities: tuple[Quantity, ...]
    asked: tuple[str, ...]  # cues of the sentence with the last question mark
    asked_words: tuple[str, ...]
    last: int  # the last sentence


@dataclass(frozen=True, slots=True)
class Calculation:
    """``pieces`` are numerals, ``+ - * /`` and brackets in their order; ``result`` is what the answer says they make."""

    pieces: tuple[str, ...]
    result: float


@dataclass(frozen=True, slots=True)
class _Operand:
    kind: str  # Q of the question, R an earlier result, C a constant, U unknown
    index: int
    value: float


def read_question(text: str) -> Question:
    sentences = re.split(r"(?<=[.?!])\s+", text[:MAX_TEXT].strip())
    found: list[Quantity] = []
    for number, sentence in enumerate(sentences):
        found += _quantities(sentence, number)
    asked = next((s for s in reversed(sentences) if "?" in s), sentences[-1])
    words = tuple(_stem(word) for word in re.findall(r"[^\W\d_]+", asked)[:12])
    return Question(tuple(found[:MAX_QUANTITIES]), _cues(asked), words, len(sentences) - 1)


def read_calculations(answer: str) -> list[Calculation]:
    """The calculations of an answer in their order: its annotations where it has some, else those in its prose."""
    found = equations(answer[:MAX_TEXT])
    chosen = [e for e in found if e.annotated] or found
    steps = [
        Calculation(tuple(_PIECE.findall(_times(e.left)))[:MAX_PIECES], float(e.stated)) for e in chosen[:MAX_STEPS]
    ]
    return [step for step in steps if any(is_numeral(piece) for piece in step.pieces)]


def is_numeral(piece: str) -> bool:
    return piece[0].isdigit() or piece[0] == "."


def numeral_value(piece: str) -> float:
    return float(piece.rstrip("%").replace(",", "") or 0)


def near(a: float, b: float) -> bool:
    return abs(a - b) <= SAME * max(1.0, abs(a), abs(b))


def traits(question: Question, steps: Sequence[Calculation]) -> dict[str, float]:
    """Sparse counts by name, at most 3 each; names are made of operations, kinds of number, and words of the question."""
    counts = _Counts()
    linked, used, led = _link(question, steps)
    for place, (operands, signs) in enumerate(linked):
        _step(counts, question, operands, signs, place == len(steps) - 1)
        _operands(counts, question, operands, signs, place, linked)
        _neighbours(counts, question, operands, signs)
    _leftovers(counts, question, used, led)
    _whole(counts, question, steps)
    return {name: min(value, 3.0) for name, value in counts.items()}


class _Counts(dict[str, float]):
    def add(self, *parts: object, by: float = 1.0) -> None:
        name = ":".join(map(str, parts))
        self[name] = self.get(name, 0.0) + by


_Linked = list[tuple[list[_Operand], list[str]]]


def _times(text: str) -> str:
    return re.sub(r"[xX×·]|\\times|\\cdot", "*", text).replace("÷", "/")


def _stem(word: str) -> str:
    word = word.casefold()
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _cues(text: str) -> tuple[str, ...]:
    return tuple(name for name, cue in _CUE.items() if cue.search(text))


def _quantities(sentence: str, number: int) -> list[Quantity]:
    parts, cues, found = _IN_QUESTION.findall(sentence), _cues(sentence), []
    for place, part in enumerate(parts):
        digits = part.lstrip("$").rstrip(".,").removesuffix("%")
        word = part.casefold() if part.casefold() in _SPOKEN else ""
        if word:
            value = _SPOKEN[word]
        elif digits and is_numeral(digits) and len(digits) <= 20:
            value = numeral_value(digits)
        else:
            continue
        money = part.startswith("$") or (place > 0 and parts[place - 1] == "$")
        before = tuple(_stem(p) for p in parts[max(0, place - 2) : place])
        after = tuple(_stem(p) for p in parts[place + 1 : place + 3])
        found.append(Quantity(value, part.endswith("%"), money, word, before, after, number, place, cues))
    return found


def _link(question: Question, steps: Sequence[Calculation]) -> tuple[_Linked, list[int], list[int]]:
    """Operands and signs per step, how often each quantity is used, and how often each result."""
    linked: _Linked = []
    used, led, results = [0] * len(question.quantities), [0] * len(steps), list[float]()
    stands_for = [quantity.values() for quantity in question.quantities]
    for step in steps:
        operands = [
            _operand(numeral_value(piece), stands_for, results, used, led) for piece in step.pieces if is_numeral(piece)
        ]
        signs = [piece for piece in step.pieces if piece in "+-*/"][: max(0, len(operands) - 1)]
        linked.append((operands, signs))
        results.append(step.result)
    return linked, used, led


def _operand(
    value: float, stands_for: Sequence[tuple[float, ...]], results: Sequence[float], used: list[int], led: list[int]
) -> _Operand:
    """A quantity that is still unused is preferred to an equal result, and the latest result to a used quantity."""
    earlier = next((i for i in reversed(range(len(results))) if near(results[i], value)), None)
    given = [i for i, values in enumerate(stands_for) if any(near(v, value) for v in values)]
    fresh = [i for i in given if not used[i]]
    literal = any(near(stands_for[i][0], value) for i in given)
    if earlier is not None and not (fresh and literal):
        led[earlier] += 1
        return _Operand("R", earlier, value)
    if given:
        index = (fresh or given)[0]
        used[index] += 1
        return _Operand("Q", index, value)
    return _Operand("C" if value in _CONSTANTS else "U", -1, value)


def _step(c: _Counts, question: Question, operands: Sequence[_Operand], signs: Sequence[str], last: bool) -> None:
    shape = "".join(o.kind + (signs[i] if i < len(signs) else "") for i, o in enumerate(operands))[:7]
    c.add("shape", shape)
    if last:
        c.add("last_shape", shape)
        for sign in sorted(set(signs)):
            for cue in question.asked:
                c.add("asked", sign, cue)
            for word in question.asked_words:
                c.add("asked_word", sign, word)


def _operands(
    c: _Counts, question: Question, operands: Sequence[_Operand], signs: Sequence[str], place: int, linked: _Linked
) -> None:
    last = place == len(linked) - 1
    for i, operand in enumerate(operands):
        sign = (signs[min(i - 1, len(signs) - 1) if i else 0] if signs else "=") + ("l" if i == 0 else "r")
        if operand.kind == "Q":
            quantity = question.quantities[operand.index]
            for word in quantity.after:
                c.add("after", sign, word)
            for word in quantity.before:
                c.add("before", sign, word)
            for cue in quantity.cues:
                c.add("cue", sign, cue)
            if quantity.word:
                c.add("word", sign, quantity.word)
            c.add("kind", sign, quantity.percent, quantity.money)
            if last:
                c.add("last_from", quantity.sentence == question.last)
        elif operand.kind == "R":
            came = linked[operand.index][1]
            c.add("result", sign, came[0] if came else "=", place - operand.index == 1)
        elif operand.kind == "C":
            c.add("constant", sign, f"{operand.value:g}")
        else:
            c.add("unknown")


def _neighbours(c: _Counts, question: Question, operands: Sequence[_Operand], signs: Sequence[str]) -> None:
    """What is said of two quantities that one sign joins."""
    for sign, one, two in zip(signs, operands, operands[1:], strict=False):
        if {one.kind, two.kind} == {"Q", "R"}:
            c.add("carried", sign)
        if one.kind != "Q" or two.kind != "Q":
            continue
        a, b = question.quantities[one.index], question.quantities[two.index]
        apart = abs(a.sentence - b.sentence)
        c.add("pair", sign, min(apart, 2))
        c.add("pair_kind", sign, bool(set(a.after) & set(b.after)), a.money, b.money)
        for cue in sorted({*a.cues, *b.cues}):
            c.add("pair_cue", sign, min(apart, 1), cue)
        if apart == 0:
            c.add("pair_order", sign, a.place < b.place)


def _leftovers(c: _Counts, question: Question, used: Sequence[int], led: Sequence[int]) -> None:
    for quantity, times in zip(question.quantities, used, strict=True):
        if times > 1:
            c.add("used_again")
            c.add("again_after", quantity.after[0] if quantity.after else "")
        if times == 0:
            c.add("unused")
            c.add("unused_as", quantity.word or "numeral")
            c.add("unused_in_last", quantity.sentence == question.last)
            for word in quantity.after:
                c.add("unused_after", word)
            for word in quantity.before:
                c.add("unused_before", word)
    for times in led[:-1]:
        if times != 1:
            c.add("dead_end" if times == 0 else "result_used_again")


def _whole(c: _Counts, question: Question, steps: Sequence[Calculation]) -> None:
    c.add("steps", min(len(steps), 9))
    c.add("steps_over_quantities", max(-4, min(5, len(steps) - len(question.quantities))))
    results = [step.result for step in steps]
    if not results:
        return
    whole = [result.is_integer() for result in results]
    c.add("final", whole[-1], results[-1] < 0)
    c.add("final_given", by=float(any(near(q.value, results[-1]) for q in question.quantities)))
    c.add("repeats", by=float(len({round(result, 4) for result in results}) < len(results)))
    c.add("not_whole", by=float(whole.count(False)))
