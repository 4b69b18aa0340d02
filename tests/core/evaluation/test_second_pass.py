"""Two passes over corrected queries, with a fake encoder: words as vectors."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.evaluation import second_pass
from core.evaluation.second_pass import Parsed, copied, normalised
from core.types import LessonKind, LessonText

WORDS = ["count", "names", "singers", "pets", "list", "age", "old", "young"]


def embed(texts: Sequence[str]) -> np.ndarray:
    """Not an encoder: which of eight words stand in the text."""
    rows = np.array([[1.0, *(float(word in text.lower()) * 4 for word in WORDS)] for text in texts], np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def solved(question: str, answer: str) -> LessonText:
    return LessonText(1, LessonKind.EXEMPLAR, f"Question: {question}\nAnswer: {answer}", question)


def test_queries_are_compared_without_case_spaces_and_literals() -> None:
    assert normalised("SELECT  avg(Age) FROM t WHERE n >= 3;") == normalised(
        "select avg ( age ) from t where n > = 'x'"
    )
    assert normalised("select T1.a from t1") == "select t1.a from t1"


def test_the_simulator_copies_the_example_most_alike() -> None:
    lessons = [solved("count the pets", "select 1"), solved("list the singers", "select 2")]
    assert copied("Please list all singers", lessons) == "select 2"
    assert copied("anything", []) is None
    rule = LessonText(2, LessonKind.RULE, "Use an alias.", "x")
    assert copied("anything", [rule]) is None


def rows(database: str, words: Sequence[str]) -> list[Parsed]:
    """Each question twice, in two wordings; the answer hangs on the word alone."""
    return [
        Parsed(
            f"{database}{word}{n}",
            database,
            f"{start} {word}?",
            f"wrong {word}",
            f"select {word} from {database}",
            "No",
        )
        for word in words
        for n, start in enumerate(("what about", "show us"))
    ]


def test_the_second_pass_needs_corrections_only_for_what_was_never_said() -> None:
    data = [*rows("music", WORDS[:4]), *rows("zoo", WORDS[4:])]
    found = second_pass.evaluate(data, 0, embed)
    assert found["databases"] == 2 and found["n_second"] == 8
    known = found["corrections_per_item"]
    assert known["first_pass"] > known["second_pass"]
    assert found["baselines"]["no_memory"]["corrections_per_item"]["second_pass"] == 1.0
    assert found["across_databases"]["corrections_per_item"] == 1.0
    assert found["fix_rate"] == pytest.approx(1 - known["second_pass"])


def test_a_row_without_a_field_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "1", "question": "q"}) + "\n")
    with pytest.raises(ValueError, match=r"a\.jsonl.*db_id"):
        second_pass.read(tmp_path)
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(ValueError, match="no corrected query"):
        second_pass.read(tmp_path)
