"""SFT, DPO and PRM800K rows: golden files, round trips, no gold where none belongs, and loaded by ``datasets``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.exporters import REGISTRY
from core.exporters.base import ExportRecord
from core.exporters.prm800k import rewritten_step, step_ratings
from core.exporters.writing import typed_first
from core.types import CorrectionText, StepLabel, Verdict
from tests.core.exporters.records import (
    ACCEPTED,
    ALTERNATIVES,
    FIXED,
    NEVER_RIGHT,
    NOT_JUDGED,
    RECORDS,
    RETRIED,
    REWRITTEN,
    attempt,
    item,
)

DATA = Path(__file__).parents[2] / "data"
FORMATS = ("sft", "dpo", "prm800k")


def rows(name: str, *records: ExportRecord) -> list[dict[str, Any]]:
    return list(REGISTRY.make(name).rows(records))


@pytest.mark.parametrize("name", FORMATS)
def test_golden_files(name: str) -> None:
    golden = [orjson.loads(line) for line in (DATA / f"export_{name}.jsonl").read_bytes().splitlines()]
    assert rows(name, *RECORDS) == golden


def test_golden_alternatives() -> None:
    golden = [orjson.loads(line) for line in (DATA / "export_prm800k_alternatives.jsonl").read_bytes().splitlines()]
    assert rows("prm800k", ALTERNATIVES) == golden


def test_alternatives_are_further_completions_and_come_back() -> None:
    faulty, accepted = rows("prm800k", ALTERNATIVES)
    said = [[(one["text"], one["rating"]) for one in step["completions"][1:]] for step in faulty["label"]["steps"]]
    assert said == [
        [("Three apples cost 6 dollars.", 1)],
        [("One costs 2 dollars, so 5 cost 10.", None), ("5 apples cost 6 + 5 dollars.", -1)],
    ]
    assert [step["completions"][0]["rating"] for step in faulty["label"]["steps"]] == [0, -1]
    assert faulty["label"]["finish_reason"] == "found_error" and faulty["corrigenda"]["answer_right"] is True
    assert accepted["label"]["steps"][1]["chosen_completion"] == 0 and accepted["corrigenda"]["answer_right"] is None
    (back,) = REGISTRY.make("prm800k").read(faulty).attempts
    assert back.answer_right is True
    assert back.alternatives == ALTERNATIVES.attempts[0].alternatives[:3]  # of a masked step there is no row


def test_a_row_of_schema_1_is_read() -> None:
    (row,) = rows("prm800k", REWRITTEN)
    row["corrigenda"] = {name: value for name, value in row["corrigenda"].items() if name != "answer_right"} | {
        "schema": 1
    }
    (back,) = REGISTRY.make("prm800k").read(row).attempts
    assert (back.answer_right, back.alternatives, back.first_wrong_step) == (None, (), 1)


def test_other_completions_of_public_rows_are_alternatives() -> None:
    step = {"completions": [{"text": "a", "rating": 0}, {"text": "b", "rating": 1}], "chosen_completion": 1}
    row = {
        "question": {"problem": "?", "ground_truth_answer": ""},
        "label": {"steps": [step], "finish_reason": "give_up"},
    }
    (back,) = REGISTRY.make("prm800k").read(row).attempts
    assert (back.steps, back.step_labels, back.alternatives) == (("b",), (1,), ((0, "a", 0),))


def test_the_outcome_is_what_was_said_of_the_final_answer() -> None:
    assert [row["label"] for row in rows("orm", ALTERNATIVES)] == [1, 1]
    unsaid = replace(ALTERNATIVES, attempts=(replace(ALTERNATIVES.attempts[0], answer_right=None),))
    assert [row["label"] for row in rows("orm", unsaid)] == [0]


@pytest.mark.parametrize("name", ["sft", "dpo"])
def test_no_reference_answer_is_written(name: str) -> None:
    assert b"GOLD" not in orjson.dumps(rows(name, *RECORDS))


def test_sft_is_one_row_per_item_with_an_accepted_text() -> None:
    got = rows("sft", *RECORDS)
    assert [r["corrigenda"]["item"] for r in got] == [1, 2, 3]
    assert [r["messages"][-1]["content"] for r in got] == [ACCEPTED.attempts[0].text, FIXED, RETRIED.attempts[1].text]
    assert rows("sft", NEVER_RIGHT, NOT_JUDGED) == []


def test_a_rewrite_of_an_accepted_answer_wins() -> None:
    polished = attempt(1, verdict=Verdict.ACCEPTABLE, corrections=(CorrectionText(1, "shorter", rewrite="Ten."),))
    assert rows("sft", item(1, polished))[0]["messages"][-1]["content"] == "Ten."
    assert rows("dpo", item(1, polished))[0]["rejected"][0]["content"] == polished.text


def test_the_rule_a_retry_states_is_not_trained() -> None:
    retry = attempt(2, 2, ("Rule: Multiply.", "Answer: 10"), verdict=Verdict.ACCEPTABLE)
    record = item(1, RETRIED.attempts[0], retry)
    assert rows("sft", record)[0]["messages"][-1]["content"] == "10"
    assert rows("dpo", record)[0]["chosen"][0]["content"] == "10"


def test_dpo_pairs_each_faulty_attempt_with_what_was_let_stand() -> None:
    record = item(
        1,
        attempt(1, verdict=Verdict.FAULTY),
        attempt(2, 2, ("Worse.",), corrections=(CorrectionText(1, "no"),)),
        RETRIED.attempts[1],
    )
    assert [r["corrigenda"]["outputs"] for r in rows("dpo", record)] == [[1, 32], [2, 32]]
    assert rows("dpo", ACCEPTED, NEVER_RIGHT, NOT_JUDGED) == []


def test_dpo_has_no_pair_of_equals() -> None:
    same = (attempt(1, verdict=Verdict.FAULTY), attempt(2, 2, verdict=Verdict.ACCEPTABLE))
    assert rows("dpo", item(1, *same)) == []


def test_reading_brings_back_what_the_format_carries() -> None:
    for name in ("sft", "dpo"):
        exporter = REGISTRY.make(name)
        for record in (ACCEPTED, REWRITTEN, RETRIED):
            for row in exporter.rows([record]):
                back = exporter.read(orjson.loads(orjson.dumps(row)))
                assert (back.item_id, back.external_id, back.question) == (
                    record.item_id,
                    record.external_id,
                    record.question,
                )
                assert back.reference is None
                # written again, what was read gives the same texts
                (again,) = exporter.rows([back])
                texts = ("messages",) if name == "sft" else ("prompt", "chosen", "rejected")
                assert [again[t] for t in texts] == [row[t] for t in texts]


def test_prm_rows_survive_reading_and_writing() -> None:
    exporter = REGISTRY.make("prm800k")
    for row in exporter.rows((*RECORDS, ALTERNATIVES)):
        back = exporter.read(orjson.loads(orjson.dumps(row)))
        (again,) = exporter.rows([back])
        assert again == row


@pytest.mark.parametrize(
    ("verdict", "marked", "labels", "ratings"),
    [
        (Verdict.ACCEPTABLE, None, (), [1, 1, 1]),
        (Verdict.ACCEPTABLE, None, (None, 0, None), [1, 0, 1]),
        (Verdict.FAULTY, 1, (), [1, -1]),
        (Verdict.FAULTY, 0, (1, 1, 1), [-1]),
        (Verdict.FAULTY, None, (1, -1, 1), [1, -1]),
        (Verdict.FAULTY, 2, (None, -1, None), [1, -1]),
        (Verdict.FAULTY, None, (1, None, 1), [1]),
        (Verdict.FAULTY, None, (), []),
        (Verdict.FAULTY, 7, (), []),
        (None, None, (), []),
        (None, None, (1, 1, 1), [1, 1, 1]),
    ],
)
def test_ratings_stop_at_the_first_wrong_step(
    verdict: Verdict | None, marked: int | None, labels: tuple[int | None, ...], ratings: list[int]
) -> None:
    judged = tuple(None if x is None else StepLabel(x) for x in labels)
    assert step_ratings(attempt(1, verdict=verdict, first_wrong_step=marked, step_labels=judged)) == ratings


def test_the_rewrite_of_the_wrong_step_is_its_human_completion() -> None:
    assert rewritten_step(REWRITTEN.attempts[0], 1) == "So one costs 2 and 5 cost 10 dollars."
    assert rewritten_step(REWRITTEN.attempts[0], 0) is None  # stayed as it was
    assert rewritten_step(replace(REWRITTEN.attempts[0], text="other"), 1) is None


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        ("sft", lambda r: r.pop("corrigenda"), "corrigenda"),
        ("sft", lambda r: r["corrigenda"].update(schema=99), "reads up to 1"),
        ("sft", lambda r: r["corrigenda"].update(item="x"), "corrigenda.item"),
        ("sft", lambda r: r.update(messages="x"), "'messages' must be a list"),
        ("sft", lambda r: r["messages"].pop(), "end with a message of the assistant"),
        ("sft", lambda r: r["messages"][0].update(role="robot"), "needs a role"),
        ("dpo", lambda r: r.update(chosen=[]), "'chosen'"),
        ("dpo", lambda r: r["corrigenda"].update(outputs=[1]), "corrigenda.outputs"),
        ("prm800k", lambda r: r.update(label=None), "'label' must be an object"),
        ("prm800k", lambda r: r["question"].update(problem=3), "'problem' must be a text"),
        ("prm800k", lambda r: r["label"]["steps"][0]["completions"][0].update(rating=5), "step 1 has the rating 5"),
        ("prm800k", lambda r: r["label"]["steps"].insert(0, {}), "step 1 has neither"),
    ],
)
def test_a_wrong_field_is_named(name: str, damage: Callable[[dict[str, Any]], object], says: str) -> None:
    row = orjson.loads(orjson.dumps(rows(name, REWRITTEN)[0]))
    damage(row)
    with pytest.raises(ValueError, match=says):
        REGISTRY.make(name).read(row)


def test_typed_first_moves_as_little_as_it_must() -> None:
    numbers = [{"a": i, "b": None if i != 3 else 1, "c": None if i < 5 else 2} for i in range(7)]
    shows = (lambda r: r["b"] is not None, lambda r: r["c"] is not None)
    assert [r["a"] for r in typed_first(numbers, shows)] == [3, 5, 0, 1, 2, 4, 6]
    assert list(typed_first(numbers[:2], shows)) == numbers[:2]


@pytest.mark.parametrize("name", FORMATS)
def test_datasets_loads_every_format(name: str, tmp_path: Path) -> None:
    from datasets import load_dataset

    # past the first block from which types are inferred, and what is rare comes last
    many = [RETRIED] * (2 if name != "prm800k" else 9000)
    got = rows(name, *many, ALTERNATIVES, *RECORDS[::-1])
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in got))
    assert name != "prm800k" or path.stat().st_size > 11_000_000
    loaded = load_dataset("json", data_files=str(path), cache_dir=str(tmp_path / "cache"), split="train")
    assert len(loaded) == len(got)
    assert loaded[len(got) - 1]["corrigenda"] == got[-1]["corrigenda"]
    column = {"sft": "messages", "dpo": "chosen", "prm800k": "label"}[name]
    assert [loaded[i][column] for i in (0, len(got) - 1)] == [got[0][column], got[-1][column]]


@pytest.mark.shared_data
def test_public_prm800k_rows_are_read(shared: Path) -> None:
    exporter = REGISTRY.make("prm800k")
    lines = (shared / "data/prm_formats/prm800k.jsonl").read_bytes().splitlines()
    for row in map(orjson.loads, lines):
        record = exporter.read(row)
        (read,) = record.attempts
        assert record.question.prompt == row["question"]["problem"]
        assert record.reference == row["question"]["ground_truth_answer"]
        assert len(read.step_labels) == len([s for s in row["label"]["steps"] if any(s.values())])
        (again,) = exporter.rows([record])
        assert again["question"]["problem"] == row["question"]["problem"]
        # up to the first step that was rated wrong the ratings are the same
        ratings = [s["completions"][0]["rating"] for s in again["label"]["steps"]]
        assert ratings == [int(x) for x in read.step_labels[: len(ratings)] if x is not None]
        assert set(row["label"]) == set(again["label"])
    print(f"{len(lines)} public rows read")
