from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.evaluation.formats import read

RULES = """
- name: greets
  kind: pattern
  field: prompt
  options: {pattern: "(?i)hello"}
  says: ham
- name: sells
  kind: pattern
  field: prompt
  options: {pattern: "(?i)buy"}
  says: spam
"""


def folder(tmp_path: Path, rows: list[dict[str, Any]], rules: str = "", labels: Any = None) -> Path:
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n", "utf-8")
    if rules:
        (tmp_path / "rules.yaml").write_text(rules, "utf-8")
    if labels is not None:
        (tmp_path / "labels.json").write_text(json.dumps(labels), "utf-8")
    return tmp_path


LABELLED = [
    {"id": "a", "text": "Hello you", "label": "ham", "votes": {"old rule": "spam"}},
    {"id": "b", "text": "Buy now, hello", "label": "spam", "group": "g", "model": "m", "signals": {"x": 2}},
]


def test_rows_of_labels_with_votes_and_rules(tmp_path: Path) -> None:
    found = read("rows", folder(tmp_path, LABELLED, RULES))
    assert found.labels == ("ham", "spam")
    assert [dict(row.votes) for row in found.rows] == [{"old rule": 1, "greets": 0}, {"greets": 0, "sells": 1}]
    assert [(row.gold, row.group, row.model, dict(row.signals)) for row in found.rows] == [
        (0, "a", "", {}),
        (1, "g", "m", {"x": 2.0}),
    ]
    assert found.ask is not None
    assert found.ask.words == (("ham",), ("spam",))


def test_labels_json_gives_order_and_words(tmp_path: Path) -> None:
    given = {
        "labels": ["spam", "ham"],
        "words": {"ham": ["normal", "fine"]},
        "system": "Spam?",
        "examples": [["x", "spam"]],
    }
    found = read("rows", folder(tmp_path, LABELLED, labels=given))
    assert found.labels == ("spam", "ham")
    assert [row.gold for row in found.rows] == [1, 0]
    assert found.ask is not None
    assert found.ask.words == (("spam",), ("normal", "fine"))
    assert found.ask.examples == (("x", "spam"),)


def test_rows_of_answers(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "prompt": "2+2?", "answer": "4", "is_correct": True, "votes": {"check": "acceptable"}},
        {"id": 2, "prompt": "2+2?", "answer": "5", "is_correct": False, "votes": {"check": "faulty", "other": None}},
        {"id": 3, "prompt": "2+2?", "answer": "4.1", "wrong": 0.25},
    ]
    found = read("rows", folder(tmp_path, rows))
    assert found.labels == ()
    assert [row.wrong for row in found.rows] == [0.0, 1.0, 0.25]
    assert [dict(row.votes) for row in found.rows] == [{"check": 0}, {"check": 1}, {}]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "c", "text": 7, "label": "ham"}, "line 2: 'text' must be a text"),
        ({"id": "c", "text": "x", "label": "eggs", "labels": 1}, "none of ham, spam"),
        ({"id": "c", "text": "x", "label": "ham", "votes": {"r": "eggs"}}, "a vote says 'eggs'"),
        ({"id": "c", "text": "x", "label": "ham", "votes": ["r"]}, "votes are an object"),
        ({"id": "c", "text": "x", "label": "ham", "signals": {"s": "high"}}, "'s' must be a number"),
        ({"id": "a", "text": "x", "label": "ham"}, "two rows have the same id"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read("rows", folder(tmp_path, [LABELLED[0], row], labels=["ham", "spam"]))


def test_answers_without_an_outcome_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'wrong' must be a number"):
        read("rows", folder(tmp_path, [{"id": 1, "prompt": "p", "answer": "a"}]))
    with pytest.raises(ValueError, match="share between 0 and 1"):
        read("rows", folder(tmp_path, [{"id": 1, "prompt": "p", "answer": "a", "wrong": 2}]))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rows\.jsonl is missing"):
        read("rows", tmp_path)
    with pytest.raises(ValueError, match="is not there"):
        read("rows", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="there is no format 'other'"):
        read("other", tmp_path)
    (tmp_path / "rows.jsonl").write_bytes(b'{"id": 1}\n\xff\xfe\n')
    with pytest.raises(ValueError, match="line 2 is not JSON in UTF-8"):
        read("rows", tmp_path)
    (tmp_path / "rows.jsonl").write_text("\n\n", "utf-8")
    with pytest.raises(ValueError, match="has no rows"):
        read("rows", tmp_path)
    with pytest.raises(ValueError, match=r"rules\.yaml: .*line 2"):
        read("rows", folder(tmp_path, LABELLED, "\n- name: x\n"))


def test_a_rule_that_fails_abstains_and_is_noted(tmp_path: Path) -> None:
    rule = "- {name: odd, kind: pattern, field: prompt, options: {pattern: hello}, says: eggs}\n"
    found = read("rows", folder(tmp_path, LABELLED, rule))
    assert all("odd" not in row.votes for row in found.rows)
    assert found.notes == ("rule 'odd' failed on 1 rows and abstained there",)
