"""Right solutions with one wrong step planted, its place and kind known by construction (papers 5 and 11).

Three courses of corruption as in paper 11: *replace* (a result, an operand or an operation; the rest of the step is worked out anew,
so that it is wrong in that one thing), *swap* (a step before the one whose result it needs) and *insert* (a step of another
problem). LEMMA's missing step is a fourth. Different from both papers: no model writes anything, and a solution that offers no
place for an error stays as it is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.checkers import planted
from core.checkers.arithmetic import Equation, equations, written
from core.critics.reference_spare import numbers, quantities, results
from core.math_tokens import Kind, tokens

COURSES = ("replace", "swap", "insert", "leave_out")
_NUMBER = re.compile(r"(?<![\d.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\d]|[.,]\d)")
_OTHER_WAY = {"+": "-", "-": "+", "−": "+", "–": "+", "*": "+", "×": "+", "/": "*", "÷": "×"}


@dataclass(frozen=True, slots=True)
class Planted:
    """``steps`` are right before ``first_error``; ``error_type`` is a key of ``core.error_types``."""

    steps: tuple[str, ...]
    first_error: int
    error_type: str
    course: str


Plant = Callable[[str, Sequence[str], Sequence[str], random.Random], Planted | None]


def plant(
    kind: str, problem: str, steps: Sequence[str], rng: random.Random, foreign: Sequence[str] = ()
) -> Planted | None:
    """One error of this type in a right solution; ``None`` where there is no place for it. ``foreign``: steps of other problems.

    Raises ``KeyError`` for a type that cannot be planted (see ``KINDS``).
    """
    return KINDS[kind](problem, steps, foreign, rng)


def calculation(problem: str, steps: Sequence[str], foreign: Sequence[str], rng: random.Random) -> Planted | None:
    """Another result of a calculation that holds."""
    for k in _shuffled(len(steps), rng):
        found = planted.plant(steps[k], rng)
        if found is not None:
            return _replaced(steps, k, found.text, "calculation_error")
    return None


def given_value(problem: str, steps: Sequence[str], foreign: Sequence[str], rng: random.Random) -> Planted | None:
    """A number of the question, copied wrongly into a calculation."""
    return _operand(problem, steps, rng, earlier=False)


def earlier_value(problem: str, steps: Sequence[str], foreign: Sequence[str], rng: random.Random) -> Planted | None:
    """A result of an earlier step, copied wrongly into a calculation."""
    return _operand(problem, steps, rng, earlier=True)


def operation(problem: str, steps: Sequence[str], foreign: Sequence[str], rng: random.Random) -> Planted | None:
    """Another operation between the same two numbers, rightly worked out."""
    for k in _shuffled(len(steps), rng):
        for e in equations(steps[k]):
            left = tokens(e.left)
            signs = [t for t in left if t.kind is Kind.OPERATOR]
            if not _plain(e) or [t.kind for t in left] != [Kind.NUMBER, Kind.OPERATOR, Kind.NUMBER]:
                continue
            other = _OTHER_WAY.get(e.left[signs[0].start : signs[0].end])
            a, b = (re.escape(e.left[t.start : t.end]) for t in left if t.kind is Kind.NUMBER)
            if other is None:
                continue
            sign = re.escape(e.left[signs[0].start : signs[0].end]).replace("×", "[*×xX]")
            new = re.sub(rf"(?<![\d.,])({a})(\s*){sign}(\s*)({b})(?![\d]|[.,]\d)", rf"\1\2{other}\3\4", steps[k])
            made = _worked_out(steps[k], new, e)
            if made is not None:
                return _replaced(steps, k, made, "wrong_operator")
    return None


def swapped(problem: str, steps: Sequence[str], foreign: Sequence[str], rng: random.Random) -> Planted | None:
    """A step before the one that finds the number it needs: where it now stands, the number comes from nowhere."""
    for k in _shuffled(len(steps) - 1, rng):
        if _needs(problem, steps, k, k + 1):
            order = [*steps[:k], steps[k + 1], steps[k], *steps[k + 2 :]]
            return Planted(tuple(order), k, "unsupported_number", "swap")
    return None


def inserted(problem: str, steps: Sequence[str], foreign: Sequence[str], rng: random.Random) -> Planted | None:
    """A step of another problem, with a number that is nowhere in this one."""
    known = {*quantities(problem), *(n for step in steps for n in numbers(step))}
    fitting = [step for step in foreign if set(numbers(step)) - known]
    if not fitting or not steps:
        return None
    k = rng.randrange(len(steps))
    return Planted((*steps[:k], rng.choice(fitting), *steps[k:]), k, "irrelevant_information", "insert")


def left_out(problem: str, steps: Sequence[str], foreign: Sequence[str], rng: random.Random) -> Planted | None:
    """A step is gone; wrong is the first one that goes on with what it found."""
    for k in _shuffled(len(steps) - 1, rng):
        later = next((j for j in range(k + 1, len(steps)) if _needs(problem, steps, k, j)), None)
        if later is not None:
            return Planted((*steps[:k], *steps[k + 1 :]), later - 1, "missing_step", "leave_out")
    return None


KINDS: Mapping[str, Plant] = {
    "calculation_error": calculation,
    "wrong_given_value": given_value,
    "wrong_earlier_value": earlier_value,
    "wrong_operator": operation,
    "unsupported_number": swapped,
    "irrelevant_information": inserted,
    "missing_step": left_out,
}
BY_COURSE: Mapping[str, tuple[str, ...]] = {
    "replace": ("calculation_error", "wrong_given_value", "wrong_earlier_value", "wrong_operator"),
    "swap": ("unsupported_number",),
    "insert": ("irrelevant_information",),
}


def courses(solutions: Sequence[tuple[str, Sequence[str]]], rng: random.Random) -> list[Planted]:
    """Right (problem, steps) with replaced, swapped and inserted steps in equal shares (paper 11): at most one each.

    The rarest course sets how many there are of each.
    """
    foreign = [[step for other in solutions if other[0] != problem for step in other[1]] for problem, _ in solutions]
    order = list(range(len(solutions)))
    rng.shuffle(order)
    fitting: dict[str, dict[int, Planted]] = {course: {} for course in BY_COURSE}
    for course, kinds in BY_COURSE.items():
        for i in order:
            tried = rng.sample(kinds, len(kinds))
            made = (plant(kind, *solutions[i], rng, foreign[i]) for kind in tried)
            found = next((one for one in made if one is not None), None)
            if found is not None:
                fitting[course][i] = found
    found_all: list[Planted] = []
    used: set[int] = set()
    while True:
        turn: list[tuple[int, Planted]] = []
        for course in sorted(BY_COURSE, key=lambda name: len(fitting[name])):
            free = next((i for i in fitting[course] if i not in used and i not in {j for j, _ in turn}), None)
            if free is None:
                return found_all
            turn.append((free, fitting[course][free]))
        used |= {i for i, _ in turn}
        found_all += [one for _, one in turn]


def _operand(problem: str, steps: Sequence[str], rng: random.Random, *, earlier: bool) -> Planted | None:
    """Another digit in a number that a step took over, in all places of that step, with the result worked out anew."""
    asked = set(quantities(problem))
    for k in _shuffled(len(steps), rng):
        found = {value for step in steps[:k] for value in results(step)} - asked
        known = {*asked, *(n for step in steps[:k] for n in numbers(step))}
        wanted = found if earlier else asked
        for e in equations(steps[k]):
            mine = [t.text for t in tokens(e.left) if t.kind is Kind.NUMBER and float(t.value) in wanted]
            if not _plain(e) or not mine:
                continue
            was = rng.choice(mine)
            new = _another(was, rng)
            if float(new.replace(",", "")) in known or float(was.replace(",", "")) == float(e.stated):
                continue
            made = _worked_out(steps[k], _put(steps[k], {was: new}), e)
            if made is not None:
                return _replaced(steps, k, made, "wrong_earlier_value" if earlier else "wrong_given_value")
    return None


def _worked_out(before: str, changed: str, e: Equation) -> str | None:
    """``changed`` with its one calculation's result set right, in all places; ``None`` unless all then holds and is positive."""
    wrong = [other for other in equations(changed) if not other.ok]
    fixes = {other.exact for other in wrong}
    if changed == before or len(fixes) != 1:
        return None
    exact = fixes.pop()
    if exact <= 0 or (exact * 100).denominator != 1:
        return None
    shown = [n for n in _NUMBER.findall(changed) if float(n.replace(",", "")) == float(e.stated)]
    made = _put(changed, dict.fromkeys(shown, written(exact, 2)))
    return made if all(other.ok for other in equations(made)) and made != before else None


