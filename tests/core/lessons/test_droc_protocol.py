"""What lessons save by DROC's own protocol (paper 9), and whether the right ones are found, with the real encoder and index.

The answers come from a named simulator, not from a model: see ``core.evaluation.rule_families``.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from core.embedding import Embedder
from core.evaluation import rule_families
from core.evaluation.memories import Encoder, Lessons
from core.evaluation.rule_families import Families, Rule, RuleObeyingSimulator
from core.generators.base import Message
from core.lessons.base import History
from core.lessons.deterministic import applicability
from core.lessons.sufficiency import Candidate, queries
from core.types import Attempt, CorrectionText, LessonKind, Question

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def families() -> Families:
    return rule_families.read(ROOT / "assets/evaluation/rule_families.json")


def test_simulator_obeys_its_prompt_and_nothing_else() -> None:
    rule = Rule(name="decimals", marker="two decimals", said=("Give two decimals.",))
    simulator, question = RuleObeyingSimulator([rule]), Question("Price with two decimals?")
    assert simulator.answer([Message("user", question.prompt)], question).endswith("kept: ")
    asked = [Message("system", "- Give two decimals."), Message("user", question.prompt)]
    assert simulator.answer(asked, question).endswith("kept: decimals")


def test_markers_stand_in_no_question(families: Families) -> None:
    for family in families.families:
        for prompt in [p for r in range(families.rounds) for p in family.items(r)]:
            assert not any(rule.marker in prompt for rule in family.rules)


def test_lessons_save_corrections(embedder: Embedder, families: Families) -> None:
    found = rule_families.evaluate(families, 0, embedder.embed)
    total = 6 * 12 * 2
    assert found["baselines"]["no_memory"]["corrections_by_round"] == [total] * 3
    corrections = found["corrections_by_round"]
    assert corrections[0] <= 0.5 * total
    assert corrections[2] <= 0.1 * total
    assert found["injected_when_unrelated"] <= 0.3
    assert max(found["other_families_rules_per_item"]) <= 0.5
    everything = found["baselines"]["all_rules_in_prompt"]
    assert everything["injected_when_unrelated"] >= 12  # the price of a memory that is in every prompt
    assert found["tokens_per_prompt"] < everything["tokens_per_prompt"]


def test_a_file_of_families_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"families": [{"name": "x", "rules": [], "prompts": ["a"], "fills": [["b"]]}]}')
    with pytest.raises(ValueError, match=r"families\.0\.rules"):
        rule_families.read(tmp_path / "bad.json")


def test_paraphrased_questions_find_their_lesson(embedder: Embedder) -> None:
    rows = [json.loads(line) for line in (ROOT / "tests/data/lesson_queries.jsonl").read_text().splitlines()]
    memory = Lessons(Encoder(embedder.embed))
    for row in rows:
        correction = CorrectionText(1, row["correction"])
        memory.learn(History(Question(row["prompt"]), (Attempt(1, "x", (), correction),)), row["prompt"])
    asked = [(row["prompt"], query) for row in rows for query in row["queries"]]
    memory.encode([query for _, query in asked])
    assert len(asked) == 60
    ranked = [[memory.families[x.lesson.id] for x in _top(memory, query)] for _, query in asked]
    assert _recall(asked, ranked) >= 0.90
    accepted = [[memory.families[x.id] for x in memory.find(Question(query))] for _, query in asked]
    assert _recall(asked, accepted) >= 0.80
    assert sum(name != wanted for (wanted, _), names in zip(asked, accepted, strict=True) for name in names) <= 15


def _top(memory: Lessons, query: str) -> list[Candidate]:
    """The best three by the gate's probability, whatever it says of them."""
    candidates = memory.candidates(Question(query), queries(Question(query))[0])
    return sorted(candidates, key=lambda x: -memory.gate.probability(x.features))[:3]


def _recall(asked: list[tuple[str, str]], found: list[list[str]]) -> float:
    return sum(wanted in names for (wanted, _), names in zip(asked, found, strict=True)) / len(asked)


@pytest.fixture(scope="module")
def fictional(embedder: Embedder) -> tuple[Lessons, list[dict[str, str]]]:
    """Knowledge of things that do not exist, so that no encoder has read of it."""
    rows = [json.loads(line) for line in (ROOT / "tests/data/fictional_knowledge.jsonl").read_text().splitlines()]
    memory = Lessons(Encoder(embedder.embed))
    for row in rows:
        memory.add(LessonKind.RULE, row["lesson"], applicability(row["prompt"], row["lesson"]), row["lesson"])
    return memory, rows


def test_the_gate_lets_related_questions_have_their_lesson_and_unrelated_ones_nothing(
    fictional: tuple[Lessons, list[dict[str, str]]],
) -> None:
    memory, rows = fictional
    found = [[x.text for x in memory.find(Question(row["query"]))] for row in rows]
    assert sum(row["lesson"] in texts for row, texts in zip(rows, found, strict=True)) >= 0.8 * len(rows)
    lines = (ROOT / "tests/data/fictional_unrelated.jsonl").read_text().splitlines()
    unrelated = [memory.find(Question(json.loads(line)["query"])) for line in lines]
    assert len(unrelated) == 60
    assert sum(not texts for texts in unrelated) >= 0.9 * len(unrelated)
    wrong = sum(text != row["lesson"] for row, texts in zip(rows, found, strict=True) for text in texts)
    assert wrong < 0.5 * 2 * len(rows)  # plain top three lets two wrong ones in


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
