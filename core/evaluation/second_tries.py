"""Adapters: files of first and second answers, to measure self-correction on. ``rows`` is our own shape, others are public folders.

A row: {"id", "first", "second"} with true or false, or lists of as many samples. Instead of those, "first_text", "second_text" and
"reference", whose final answers are compared. Or probabilities over options, for questions of choice: "gold", "first" as {option: p},
"second" as {first option: {option: p}}. Further keys: "refiner", "first_tokens", "tokens", "calls", "seconds", "failure", "first_risk",
"second_risk". A row of {"id", "prompt", "reference"} alone is a question that a model is to answer twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.answers import final_answer
from core.edits import change
from core.equality import same
from core.evaluation.rows import adapted, read_jsonl
from core.reports.second_tries import Odds, SecondTry, choice_odds

REFINER = "second try"
_NUMBERS = ("first_tokens", "tokens", "calls", "seconds", "first_risk", "second_risk")


@dataclass(frozen=True, slots=True)
class AskedTwice:
    """A question for a model; ``reference`` is its right final answer, which no prompt may hold."""

    id: str
    prompt: str
    reference: str


@dataclass(frozen=True, slots=True)
class TrySet:
    """``tries`` were made; ``odds`` are refiners of which only shares per question are known; ``questions`` wait for a model."""

    name: str
    tries: tuple[SecondTry, ...] = ()
    odds: Mapping[str, tuple[Odds, ...]] = field(default_factory=dict)
    questions: tuple[AskedTwice, ...] = ()
    notes: tuple[str, ...] = ()


def own(path: Path) -> TrySet:
    """A file of rows, or the folder that holds it as ``rows.jsonl``."""
    file = path / "rows.jsonl" if path.is_dir() else path
    tries: list[SecondTry] = []
    shares: dict[str, list[Odds]] = {}
    questions: list[AskedTwice] = []
    for place, row in read_jsonl(file):
        refiner = str(row.get("refiner") or REFINER)
        if isinstance(row.get("first"), dict):
            try:
                found = choice_odds(row["first"], row["second"], str(row["gold"]))
            except ValueError as problem:
                raise ValueError(f"{place}: {problem}") from None
            shares.setdefault(refiner, []).append(found)
        elif "first" in row or "first_text" in row:
            tries += _tries(place, row, refiner)
        elif isinstance(row.get("prompt"), str) and row.get("reference") is not None:
            questions.append(AskedTwice(str(row.get("id", place)), row["prompt"], str(row["reference"])))
        else:
            raise ValueError(f"{place}: give first and second, or first_text, second_text and reference")
    return TrySet(path.stem, tuple(tries), {name: tuple(rows) for name, rows in shares.items()}, tuple(questions))


def _tries(place: str, row: Mapping[str, Any], refiner: str) -> list[SecondTry]:
    question = str(row.get("id", place))
    texts = [row.get("first_text"), row.get("second_text")]
    more = {name: _number(place, name, row[name]) for name in _NUMBERS if row.get(name) is not None}
    if all(isinstance(text, str) for text in texts):
        more["change"] = change(*map(str, texts))
    if "first" in row:
        first, second = (_samples(place, name, row.get(name)) for name in ("first", "second"))
    elif "change" in more and row.get("reference") is not None:
        first, second = ([_right(str(text), str(row["reference"]))] for text in texts)
    else:
        raise ValueError(f"{place}: first_text needs second_text and reference beside it")
    if len(first) != len(second):
        raise ValueError(f"{place}: {len(first)} first answers and {len(second)} second ones; a try has one of each")
    draft, failure = str(row.get("draft", "")), str(row.get("failure") or "")
    return [
        SecondTry(question, refiner, a, b, draft, failure=failure, **more) for a, b in zip(first, second, strict=True)
    ]


def _samples(place: str, name: str, value: Any) -> list[bool]:
    found = value if isinstance(value, list) else [value]
    if not found or any(one not in (0, 1) for one in found):
        raise ValueError(f"{place}: {name} is true or false, or a list of those")
    return [bool(one) for one in found]


def _number(place: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{place}: {name} is a number from 0 on")
    return float(value)


def _right(text: str, reference: str) -> bool:
    """An answer that names no final answer is wrong."""
    found = final_answer(text)
    return found is not None and same(found, reference)


def reflexion_runs(path: Path) -> TrySet:
    """Trials of agents that reflect on failures: each later trial against the first. A folder, or one of its files."""
    files = [path] if path.is_file() else sorted(path.glob("*.jsonl"))
    tries: list[SecondTry] = []
    for file in files:
        for _, row in read_jsonl(file):
            if "attempts" in row:
                right = {one["trial"]: one["outcome"] == "correct" for one in row["attempts"]}
                later = [trial for trial in sorted(right) if trial > 1] if 1 in right else []
                tries += [
                    SecondTry(row["id"], f"{file.stem}, trial {n}", right[1], right[n], calls=None) for n in later
                ]
            else:
                rounds = len(row["reflections"])
                one = SecondTry(row["id"], file.stem, not rounds, bool(row["solved"]), calls=rounds)
                tries.append(one)
    note = "answers that were right were carried over unchanged, so nothing could be broken here"
    return TrySet("reflexion_runs", tuple(tries), notes=(note,))


def sampled_solutions(path: Path) -> TrySet:
    """What only answering anew does: every ordered pair of two samples of a question as a first and a second answer."""
    files = [path] if path.is_file() else sorted(path.glob("*.jsonl"))
    found: dict[str, tuple[Odds, ...]] = {}
    for file in files:
        counts = [(len(row["samples"]), sum(bool(s["label"]) for s in row["samples"])) for _, row in read_jsonl(file)]
        found[f"{file.stem}, another sample"] = tuple(another_sample(k, right) for k, right in counts if k > 1)
    return TrySet("sampled_solutions", odds=found, notes=("a second sample knows nothing of the first",))


def another_sample(k: int, right: int) -> Odds:
    """Of ``k`` samples, ``right`` of them right, drawing two without putting back."""
    return Odds(right / k, right * (right - 1) / (k * (k - 1)), (k - right) * right / (k * (k - 1)))


def gsm8k_solutions(path: Path) -> TrySet:
    """Questions with their right answers, for a model to answer twice. A folder with ``questions.jsonl``, or such a file."""
    file = path / "questions.jsonl" if path.is_dir() else path
    rows = [
        AskedTwice(str(row["id"]), row["question"], final_answer(row["reference"]) or row["reference"])
        for _, row in read_jsonl(file)
    ]
    return TrySet("gsm8k_solutions", questions=tuple(rows))


FORMATS: Mapping[str, Callable[[Path], TrySet]] = {
    "rows": own,
    "reflexion_runs": reflexion_runs,
    "sampled_solutions": sampled_solutions,
    "gsm8k_solutions": gsm8k_solutions,
}


def read(name: str, path: Path) -> TrySet:
    """Raises ``ValueError`` for an unknown name, a missing file, one without rows, or a row that does not fit."""
    found = adapted(FORMATS, name, path)
    if not found.tries and not any(found.odds.values()) and not found.questions:
        raise ValueError(f"{path} has no rows")
    return found
