"""The file of a knowledge base: written whole or not at all, and refused with the line where it is not as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.lessons import knowledge_base
from core.lessons.knowledge_base import BadKnowledgeBase, LessonRow
from core.types import LessonKind

ROWS = [
    LessonRow(
        id=f"p/{n}", kind=LessonKind.RULE, text=f"Round prices {n} times.", applicability="prices", status="active"
    )
    for n in range(4)
]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    head = knowledge_base.write(tmp_path / "a.jsonl", ROWS, {"licence": "mine"})
    assert (head.lessons, head.statuses) == (4, {"active": 4})
    assert knowledge_base.check(tmp_path / "a.jsonl") == head
    assert list(knowledge_base.rows(tmp_path / "a.jsonl")) == ROWS


def test_no_half_written_file_stands_there(tmp_path: Path) -> None:
    def broken() -> Iterator[LessonRow]:
        yield ROWS[0]
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        knowledge_base.write(tmp_path / "a.jsonl", broken(), {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda lines: lines[:-1], "ends after line 4 with 3"),
        (lambda lines: [*lines[:2], lines[2][:40], *lines[3:]], "line 3 is no JSON"),
        (lambda lines: [*lines[:2], lines[2].replace("prices", "crises"), *lines[3:]], "do not match the hash"),
        (lambda lines: [*lines[:2], lines[2].replace('"rule"', '"law"'), *lines[3:]], "line 3: kind"),
        (
            lambda lines: [lines[0].replace('"schema":1', '"schema":2'), *lines[1:]],
            "schema 2 and this version reads schema 1",
        ),
        (lambda lines: lines[1:], "line 1 is not the head"),
        (lambda lines: [*lines[:2], lines[1], *lines[3:]], "stands in line 2 already"),
        (lambda lines: [""], "line 1 is no JSON"),
        (lambda lines: ['[{"text": "x"}, {"words": "y"}]'], "entry 2: text"),
        (lambda lines: ["[1"], "no JSON"),
    ],
)
def test_a_damaged_file_says_where(tmp_path: Path, spoil: Callable[[list[str]], list[str]], says: str) -> None:
    knowledge_base.write(tmp_path / "a.jsonl", ROWS, {"project": "prices"})
    assert knowledge_base.check(tmp_path / "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    (tmp_path / "a.jsonl").write_text("\n".join(spoil(lines)) + "\n")
    with pytest.raises(BadKnowledgeBase, match=says):
        knowledge_base.check(tmp_path / "a.jsonl")
