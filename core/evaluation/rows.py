"""Rows to measure risk on, from any folder: ``rows.jsonl`` and, where there are rules, ``rules.yaml``.

A row of labels: {"id", "text", "label", "votes"}. A row of answers: {"id", "prompt", "answer", "is_correct"} or "wrong" (a share in
[0, 1], such as an edit rate) instead. Further keys of both: "group" (rows of one question), "model", "signals" ({name: number},
higher is better), "votes" ({source: label, "acceptable" or "faulty"}; a source that is missing abstains), and any column that
``--llm column:NAME`` names. ``worked.jsonl`` may hold {"prompt", "answer"} of other questions whose answers are known to be right.
``labels.json`` may give the labels' order and the words that a language model is asked to choose from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from core.risk.base import ACCEPTABLE, FAULTY
from core.signals import rule_file
from core.signals.base import SignalInput, cast
from core.signals.rules import RuleSpec
from core.steps import split
from core.types import ItemType, Question, Verdict, Vote

Found = TypeVar("Found")
MAX_ROWS, MAX_TEXT = 1_000_000, 200_000


@dataclass(frozen=True, slots=True)
class EvalRow:
    """One row. ``gold`` is the class of a label set; ``wrong`` is 1, 0 or a share in a set of answers, ``None`` when not known.

    ``votes`` are class numbers; ``texts`` are what is embedded, one vector each, joined.
    """

    id: str
    prompt: str
    answer: str = ""
    gold: int = -1
    wrong: float | None = None
    group: str = ""
    model: str = ""
    votes: Mapping[str, int] = field(default_factory=dict)
    signals: Mapping[str, float] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelPrompt:
    """How a language model is asked for a label: ``words`` are what it chooses from, several one-word names per label."""

    system: str
    words: tuple[tuple[str, ...], ...]
    examples: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EvalSet:
    """``labels`` is empty for a set of answers. ``notes`` say what a reader of the figures should know.

    ``worked`` are (question, right solution) pairs of other questions, from which planted errors can be learnt.
    """

    name: str
    rows: tuple[EvalRow, ...]
    labels: tuple[str, ...] = ()
    ask: LabelPrompt | None = None
    notes: tuple[str, ...] = ()
    worked: tuple[tuple[str, str], ...] = ()

    @property
    def n_classes(self) -> int:
        return len(self.labels) or 2


def read_json(path: Path) -> Any:
    """Raises ``ValueError`` that names the file."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} is missing") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise ValueError(f"{path} is not JSON in UTF-8: {problem}") from None


def read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) per line; raises ``ValueError`` that names file and line."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        raise ValueError(f"{path} is missing") from None
    if len(lines) > MAX_ROWS:
        raise ValueError(f"{path} has more than {MAX_ROWS:,} lines: measure on a part of it")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path.name} line {number}"
        try:
            row = json.loads(line)
        except (UnicodeDecodeError, json.JSONDecodeError) as problem:
            raise ValueError(f"{place} is not JSON in UTF-8: {problem}") from None
        if not isinstance(row, dict):
            raise ValueError(f"{place} is not an object: a row looks like {{'id': ..., 'text': ..., 'label': ...}}")
        yield place, row


def adapted(formats: Mapping[str, Callable[[Path], Found]], name: str, path: Path) -> Found:
    """What the adapter ``name`` makes of ``path``. ``ValueError`` for an unknown name, a missing file or a row that does not fit."""
    if name not in formats:
        raise ValueError(f"there is no format {name!r}; choose one of {', '.join(formats)}")
    if not path.exists():
        raise ValueError(f"{path} is not there")
    try:
        return formats[name](path)
    except (KeyError, TypeError, IndexError, AttributeError) as problem:
        raise ValueError(f"{path} is not in the format {name!r}: {type(problem).__name__} {problem}") from problem


def read_folder(folder: Path) -> EvalSet:
    """A set of our own shape. Raises ``ValueError`` that says which line or file is wrong and what to do."""
    rows = list(read_jsonl(folder / "rows.jsonl"))
    if not rows:
        raise ValueError(f"{folder / 'rows.jsonl'} has no rows")
    known = read_json(folder / "labels.json") if (folder / "labels.json").exists() else {}
    if isinstance(known, list):
        known = {"labels": known}
    labelled = "label" in rows[0][1]
    labels = tuple(map(str, known.get("labels") or sorted({str(row["label"]) for _, row in rows if "label" in row})))
    if labelled and len(labels) < 2:
        raise ValueError("a set of labels needs at least two different ones")
    made = [_label_row(place, row, labels) if labelled else _answer_row(place, row) for place, row in rows]
    if len({row.id for row in made}) != len(made):
        raise ValueError("two rows have the same id: ids must differ")
    found = EvalSet(folder.name, tuple(made), labels if labelled else (), _ask(labels, known) if labelled else None)
    if (folder / "worked.jsonl").exists():
        pairs = read_jsonl(folder / "worked.jsonl")
        found = replace(found, worked=tuple((_text(p, r, "prompt"), _text(p, r, "answer")) for p, r in pairs))
    path = folder / "rules.yaml"
    if not path.exists():
        return found
    try:
        rules = rule_file.load(path.read_text("utf-8"))
    except (UnicodeDecodeError, ValueError) as problem:
        raise ValueError(f"{path.name}: {problem}") from None
    return with_rules(found, rules)


