"""Items from people's files: which column holds what, and each row as a new item or as an error that says what to do.

Existing model outputs come along when a column holds them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from core.images import BadImage, NewImage, read_column
from core.table_files import Format, RowError, called, raw_rows

MAX_FIELD_CHARS = 1_000_000
N_BEST = ("hypotheses", "nbest", "n_best", "input")  # columns that may hold a transcript's hypotheses, best first
_KNOWN_AS = {
    "prompt": (
        "prompt",
        "question",
        "problem",
        "input",
        "instruction",
        "source",
        "query",
        "text",
        "task",
        "hypotheses",
        "nbest",
    ),
    "context": ("context", "passage", "document", "background", "source_text"),
    "reference": (
        "reference",
        "gold",
        "ground_truth",
        "ground_truth_answer",
        "target",
        "expected",
        "solution",
        "reference_answer",
    ),
    "external_id": ("external_id", "id", "uid", "uuid", "item_id", "key", "problem_id", "question_id"),
    "answer": (
        "answer",
        "output",
        "response",
        "completion",
        "prediction",
        "model_output",
        "generation",
        "model_answer",
    ),
    "model": ("model", "model_name", "model_id", "generator"),
    "label": ("label", "class", "category", "predicted_label"),
    "images": ("images", "image"),
}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column holds what. ``answer`` is an existing model output, ``model`` its author, ``label`` its class; ``meta`` is kept.

    ``images`` may be in any form that ``core.images.read_column`` knows.
    """

    prompt: str
    context: str | None = None
    reference: str | None = None
    external_id: str | None = None
    answer: str | None = None
    model: str | None = None
    label: str | None = None
    images: str | None = None
    meta: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewRow:
    """One good row; ``number`` counts the file's rows from 1. Without one of its own, ``external_id`` hashes prompt and context."""

    number: int
    external_id: str
    prompt: str
    context: str = ""
    reference: str | None = None
    answer: str | None = None
    model: str | None = None
    label: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[NewImage, ...] | None = None  # None where the file has no column for them


def columns(path: Path, format: Format | None = None) -> list[str]:
    """Names of the columns, from the first hundred good rows, in the order in which they appear."""
    names: dict[str, None] = {}
    for _, raw in islice(raw_rows(path, format), 100):
        if not isinstance(raw, RowError):
            names.update(dict.fromkeys(raw))
    return list(names)


def guess_mapping(names: Sequence[str]) -> ColumnMapping | None:
    """A mapping by the usual names of columns; ``None`` when nothing looks like a prompt. Columns left over go into ``meta``."""
    folded = {name.strip().casefold().replace(" ", "_").replace("-", "_"): name for name in reversed(names)}
    found: dict[str, str] = {}
    for role, known in _KNOWN_AS.items():
        if (
            hit := next((folded[k] for k in known if k in folded and folded[k] not in found.values()), None)
        ) is not None:
            found[role] = hit
    if "prompt" not in found:
        return None
    return ColumnMapping(**found, meta=tuple(n for n in names if n not in found.values()))


def read_rows(
    path: Path, mapping: ColumnMapping, format: Format | None = None, *, folder: Path | None = None
) -> Iterator[NewRow | RowError]:
    """Every row in the file's order. Only a file that cannot be read at all ends early, with a ``RowError`` saying so.

    ``folder``: where pictures may be read that rows name by their path; None where no further file may be opened.
    """
    empty = True
    for number, raw in raw_rows(path, format):
        empty = False
        yield raw if isinstance(raw, RowError) else _checked(number, raw, mapping, folder)
    if empty:
        yield RowError(0, "The file holds no rows. Check that it was saved, and that a CSV file has a header line.")


def preview(path: Path, n: int = 20, format: Format | None = None) -> list[Mapping[str, Any] | RowError]:
    """The first ``n`` rows as they stand in the file, for choosing the columns."""
    return [raw for _, raw in islice(raw_rows(path, format), n)]


def _checked(number: int, row: Mapping[str, Any], mapping: ColumnMapping, folder: Path | None) -> NewRow | RowError:
    heard, kept = row.get(mapping.prompt), {}
    if mapping.prompt in N_BEST and isinstance(heard, list) and heard and all(isinstance(one, str) for one in heard):
        row, kept = {**row, mapping.prompt: heard[0]}, {"hypotheses": heard}
    try:
        names = [f.name for f in fields(mapping) if f.name not in ("meta", "images")]
        texts = {name: _text(row, getattr(mapping, name), name) for name in names}
        named = {**{name: row[name] for name in mapping.meta if name in row}, **kept}
        meta = {name: _plain(value, name) for name, value in named.items()}
    except ValueError as problem:
        return RowError(number, str(problem))
    prompt, context = texts.pop("prompt"), texts.pop("context") or ""
    if prompt is None:
        return RowError(
            number, f"The prompt (column “{mapping.prompt}”) is missing or empty; fill it in or choose another column."
        )
    external_id = texts.pop("external_id") or _hash(prompt, context)
    if len(external_id) > 200:
        return RowError(number, "The external id is longer than 200 characters; choose a column with short ids.")
    try:
        images = read_column(row.get(mapping.images), folder) if mapping.images is not None else None
    except BadImage as problem:
        return RowError(number, f"{problem} Or choose no column for images.")
    return NewRow(number, external_id, prompt, context, meta=meta, images=images, **texts)


def _hash(prompt: str, context: str) -> str:
    return "sha256:" + hashlib.sha256(f"{context}\x00{prompt}".encode()).hexdigest()[:32]


def _text(row: Mapping[str, Any], column: str | None, role: str) -> str | None:
    """The text of a column, ``None`` when missing or blank; numbers are written out. Raises ``ValueError`` with what to do."""
    value = row.get(column) if column is not None else None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | int | float):
        value = str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, str):
        raise ValueError(f"The {role.replace('_', ' ')} (column “{column}”) is {called(value)}; it must be text.")
    if len(value) > MAX_FIELD_CHARS:
        raise ValueError(f"The field “{column}” has {len(value):,} characters; at most {MAX_FIELD_CHARS:,} are taken.")
    return _clean(value) if value.strip() else None


def _clean(text: str) -> str:
    """Without NUL, which databases refuse."""
    return text.replace("\x00", "")


def _plain(value: object, column: str) -> Any:
    """A value of ``meta`` as JSON: what JSON cannot hold is written out as text."""
    try:
        data = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError as problem:
        raise ValueError(f"The field “{column}” cannot be kept ({problem}); leave the column out.") from problem
    if len(data) > MAX_FIELD_CHARS:
        raise ValueError(f"The field “{column}” is larger than 1 MB; leave the column out.")
    return _cleaned(orjson.loads(data))


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return {_clean(key): _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    return _clean(value) if isinstance(value, str) else value