def _plain(e: Equation) -> bool:
    return e.ok and e.exact == e.stated and "%" not in e.left + e.right


def _put(text: str, changes: Mapping[str, str]) -> str:
    return _NUMBER.sub(lambda match: changes.get(match[0], match[0]), text)


def _another(was: str, rng: random.Random) -> str:
    """The number with one digit changed; the first one never becomes a zero."""
    places = [i for i, c in enumerate(was) if c.isdigit()]
    at = rng.choice(places)
    low = 1 if at == 0 else 0
    return was[:at] + rng.choice([str(d) for d in range(low, 10) if str(d) != was[at]]) + was[at + 1 :]


def _needs(problem: str, steps: Sequence[str], k: int, later: int) -> bool:
    """Whether step ``later`` uses a number that step ``k`` is the first to find, and no step between says it."""
    said = {*quantities(problem), *(n for i, step in enumerate(steps[:later]) if i != k for n in numbers(step))}
    mine = set(results(steps[k])) - said
    own = set(results(steps[later]))
    return bool(mine & (set(numbers(steps[later])) - own))


def _replaced(steps: Sequence[str], k: int, text: str, kind: str) -> Planted:
    return Planted((*steps[:k], text, *steps[k + 1 :]), k, kind, "replace")


def _shuffled(n: int, rng: random.Random) -> list[int]:
    return rng.sample(range(max(0, n)), max(0, n))
