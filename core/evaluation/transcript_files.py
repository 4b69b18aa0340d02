"""Reads utterances with N-best hypotheses and a reference, and parts them into those that are streamed and those that never are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.evaluation.lesson_stream import unseen
from core.evaluation.rows import read_jsonl


@dataclass(frozen=True, slots=True)
class Utterance:
    """``hypotheses`` best first."""

    hypotheses: tuple[str, ...]
    reference: str

    @property
    def best(self) -> str:
        return self.hypotheses[0]

    @property
    def others(self) -> tuple[str, ...]:
        return self.hypotheses[1:]


def read(path: Path) -> tuple[list[Utterance], list[Utterance], str]:
    """(train, test, how they were parted). A folder's files that begin with ``train`` and ``test`` are its parts; otherwise a third of
    the references is apart, by a hash of their words. Raises ``ValueError`` that names file and row."""
    files = sorted([*path.glob("*.jsonl"), *path.glob("*.json")]) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path} has no .jsonl or .json file of utterances")
    parts: dict[str, list[Utterance]] = {"train": [], "test": [], "": []}
    for file in files:
        part = next((name for name in ("train", "test") if path.is_dir() and file.name.startswith(name)), "")
        parts[part] += [_utterance(place, row) for place, row in _rows(file)]
    if parts["train"] and parts["test"]:
        return parts["train"] + parts[""], parts["test"], "by file"
    every = [one for rows in parts.values() for one in rows]
    apart = unseen([one.reference for one in every])
    train, test = (
        [one for one, away in zip(every, apart, strict=True) if bool(away) is side] for side in (False, True)
    )
    if not train or not test:
        raise ValueError(f"{path}: too few utterances to keep a third apart")
    return train, test, "a third apart by a hash of the reference"


def _rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Lines of JSON, or one list."""
    if file.suffix == ".jsonl":
        yield from read_jsonl(file)
        return
    try:
        rows = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as problem:
        raise ValueError(f"{file.name} is not JSON in UTF-8: {problem}") from None
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        yield f"{file.name} row {number}", row


def _utterance(place: str, row: Any) -> Utterance:
    said = row.get("hypotheses", row.get("input")) if isinstance(row, dict) else None
    reference = row.get("reference", row.get("output")) if isinstance(row, dict) else None
    if said is None or not _texts(said) or not isinstance(reference, str):
        raise ValueError(f"{place}: an utterance has 'hypotheses', a list of texts, best first, and 'reference'")
    return Utterance(tuple(said), reference)


def _texts(said: Any) -> bool:
    return (
        isinstance(said, Sequence)
        and not isinstance(said, str)
        and bool(said)
        and all(isinstance(x, str) for x in said)
    )
