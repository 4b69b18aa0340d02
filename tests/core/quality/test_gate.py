"""The gate: who goes in, in which order, why the others do not; paper 7's two teachers; and rows that say the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.exporters import REGISTRY
from core.exporters.base import ExportRecord
from core.exporters.writing import typed_first
from core.quality import duplicates
from core.quality.duplicates import Held, leaked, near, normalised, same_text
from core.quality.gate import BEYOND, LEAK, NEAR_SAME, NOT_AUDITED, SAME, WRONG_STEPS, Gate, Mark, Rows, choose, means
from core.quality.indicators import NAMES
from core.quality.marking import Marked
from core.quality.rows import admitted, row_of
from core.reports.supervision_quality import Supervised, SupervisionQualityReport
from core.types import Critique, StepLabel, Verdict
from tests.core.exporters.records import ACCEPTED, NEVER_RIGHT, RETRIED, REWRITTEN, attempt, item


def rows(n: int, vectors: np.ndarray | None = None, texts: list[str] | None = None, **known: list[float]) -> Rows:
    columns = {name: np.array(known.get(name, [np.nan] * n), float) for name in NAMES}
    return Rows(list(range(1, n + 1)), texts or [f"t{k}" for k in range(n)], columns, np.zeros(n, bool), vectors)


def test_the_best_k_go_in_and_ties_go_to_the_lower_id() -> None:
    found = choose(rows(5, mtld=[3, 9, 9, 1, 5]), Gate("mtld", keep=3))
    assert list(found.marks) == [2, 3, 5] and [mark.rank for mark in found.marks.values()] == [1, 2, 3]
    assert found.dropped == {BEYOND: 2} and found.order == [1, 2, 4, 0, 3]


def test_the_same_gate_chooses_the_same() -> None:
    rng = np.random.default_rng(0)
    some = rows(200, mtld=list(rng.integers(0, 5, 200)))
    gate = Gate("mtld", keep=50, near_duplicates=0.9)
    assert choose(some, gate).marks == choose(some, gate).marks and len(choose(some, gate).marks) == 50
    assert Gate.of(gate.to_json()) == gate and Gate.of({}) is None and Gate.of(None) is None


def test_each_reason_is_counted_once_and_the_better_of_two_duplicates_stays() -> None:
    vectors = np.eye(6, dtype=np.float32)
    vectors[5] = vectors[4]
    texts = ["a", "a", "b", "c", "d", "e"]
    some = rows(6, vectors, texts, mtld=[1, 2, 3, 4, 5, 6])
    some.leaked[2] = True
    found = choose(some, Gate("mtld", near_duplicates=0.9))
    assert list(found.marks) == [6, 4, 2]
    assert found.dropped == {LEAK: 1, SAME: 1, NEAR_SAME: 1}
    assert sum(found.dropped.values()) + len(found.marks) == 6


def test_two_teachers_with_the_same_outcome_error_and_other_steps() -> None:
    """Paper 7: outcome error .6 for both, step error .15 and .6; the first one's items rank first, and weights differ."""

    def teacher(name: str, first_wrong: int) -> list[Supervised]:
        wrong = [Supervised(name, True, first_wrong, 4) for _ in range(6)]
        return [*wrong, *[Supervised(name, False, -1, 4) for _ in range(4)]]

    report = SupervisionQualityReport().compute([*teacher("careful", 3), *teacher("wild", 0)])
    figures = {one["author"]: one for one in report["authors"]}
    assert figures["careful"]["outcome_error"] == figures["wild"]["outcome_error"] == 0.6
    assert figures["careful"]["step_error"] == pytest.approx(0.15) and figures["wild"]["step_error"] == 0.6
    authors = ["wild", "careful"] * 5
    some = rows(10, step_error=[figures[one]["step_error"] for one in authors])
    both = choose(some, Gate(max_step_error=0.7))
    assert [authors[item - 1] for item in both.marks] == ["careful"] * 5 + ["wild"] * 5
    assert {mark.weight for mark in both.marks.values()} == {0.85, 0.4}
    assert [authors[item - 1] for item in choose(some, Gate(max_step_error=0.7, keep=5)).marks] == ["careful"] * 5
    strict = choose(some, Gate(max_step_error=0.2))
    assert {authors[item - 1] for item in strict.marks} == {"careful"} and strict.dropped == {WRONG_STEPS: 5}


def test_authors_nobody_audited_stay_out_and_people_do_not_count_as_authors() -> None:
    some = replace(rows(3, step_error=[0.1, np.nan, np.nan]), by_people=np.array([False, False, True]))
    found = choose(some, Gate(max_step_error=0.2))
    assert set(found.marks) == {1, 3} and found.dropped == {NOT_AUDITED: 1}


