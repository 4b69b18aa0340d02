"""What lessons save by DROC's own protocol (paper 9), and whether the right ones are found, with the real encoder and index.

The answers come from a named simulator, not from a model: see ``droc_protocol``.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from core.embedding import Embedder
from core.generators.base import Message
from core.lessons.base import History
from core.types import Attempt, CorrectionText, LessonText, Question
from tests.core.lessons import droc_protocol as droc

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.models


def test_simulator_obeys_its_prompt_and_nothing_else() -> None:
    rule = droc.FAMILIES[0].rules[0]
    simulator, question = droc.RuleObeyingSimulator([rule]), Question("Price with two decimals?")
    assert simulator.answer([Message("user", question.prompt)], question).endswith("kept: ")
    asked = [Message("system", "- Give two decimals."), Message("user", question.prompt)]
    assert simulator.answer(asked, question).endswith("kept: decimals")


def test_markers_stand_in_no_question() -> None:
    for family in droc.FAMILIES:
        for prompt in [p for r in range(3) for p in family.items(r)]:
            assert not any(rule.marker in prompt for rule in family.rules)


def test_lessons_save_corrections(embedder: Embedder) -> None:
    without, _ = droc.run(None)
    rounds, knowledge = droc.run(embedder)
    assert knowledge is not None
    total = without[0].corrections
    corrections = [r.corrections for r in rounds]
    knowledge.expect(droc.UNRELATED)
    foreign = sum(droc.irrelevant_rules(knowledge, knowledge.find(p), "") for p in droc.UNRELATED) / len(droc.UNRELATED)
    among = [sum(r.irrelevant_rules) / len(r.irrelevant_rules) for r in rounds]
    print(
        f"corrections without lessons {total}, with {corrections}; irrelevant rules: unrelated {foreign:.2f}, among families {among}"
    )
    assert total == 6 * 12 * 2
    assert corrections[0] <= 0.5 * total
    assert corrections[2] <= 0.1 * total
    assert foreign <= 0.5
    assert max(among) <= 0.5


def test_paraphrased_questions_find_their_lesson(embedder: Embedder) -> None:
    rows = [json.loads(line) for line in (ROOT / "tests/data/lesson_queries.jsonl").read_text().splitlines()]
    knowledge = droc.Knowledge(embedder)
    for row in rows:
        correction = CorrectionText(1, row["correction"])
        knowledge.learn(History(Question(row["prompt"]), (Attempt(1, "x", (), correction),)), row["prompt"])
    knowledge.expect([query for row in rows for query in row["queries"]])
    queries = [(row["prompt"], query) for row in rows for query in row["queries"]]
    found = [[knowledge.families[x.id] for x in _top(knowledge, query)] for _, query in queries]
    recall = sum(wanted in got for (wanted, _), got in zip(queries, found, strict=True)) / len(queries)
    extra = sum(sum(g != wanted for g in got) for (wanted, _), got in zip(queries, found, strict=True)) / len(queries)
    print(f"recall@3 {recall:.3f} over {len(queries)} queries, {extra:.2f} other lessons per query")
    assert len(queries) == 60
    assert recall >= 0.90


def _top(knowledge: droc.Knowledge, query: str) -> list[LessonText]:
    """The best three over all slots."""
    return sorted(knowledge.find(query), key=lambda x: -x.score)[:3]


def test_nothing_in_the_path_evaluates_text() -> None:
    paths = [*ROOT.glob("core/lessons/*.py"), *ROOT.glob("core/refiners/*.py"), *ROOT.glob("core/exporters/*.py")]
    paths += [*ROOT.glob("core/edits/*.py"), *(ROOT / "core" / name for name in ("importing.py", "table_files.py"))]
    forbidden = {
        "eval",
        "exec",
        "compile",
        "__import__",
        "pickle",
        "dill",
        "marshal",
        "shelve",
        "joblib",
        "cloudpickle",
    }
    assert len(paths) > 12
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Name):
                names = [node.id]
            elif isinstance(node, ast.Import):
                names = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").split(".")[0]]
            assert not forbidden.intersection(names), f"{path}: {names}"
