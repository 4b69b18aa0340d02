"""The way back of every format: the first row of an item carries what the item's rows were made of, as a JSON text beside the columns
that a trainer reads.

It stands in ``corrigenda.source`` and is empty in further rows of the item. It holds what the format asked for and no more: never a
reference answer (``ends_right`` is the one bit that comparing with it gave), nor what items keep beside them. Whatever names a row of
this installation becomes a number that another gives too: ``item`` counts the items of the file, ``outputs`` are numbers of attempts.
Equal projects therefore give equal bytes wherever they lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from core.exporters.base import ExportAttempt, Exporter, ExportRecord, ExportRollout, Need
from core.exporters.outcomes import known_outcome
from core.types import (
    CorrectionText,
    Critique,
    Dependency,
    ItemType,
    LessonKind,
    LessonText,
    Question,
    Scope,
    StepLabel,
    Verdict,
)

VERSION = 1
COLUMN = "corrigenda"


def numbers_of(record: ExportRecord) -> dict[int, int]:
    """The number of each attempt by the id of its output."""
    every = (*record.attempts, *record.others) if record.others else record.attempts
    return {attempt.output_id: attempt.number for attempt in every}


def renumber(info: dict[str, Any], item: int, numbers: Mapping[int, int], source: str) -> None:
    """Make a row's ``corrigenda`` column the same in every installation, and add what it carries."""
    info["item"] = item
    if "outputs" in info:
        info["outputs"] = [numbers[output] for output in info["outputs"]]
    if "output" in info:
        info["output"] = numbers[info["output"]]
    info["source"] = source


def encode(record: ExportRecord, exporter: Exporter, with_project: bool = False) -> str:
    """What the rows of a record were made of; ``with_project`` adds what holds of all items: guidelines and labels."""
    compared = record if Need.OUTCOME in exporter.needs else None
    record = exporter.carried(record)
    numbers = numbers_of(record)
    question = record.question
    told: dict[str, Any] = {
        "v": VERSION,
        "format": exporter.name,
        "external_id": record.external_id,
        "type": question.item_type.value,
        "prompt": question.prompt,
        "attempts": [_attempt(one, numbers, compared) for one in record.attempts],
    }
    if question.context:
        told["context"] = question.context
    if with_project:
        told["guidelines"], told["labels"] = question.guidelines, question.labels
    if record.reference is not None:
        told["reference"] = record.reference
    if record.others:
        told["others"] = [_attempt(one, numbers, compared) for one in record.others]
    if record.lessons:
        told["lessons"] = [[one.kind.value, one.text, one.applicability, one.name] for one in record.lessons]
    return orjson.dumps(told).decode()


def _attempt(attempt: ExportAttempt, numbers: Mapping[int, int], compared: ExportRecord | None) -> dict[str, Any]:
    """Without what has its default; with what comparing it with the reference of the record gave, where that is asked for."""
    told: dict[str, Any] = {"number": attempt.number, "text": attempt.text, "model": attempt.model}
    if attempt.verdict is not None:
        told["verdict"] = attempt.verdict
    if attempt.corrections:
        told["corrections"] = [_correction(one) for one in attempt.corrections]
    for name in _PLAIN:
        if (value := getattr(attempt, name)) is not None and value != ():
            told[name] = value
    if attempt.origin != "generated":
        told["origin"] = attempt.origin
    if (parent := numbers.get(attempt.parent_id or 0)) is not None:
        told["parent"] = parent
    if any(label is not None for label in attempt.step_labels):
        told["step_labels"] = attempt.step_labels
    if attempt.critiques:
        told["critiques"] = attempt.critiques
    if attempt.rollouts:
        told["rollouts"] = attempt.rollouts
    if compared is not None and (right := known_outcome(compared, attempt)) is not None:
        told["ends_right"] = right
    return told


_PLAIN = (
    "steps",
    "first_wrong_step",
    "seconds",
    "reviewed_at",
    "label",
    "error_type",
    "answer_right",
    "alternatives",
    "earlier",
)


def _correction(said: CorrectionText) -> list[Any]:
    return [said.text, said.scope, said.dependency, said.step_index, said.error_type, said.rewrite]


class _Told:
    """A JSON object whose fields are taken with their types checked."""

    def __init__(self, told: object, where: str) -> None:
        if not isinstance(told, dict):
            raise ValueError(f"{where} must be an object")
        self._told, self._where = told, where

    def get(self, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        value = self._told.get(name, default)
        if value is default or (isinstance(value, kind) and not (isinstance(value, bool) and bool not in _all(kind))):
            return value
        raise ValueError(f"{self._where}: {name!r} is not of the right type")

    def need(self, name: str, kind: type) -> Any:
        if name not in self._told:
            raise ValueError(f"{self._where}: {name!r} is missing")
        return self.get(name, kind)


def _all(kind: type | tuple[type, ...]) -> tuple[type, ...]:
    return kind if isinstance(kind, tuple) else (kind,)


def decode(source: str) -> ExportRecord:
    """The record that ``encode`` wrote: outputs have their attempts' numbers for ids. Raises ``ValueError`` naming the field."""
    try:
        read = orjson.loads(source)
    except orjson.JSONDecodeError as problem:
        raise ValueError(f"field 'corrigenda.source' is not JSON ({problem}): the file was changed") from None
    told = _Told(read, "field 'corrigenda.source'")
    if told.need("v", int) > VERSION:
        raise ValueError(
            f"field 'corrigenda.source' is of version {told.need('v', int)}; this one reads up to {VERSION}"
        )
    labels = _texts(told.get("labels", list, []), "labels")
    question = Question(
        told.need("prompt", str),
        told.get("context", str, ""),
        told.get("guidelines", str, ""),
        ItemType(told.need("type", str)),
        labels,
    )
    attempts = [_read(one) for one in told.need("attempts", list)]
    others = [_read(one) for one in told.get("others", list, [])]
    lessons = [_lesson(one) for one in told.get("lessons", list, [])]
    outcomes = {str(one.output_id): right for one, right in (*attempts, *others) if right is not None}
    return ExportRecord(
        0,
        told.need("external_id", str),
        question,
        tuple(one for one, _ in attempts),
        told.get("reference", str),
        {"outcomes": outcomes} if outcomes else {},
        tuple(one for one, _ in others),
        tuple(lessons),
    )


def _texts(values: Sequence[object], name: str) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"field 'corrigenda.source': {name!r} must be texts")
    return tuple(map(str, values))