def test_hard_items_with_wrong_answers_stay_where_the_authors_steps_are_right() -> None:
    exporter = REGISTRY.make("sft")
    assert not list(exporter.rows([NEVER_RIGHT]))
    taken = admitted(NEVER_RIGHT, {"tiny": 0.15}, 0.2)
    assert [row["messages"][-1]["content"] for row in exporter.rows([taken])] == [NEVER_RIGHT.attempts[-1].text]
    assert admitted(NEVER_RIGHT, {"tiny": 0.6}, 0.2) is NEVER_RIGHT and admitted(NEVER_RIGHT, {}, 0.2) is NEVER_RIGHT
    assert admitted(ACCEPTED, {"tiny": 0.0}, 1.0) is ACCEPTED, "what a person accepted stands"


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"rule": "best"}, "no rule 'best'"),
        ({"keep": 0, "rule": "mtld"}, "from 1 on"),
        ({"keep": True, "rule": "mtld"}, "from 1 on"),
        ({"keep": 5}, "choose a rule"),
        ({"near_duplicates": 0.2}, "from 0.5 to 1"),
        ({"max_step_error": "x"}, "from 0 to 1"),
        ({"max_step_error": float("nan")}, "from 0 to 1"),
        ({"nonsense": 1}, "a gate has no nonsense"),
    ],
)
def test_what_a_gate_cannot_be(told: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Gate.of(told)


def test_near_duplicates_match_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_BLOCK", 7)
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(60, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = list(map(int, rng.permutation(60)))
    kept: list[int] = []
    for place in order:
        if all(float(vectors[place] @ vectors[other]) < 0.9 for other in kept):
            kept.append(place)
    gone = near(vectors, order, 0.9)
    assert [place for place in order if not gone[place]] == kept and 0 < gone.sum() < 60


def test_texts_that_differ_in_case_and_signs_are_the_same() -> None:
    assert normalised(" Wie VIELE\nApfel?! ") == normalised("wie viele apfel") and normalised("2+2") != normalised(
        "2+3"
    )
    assert list(same_text(["a", "b", "a"], [2, 1, 0])) == [True, False, False]


def test_leaks_by_text_by_thirteen_words_and_by_vectors() -> None:
    long = "a train leaves the station at nine and another one leaves at ten from the same place"
    held = Held.of(["What is 2 + 2?", long, "  "])
    assert held.has("what is 2+2") and held.has(f"Think. {long.upper()}!") and not held.has("What is 2 + 3?")
    assert not held.has("a train leaves the station at nine") and not Held.of([]).has("")
    one = np.eye(3, dtype=np.float32)
    assert list(leaked(one, one[1:2])) == [False, True, False] and not leaked(one, one[:0]).any()


def test_the_row_of_a_record() -> None:
    person = row_of(REWRITTEN)
    assert person is not None and person.author is None and person.system == "Think in steps."
    model = row_of(RETRIED)
    assert model is not None and model.author == "tiny" and model.response == RETRIED.attempts[-1].text
    assert row_of(item(1)) is None
    critiques = (
        Critique(0, "c", StepLabel.RIGHT, "", 0.9),
        Critique(1, "c", StepLabel.WRONG, "", 0.7),
        Critique(2, "c", StepLabel.NEUTRAL, "", 1.0),
    )
    judged = row_of(item(1, attempt(1, verdict=Verdict.ACCEPTABLE, critiques=critiques, reviews=4, agreeing=3)))
    assert judged is not None and judged.critic == pytest.approx((0.9 + 0.3 + 0.5) / 3) and judged.agreement == 0.75
    assert judged.key("m") == judged.key("m") != judged.key("n")


def test_marks_stand_beside_and_rows_can_be_read_back() -> None:
    exporter = REGISTRY.make("dpo")
    marked = Marked(exporter, {3: Mark(1, 0.5, 0.85)}, {31: (0.0, 0.2), 32: (1.0, 0.9)})
    plain = list(REGISTRY.make("dpo").rows([RETRIED]))
    made = list(marked.rows([RETRIED]))
    assert made[0]["corrigenda"]["quality"] == {"rank": 1, "score": 0.5, "weight": 0.85}
    assert made[0]["corrigenda"]["reward"] == {"raw": [0.0, 1.0], "adjusted": [0.2, 0.9]}
    for row in made:
        del row["corrigenda"]["quality"], row["corrigenda"]["reward"]
    assert made == plain
    assert marked.read(next(iter(marked.rows([RETRIED])))) == exporter.read(plain[0])
    assert list(typed_first(marked.each([RETRIED]), marked.shows))


def test_rewards_of_what_nobody_judged_and_of_what_a_person_wrote() -> None:
    """Every row has both, so that loaders infer one schema: rejected 0, wanted 1, a label as it stands, a rewrite 1."""

    def rewards(name: str, record: ExportRecord, known: dict[int, tuple[float, float]]) -> list[dict[str, list[float]]]:
        marked = Marked(REGISTRY.make(name), None, known)
        return [row["corrigenda"]["reward"] for row in marked.rows([record])]

    assert rewards("dpo", RETRIED, {}) == [{"raw": [0.0, 1.0], "adjusted": [0.0, 1.0]}]
    assert rewards("dpo", REWRITTEN, {21: (0.5, 0.4)}) == [{"raw": [0.5, 1.0], "adjusted": [0.4, 1.0]}]
    assert rewards("kto", RETRIED, {32: (0.5, 0.75)}) == [
        {"raw": [0.0], "adjusted": [0.0]},
        {"raw": [0.5], "adjusted": [0.75]},
    ]
    assert rewards("kto", REWRITTEN, {21: (0.5, 0.4)})[-1] == {"raw": [1.0], "adjusted": [1.0]}


def test_the_same_text_alone_asks_no_model() -> None:
    assert not Gate(near_duplicates=1.0).asks_models and Gate(near_duplicates=0.97).asks_models
    vectors = np.ones((2, 4), dtype=np.float32) / 2
    assert len(choose(rows(2, vectors), Gate(near_duplicates=1.0)).marks) == 2


def test_means_are_of_what_is_known() -> None:
    some = rows(3, length=[1, 2, np.nan], mtld=[np.nan] * 3)
    assert means(some.columns, [0, 1, 2]) == {"length": 1.5} and means(some.columns, []) == {}