def with_rules(data: EvalSet, rules: Sequence[RuleSpec]) -> EvalSet:
    """The set with the votes of ``rules``. A rule that fails on a row abstains; how often is among the notes."""
    failed: dict[str, int] = {}
    kind = ItemType.LABEL if data.labels else ItemType.REASONING
    signals = [rule.signal() for rule in rules]
    rows = []
    for row in data.rows:
        question = Question(row.prompt, str(row.columns.get("context") or ""), item_type=kind, labels=data.labels)
        answer = row.answer or row.prompt
        seen = SignalInput(question, answer, tuple(split(answer)))
        votes = dict(row.votes)
        for signal in signals:
            vote = cast(signal, seen)
            if vote.error:
                failed[vote.source] = failed.get(vote.source, 0) + 1
            said = class_of(vote, data.labels)
            if said is not None:
                votes[vote.source] = said
        rows.append(replace(row, votes=votes))
    notes = tuple(f"rule {name!r} failed on {count} rows and abstained there" for name, count in failed.items())
    return replace(data, rows=tuple(rows), notes=(*data.notes, *notes))


def class_of(vote: Vote, labels: Sequence[str]) -> int | None:
    """The class a vote names; ``None`` for an abstention, and for a verdict in a set of labels."""
    if vote.label is not None:
        return labels.index(vote.label) if vote.label in labels else None
    if vote.verdict is None or labels:
        return None
    return FAULTY if vote.verdict is Verdict.FAULTY else ACCEPTABLE


def _label_row(place: str, row: Mapping[str, Any], labels: Sequence[str]) -> EvalRow:
    text = _text(place, row, "text" if "text" in row else "prompt")
    gold = str(row.get("label"))
    if gold not in labels:
        raise ValueError(f"{place}: its label {gold[:80]!r} is none of {', '.join(labels)[:300]}")
    votes = {source: labels.index(said) for source, said in _votes(place, row) if _known(place, said, labels)}
    return _common(place, row, EvalRow(_id(place, row), text, gold=labels.index(gold), votes=votes, texts=(text,)))


def _answer_row(place: str, row: Mapping[str, Any]) -> EvalRow:
    prompt, answer = _text(place, row, "prompt"), _text(place, row, "answer")
    if isinstance(row.get("is_correct"), bool):
        wrong: float = 1.0 - row["is_correct"]
    else:
        wrong = _number(place, "wrong", row.get("wrong"))
        if not 0 <= wrong <= 1:
            raise ValueError(f"{place}: give is_correct as true or false, or wrong as a share between 0 and 1")
    sides = (Verdict.ACCEPTABLE.value, Verdict.FAULTY.value)
    votes = {source: sides.index(said) for source, said in _votes(place, row) if _known(place, said, sides)}
    made = EvalRow(_id(place, row), prompt, answer, wrong=wrong, votes=votes, texts=(f"{prompt[:400]}\n{answer}",))
    return _common(place, row, made)


def _common(place: str, row: Mapping[str, Any], made: EvalRow) -> EvalRow:
    signals = row.get("signals") or {}
    if not isinstance(signals, dict):
        raise ValueError(f"{place}: signals are an object of names and numbers")
    return replace(
        made,
        group=str(row.get("group", made.id)),
        model=str(row.get("model", "")),
        signals={str(name): _number(place, name, value) for name, value in signals.items() if value is not None},
        columns=row,
    )


def _votes(place: str, row: Mapping[str, Any]) -> list[tuple[str, str]]:
    votes = row.get("votes") or {}
    if not isinstance(votes, dict):
        raise ValueError(f"{place}: votes are an object, such as {{'rule name': 'label'}}")
    return [(str(source), str(said)) for source, said in votes.items() if said is not None]


def _known(place: str, said: str, allowed: Sequence[str]) -> bool:
    if said not in allowed:
        raise ValueError(f"{place}: a vote says {said[:80]!r}, which is none of {', '.join(allowed)[:300]}")
    return True


def _id(place: str, row: Mapping[str, Any]) -> str:
    return str(row["id"]) if "id" in row else place


def _text(place: str, row: Mapping[str, Any], key: str) -> str:
    text = row.get(key)
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise ValueError(f"{place}: {key!r} must be a text of at most {MAX_TEXT:,} characters")
    return text


def _number(place: str, key: object, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{place}: {str(key)!r} must be a number, not {str(value)[:40]!r}")
    return float(value)


def _ask(labels: Sequence[str], known: Mapping[str, Any]) -> LabelPrompt:
    words = known.get("words") or {}
    system = (
        known.get("system") or f"Choose the one label that fits the text: {', '.join(labels)}. Answer with it alone."
    )
    examples = tuple((str(text), str(said)) for text, said in known.get("examples") or ())
    return LabelPrompt(str(system), tuple(tuple(map(str, words.get(label) or (label,))) for label in labels), examples)
