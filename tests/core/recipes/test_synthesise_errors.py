"""Errors put into clean texts: only those that people had to put right, the same for the same seed."""

from core.exporters import REGISTRY
from core.lessons.entities import Entity, as_draft
from core.recipes.synthesise_errors import Pair, Synthesiser
from core.types import CorrectionText, LessonKind, LessonText, Verdict
from tests.core.exporters.records import attempt, item

TABLE = {("gunner", "Gunnar"): 3, ("gonner", "Gunnar"): 1, ("shop boy", "shopboy"): 2}
CLEAN = ["then Gunnar, it is said, rode", "the shopboy saw Gunnar", "nothing of this was ever misheard"]


def test_right_forms_become_what_was_once_heard_for_them() -> None:
    pairs = Synthesiser(TABLE).pairs(CLEAN, copies=20)
    assert {pair.target for pair in pairs} == set(CLEAN[:2])
    assert all(pair.source != pair.target and pair.errors in (1, 2) for pair in pairs)
    first = {pair.source for pair in pairs if pair.target == CLEAN[0]}
    assert first == {CLEAN[0].replace("Gunnar", wrong) for wrong in ("gunner", "gonner")}
    assert Pair("the shop boy saw gunner", CLEAN[1], 2) in pairs


def test_one_seed_gives_the_same_pairs_and_another_gives_others() -> None:
    texts = [f"Gunnar {n}" for n in range(40)]
    assert Synthesiser(TABLE, seed=1).pairs(texts) == Synthesiser(TABLE, seed=1).pairs(texts)
    assert Synthesiser(TABLE, seed=1).pairs(texts) != Synthesiser(TABLE, seed=2).pairs(texts)
    said = [pair.source for pair in Synthesiser(TABLE).pairs(texts)]
    assert sum("gonner" in text for text in said) < sum("gunner" in text for text in said)


def test_what_is_mostly_heard_right_is_seldom_harmed() -> None:
    clean = [f"Gunnar met the shopboy {n}" for n in range(100)]
    pairs = Synthesiser(TABLE, clean).pairs(clean)
    assert len(pairs) == 100 and sum(pair.errors == 2 for pair in pairs) <= 2
    assert Synthesiser({}).pairs(clean) == []


def test_the_export_uses_the_pairs_of_active_entities_alone() -> None:
    text = "Gunnar met the shopboy"
    fix = CorrectionText(1, "", rewrite=text)
    draft = as_draft(Entity("gunner", "Gunnar"), (1,))
    lesson = LessonText(1, LessonKind.ENTITY, draft.text, draft.applicability, name=draft.name)
    fixed = attempt(1, steps=("gunner met the shop boy",), verdict=Verdict.FAULTY, corrections=(fix,))
    other = item(2, attempt(2, steps=("a shopboy",), verdict=Verdict.ACCEPTABLE))
    exporter = REGISTRY.make("synthetic_errors")
    (row,) = exporter.rows([item(1, fixed, lessons=(lesson,)), other])
    assert (row["source"], row["target"], row["errors"]) == ("gunner met the shopboy", text, 1)
    assert [pair["correction"] for pair in row["edits"]] == ["Gunnar"] and sum(exporter.dropped.values()) == 1
    without = list(REGISTRY.make("synthetic_errors").rows([item(1, fixed), other]))
    assert [one["target"] for one in without] == [text, "a shopboy"]