def _read(value: object) -> tuple[ExportAttempt, bool | None]:
    """An attempt, and whether it ended right where that was known from a reference alone."""
    told = _Told(value, "field 'corrigenda.source': an attempt")
    number = told.need("number", int)
    steps = _texts(told.get("steps", list, []), "steps")
    wrong = told.get("first_wrong_step", int)
    if wrong is not None and steps and not 0 <= wrong < len(steps):
        raise ValueError(f"field 'corrigenda.source': the answer has {len(steps)} steps, and no step {wrong + 1}")
    verdict = told.get("verdict", str)
    labels = [_label(one) for one in told.get("step_labels", list, [])]
    if len(labels) > len(steps):
        raise ValueError(f"field 'corrigenda.source': {len(labels)} step labels for {len(steps)} steps")
    attempt = ExportAttempt(
        number,
        number,
        told.need("text", str),
        told.get("model", str, ""),
        steps,
        Verdict(verdict) if verdict else None,
        wrong,
        (*labels, *[None] * (len(steps) - len(labels))),
        tuple(_read_correction(one) for one in told.get("corrections", list, [])),
        told.get("seconds", (int, float)),
        told.get("reviewed_at", str),
        told.get("parent", int),
        told.get("origin", str, "generated"),
        told.get("label", str),
        told.get("error_type", str),
        critiques=tuple(_critique(one) for one in told.get("critiques", list, [])),
        rollouts=tuple(_rollout(one) for one in told.get("rollouts", list, [])),
        answer_right=told.get("answer_right", bool),
        alternatives=tuple(_alternative(one) for one in told.get("alternatives", list, [])),
        earlier=tuple(_earlier(one) for one in told.get("earlier", list, [])),
    )
    return attempt, told.get("ends_right", bool)


def _label(value: Any) -> StepLabel | None:
    return None if value is None else StepLabel(value)


def _fields(value: object, kinds: Sequence[tuple[type, ...]], what: str) -> list[Any]:
    """A list of values of these kinds, in this order."""
    if not isinstance(value, list) or len(value) != len(kinds):
        raise ValueError(f"field 'corrigenda.source': {what} must be a list of {len(kinds)} values")
    if not all(isinstance(one, kind) and not isinstance(one, bool) for one, kind in zip(value, kinds, strict=True)):
        raise ValueError(f"field 'corrigenda.source': a value of {what} is not of the right type")
    return value


_TEXT, _PERHAPS_TEXT, _PERHAPS_INT = (str,), (str, type(None)), (int, type(None))


def _read_correction(value: object) -> CorrectionText:
    kinds = (_TEXT, _TEXT, _TEXT, _PERHAPS_INT, _PERHAPS_TEXT, _PERHAPS_TEXT)
    text, scope, dependency, step, kind, rewrite = _fields(value, kinds, "a correction")
    return CorrectionText(0, text, Scope(scope), Dependency(dependency), step, kind, rewrite)


def _critique(value: object) -> Critique:
    told = _Told(value, "field 'corrigenda.source': a critique")
    return Critique(
        told.need("step_index", int),
        told.need("source", str),
        StepLabel(told.need("label", int)),
        told.need("explanation", str),
        float(told.get("confidence", (int, float), 0.0)),
        told.get("error_type", str),
    )


def _rollout(value: object) -> ExportRollout:
    told = _Told(value, "field 'corrigenda.source': a continuation")
    return ExportRollout(
        told.need("prefix_steps", int), told.need("text", str), told.get("right", bool), told.get("sampler", str, "")
    )


def _alternative(value: object) -> tuple[int, str, StepLabel | None]:
    step, text, label = _fields(value, ((int,), _TEXT, _PERHAPS_INT), "an alternative")
    return step, text, _label(label)


def _earlier(value: object) -> tuple[str, int | None]:
    verdict, wrong = _fields(value, (_TEXT, _PERHAPS_INT), "an earlier judgement")
    return Verdict(verdict).value, wrong


def _lesson(value: object) -> LessonText:
    kind, text, when, name = _fields(value, (_TEXT, _TEXT, _TEXT, _PERHAPS_TEXT), "a lesson")
    return LessonText(0, LessonKind(kind), text, when, name=name)
