"""The CHAMP problems as demo material: read from the package's data file, without importing the package's code.

CHAMP (Concept and Hint-Annotated Math Problems, MIT) has 270 competition problems, each with the concepts and hints that people
wrote for it, their own solution, and answers of four models in which people marked the first wrong step.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

DATA_FILE = "dataset_files/v0.json"


class DemoDataMissing(RuntimeError):
    """The package with the demo's problems is not installed; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``concepts`` are ids shared between problems: the gold links against which retrieval is scored. They enter no prompt."""

    id: str
    category: str
    prompt: str
    answer: str
    solution: tuple[str, ...]
    hints: tuple[str, ...]
    concepts: frozenset[str]


@dataclass(frozen=True, slots=True)
class MarkedSolution:
    """A model's answer; ``wrong_start``:``wrong_end`` is the first wrong place that people marked, ``None`` when all is right."""

    problem_id: str
    model: str
    condition: str
    text: str
    wrong_start: int | None
    wrong_end: int | None


@dataclass(frozen=True, slots=True)
class Champ:
    problems: tuple[Problem, ...]
    solutions: tuple[MarkedSolution, ...]


def data_file() -> Path:
    """Where the package keeps its data; raises ``DemoDataMissing``."""
    spec = importlib.util.find_spec("champ_dataset")
    path = Path(spec.origin).parent / DATA_FILE if spec and spec.origin else None
    if path is None or not path.exists():
        raise DemoDataMissing(
            "the demo's problems are not installed: run `make env`, or `pip install --no-deps champ-dataset==1.0.0`"
        )
    return path


def load(path: Path | None = None) -> Champ:
    """All problems in the file's order, with their marked solutions."""
    raw = orjson.loads((path or data_file()).read_bytes())
    hints = {key: hint["_text"] for key, hint in raw["hints"].items()}
    problems = tuple(_problem(p, hints) for p in raw["problems"].values())
    solutions = tuple(s for p in raw["problems"].values() for s in _solutions(p))
    return Champ(problems, solutions)


def _problem(raw: dict[str, Any], hints: dict[str, str]) -> Problem:
    linked = dict.fromkeys(raw["ch_list"])
    return Problem(
        id=raw["identifier"],
        category=raw["category"],
        prompt=raw["_text"],
        answer=raw["_answer"],
        solution=tuple(step["_text"] for step in raw["solution"]["steps"]),
        hints=tuple(hints[key] for key in linked if key in hints),
        concepts=frozenset(key for key in linked if key.startswith("C_")),
    )


def _solutions(raw: dict[str, Any]) -> list[MarkedSolution]:
    found = []
    for key, mark in raw["fws_annotations"].items():
        model, condition = key.split("|", 1)
        found.append(
            MarkedSolution(raw["identifier"], model, condition, mark["text"], mark["start_idx"], mark["end_idx"])
        )
    return found
