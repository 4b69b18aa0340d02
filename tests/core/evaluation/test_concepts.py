"""Problems and the concepts that they need, with a fake encoder: words as vectors."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.evaluation import concepts

WORDS = ["circle", "radius", "prime", "divisor", "triangle", "angle", "sum", "series"]


def embed(texts: Sequence[str]) -> np.ndarray:
    """Not an encoder: which of eight words stand in the text."""
    rows = np.array([[0.5, *(float(word in text.lower()) for word in WORDS)] for text in texts], np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write(folder: Path, problems: Sequence[tuple[str, str]]) -> Path:
    known = [{"id": f"C{n}", "name": None, "text": f"theorem number {n} on nothing"} for n in range(8)]
    (folder / "concepts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in known))
    rows = [{"problem": text, "knowledge": [gold, "hint"]} for text, gold in problems]
    (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_past_use_finds_what_the_words_of_a_concept_do_not(tmp_path: Path) -> None:
    problems = [(f"{word} and {word} once more, case {n}", f"C{i}") for i, word in enumerate(WORDS) for n in range(2)]
    found = concepts.evaluate(write(tmp_path, problems), 0, embed)
    assert found["n"] == 16
    assert found["hit_at_5"] == 1.0 and found["mrr"] == 1.0
    assert found["baselines"]["without_past_use"]["mrr"] < 1.0
    assert set(found["baselines"]) == {"without_past_use", "plain_minilm", "most_often_needed"}


def test_a_problem_is_never_told_its_own_concepts(tmp_path: Path) -> None:
    problems = [(f"{word} alone", f"C{i}") for i, word in enumerate(WORDS)]
    found = concepts.evaluate(write(tmp_path, problems), 0, embed)
    assert found["mrr"] == pytest.approx(1 / 8)  # those of all others come first


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, [("a circle", "nothing")])
    with pytest.raises(ValueError, match="no problem names a concept"):
        concepts.evaluate(folder, 0, embed)
    (folder / "problems.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match=r"problems\.jsonl.*knowledge"):
        concepts.evaluate(folder, 0, embed)
