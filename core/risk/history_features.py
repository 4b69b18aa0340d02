"""What the text of a prompt and its answer tells about the answer's risk, as plain numbers (paper 21's surface features).

Names begin with the text that they need: ``prompt_``, ``answer_`` or ``pair_``; the three views of the correctness history go by
that. Nothing here is learnt and nothing sees a reference answer. Some milliseconds for a prompt and an answer of a paragraph each,
most of them in the checkers: keep the result beside the answer when many are scored again and again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import log1p

from core.answers import final_answer, number
from core.checkers.arithmetic import Equation, equations
from core.checkers.provenance import ProvenanceChecker
from core.math_tokens import Kind, Token, tokens
from core.number_words import CARDINALS

PROMPT, ANSWER, PAIR = "prompt_", "answer_", "pair_"
LARGEST = Fraction(10**30)
MAX_TEXT = 20_000  # characters of each text that are read

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SENTENCE = re.compile(r"[.!?]+(?=\s|$)")
_NAME = re.compile(r"(?<=[^.!?\n]\s)[A-Z][^\W\d_]+")
_ANNOTATION = re.compile(r"<<[^<>\n]{1,200}>>")
_CUES = {
    "share": r"%|per ?cent|half|third|quarter|fraction|ratio",
    "times": r"\b(?:times|twice|double|triple)\b",
    "each": r"\b(?:each|every|per|apiece)\b",
    "compare": r"\b(?:more|less|fewer|older|younger|longer|shorter)\b",
    "left": r"\b(?:left|remain\w*|rest|still|need\w*)\b",
    "total": r"\b(?:total|altogether|combined|in all|sum)\b",
    "time": r"\b(?:hours?|minutes?|days?|weeks?|months?|years?|ago|age)\b",
    "money": r"[$€£]|\b(?:dollars?|cents?|cost|price|pays?|earns?|profit)\b",
    "condition": r"\b(?:if|unless|except|first|then|after|before|instead)\b",
    "average": r"\b(?:average|mean|median)\b",
    "negation": r"\b(?:not|never|none|no|n't|without)\b",
}
_ASKED = {name: re.compile(pattern, re.I) for name, pattern in _CUES.items()}
_HEDGE = re.compile(
    r"\b(?:maybe|perhaps|might|probably|not sure|unclear|i think|i guess|cannot|can't|unable|sorry)\b", re.I
)
_MONEY, _PERCENT = re.compile(r"[$€£¢]|\b(?:dollars?|cents?)\b", re.I), re.compile(r"%|per ?cent", re.I)


def surface_features(prompt: str, answer: str) -> dict[str, float]:
    """Finite numbers by name; a name that does not apply, such as the size of a final number, is absent."""
    prompt, answer = prompt[:MAX_TEXT], answer[:MAX_TEXT]
    shown = _ANNOTATION.sub("", answer)
    given, used = _numbers(tokens(prompt)), tokens(answer.replace("<<", "( ").replace(">>", " )"))
    worked = equations(answer)
    found = _prefixed(PROMPT, _prompt(prompt, given))
    found |= _prefixed(ANSWER, _shape(shown) | _calculations(worked, used) | _final(answer, used))
    found |= _prefixed(
        PAIR, _words(prompt, shown) | _support(prompt, answer, given, used, worked) | _asked(prompt, answer)
    )
    return found


def _prefixed(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    return {prefix + name: float(value) for name, value in values.items()}


def _size(value: Fraction) -> float:
    """Log of a magnitude that may be too large for a float."""
    magnitude = -value if value < 0 else value
    return log1p(float(magnitude if magnitude < LARGEST else LARGEST))


def _numbers(found: Iterable[Token]) -> list[Fraction]:
    return [token.value for token in found if token.kind is Kind.NUMBER]


def _spoken(text: str) -> list[Fraction]:
    return [CARDINALS[word] for word in _WORD.findall(text.casefold()) if word in CARDINALS]


def _prompt(text: str, given: Sequence[Fraction]) -> dict[str, float]:
    words = _WORD.findall(text)
    spoken = _spoken(text)
    return {
        "length": log1p(len(text)),
        "word_length": sum(map(len, words)) / max(1, len(words)),
        "sentences": log1p(len(_SENTENCE.findall(text))),
        "lines": log1p(text.count("\n")),
        "numbers": log1p(len(given) + len(spoken)),
        "number_words": log1p(len(spoken)),
        "decimals": log1p(sum(value.denominator > 1 for value in given)),
        "largest": max((_size(value) for value in given), default=0.0),
        "names": log1p(len(set(_NAME.findall(text)))),
        "foreign": sum(not c.isascii() for c in text) / max(1, len(text)),
    } | {f"cue_{name}": log1p(len(cue.findall(text))) for name, cue in _ASKED.items()}


def _shape(text: str) -> dict[str, float]:
    words = [word.casefold() for word in _WORD.findall(text)]
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return {
        "length": log1p(len(text)),
        "word_length": sum(map(len, words)) / max(1, len(words)),
        "variety": len(set(words)) / max(1, len(words)),
        "lines": log1p(len(lines)),
        "longest_line": log1p(max(map(len, lines), default=0)),
        "repeated_lines": 1 - len(set(lines)) / max(1, len(lines)),
        "punctuation": sum(not c.isalnum() and not c.isspace() for c in text) / max(1, len(text)),
        "capitals": sum(c.isupper() for c in text) / max(1, len(text)),
        "foreign": sum(not c.isascii() for c in text) / max(1, len(text)),
        "hedges": log1p(len(_HEDGE.findall(text))),
        "cut_off": float(bool(lines) and lines[-1][-1] not in ".!?)]}\"'”’|`*" and not lines[-1][-1].isalnum()),
    }


def _calculations(worked: Sequence[Equation], used: Sequence[Token]) -> dict[str, float]:
    signs = Counter(token.text for token in used if token.kind is Kind.OPERATOR)
    results = [equation.stated for equation in worked]
    return {
        "equations": log1p(len(worked)),
        "wrong_equations": log1p(sum(not equation.ok for equation in worked)),
        "repeated_results": len(results) - len(set(results)),
        "fractional_results": log1p(sum(value.denominator > 1 for value in results)),
        "negative_results": log1p(sum(value < 0 for value in results)),
        "algebra": log1p(sum(t.kind is Kind.SYMBOL and len(t.text) == 1 and t.text.isalpha() for t in used)),
    } | {
        f"sign_{name}": log1p(signs[sign])
        for name, sign in zip(("add", "take", "multiply", "divide"), "+-*/", strict=True)
    }


def _final(answer: str, used: Sequence[Token]) -> dict[str, float]:
    said = final_answer(answer)
    value = number(said) if said is not None else None
    found = {"final": float(said is not None), "final_number": float(value is not None)}
    if said is not None:
        found["final_length"] = log1p(len(said))
    if value is None:
        return found
    whole = value.denominator == 1
    stated = [token.value for token in used if token.kind is Kind.NUMBER]
    return found | {
        "final_whole": float(whole),
        "final_negative": float(value < 0),
        "final_size": _size(value),
        "final_round": float(whole and value != 0 and value % 10 == 0),
        "final_small": float(abs(value) < 2),
        "final_said": log1p(stated.count(value)),
        "final_above": float(bool(stated) and abs(value) >= max(map(abs, stated))),
    }


def _words(prompt: str, answer: str) -> dict[str, float]:
    asked, said = Counter(_WORD.findall(prompt.casefold())), Counter(_WORD.findall(answer.casefold()))
    shared = sum((asked & said).values())
    names = set(_NAME.findall(prompt)), set(_NAME.findall(answer))
    marks = Counter(re.findall(r"[^\w\s]", prompt)), Counter(re.findall(r"[^\w\s]", answer))
    return {
        "length_ratio": log1p(len(answer)) - log1p(len(prompt)),
        "word_ratio": log1p(sum(said.values())) - log1p(sum(asked.values())),
        "words_taken": shared / max(1, sum(said.values())),
        "words_covered": shared / max(1, sum(asked.values())),
        "names_missing": log1p(len(names[0] - names[1])),
        "names_added": log1p(len(names[1] - names[0])),
        "marks_missing": log1p(sum((marks[0] - marks[1]).values())),
        "marks_added": log1p(sum((marks[1] - marks[0]).values())),
    }


def _support(
    prompt: str, answer: str, given: Sequence[Fraction], used: Sequence[Token], worked: Sequence[Equation]
) -> dict[str, float]:
    """Which numbers of the prompt the answer uses, and which of its own come from nowhere."""
    mine, results = Counter(_numbers(used)), {equation.stated for equation in worked}
    known = set(given) | set(_spoken(prompt))
    unused = [value for value in known if value not in mine and value / 100 not in mine]
    nowhere = [finding for finding in ProvenanceChecker().check(answer, prompt) if not finding.ok]
    said = final_answer(answer)
    final = number(said) if said is not None else None
    found = {
        "unused": log1p(len(unused)),
        "unused_share": len(unused) / max(1, len(known)),
        "from_nowhere": log1p(len(nowhere)),
        "taken": log1p(sum(value in known for value in mine)),
        "taken_often": log1p(sum(max(0, mine[value] - 1) for value in known)),
        "results_unused": log1p(sum(mine[value] < 2 for value in results)),
        "equations_short": len(known) - 1 - len(worked),
    }
    if final is not None:
        largest = max((_size(value) for value in known), default=0.0)
        found |= {
            "final_given": float(final in known),
            "final_over_largest": _size(final) - largest,
            "final_worked": float(final in results),
        }
    return found


def _asked(prompt: str, answer: str) -> dict[str, float]:
    """Whether the kind of quantity that the last question asks for is the kind that the end of the answer gives."""
    question = next((s for s in reversed(re.split(r"(?<=[.!?])\s+", prompt)) if "?" in s), prompt[-200:])
    end = "\n".join([line for line in answer.split("\n") if line.strip()][-2:])
    return {
        f"{name}_asked": float(bool(kind.search(question))) for name, kind in (("money", _MONEY), ("percent", _PERCENT))
    } | {
        f"{name}_differs": float(bool(kind.search(question)) != bool(kind.search(end)))
        for name, kind in (("money", _MONEY), ("percent", _PERCENT))
    }
