"""Adapters on rows written by hand in the shape of the public folders, and on the folders themselves where they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.evaluation.formats import FORMATS, read


def write(folder: Path, **files: Any) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        text = json.dumps(content) if path.suffix == ".json" else "\n".join(map(json.dumps, content))
        path.write_text(text, "utf-8")
    return folder


def test_relations(tmp_path: Path) -> None:
    row = {"id": "r", "label": 1, "text": "The kettle boils the water .", "entity1": "kettle", "entity2": "water"}
    row |= {"span1": [4, 10], "span2": [21, 26], "weak": [[3, 1], [5, 0]]}
    labels = {"0": "Whole", "1": "Cause"}
    found = read("semeval_weak", write(tmp_path, relations__jsonl=[row], label_names__json=labels))
    assert found.labels == ("Whole", "Cause")
    assert found.rows[0].texts == ("The A boils the B .", "boils the", "kettle / water")
    assert dict(found.rows[0].votes) == {"rule 3": 1, "rule 5": 0}
    assert found.rows[0].prompt.endswith("(kettle, water)")
    assert read("chemprot_weak", tmp_path).rows[0].prompt.endswith("(water, kettle)")


def test_texts(tmp_path: Path) -> None:
    row = {"id": "t", "part": "test", "label": 1, "text": " who  wrote it ?", "weak": [[0, 1]]}
    found = read("trec", write(tmp_path, trec__jsonl=[row], trec_labels__json={"0": "DESC", "1": "HUM"}))
    assert (found.rows[0].prompt, found.rows[0].gold) == ("who wrote it ?", 1)


def test_solutions(tmp_path: Path) -> None:
    questions = [{"id": "q", "question": "Two bags of 3. How many?", "reference": "A: 6"}]
    solutions = [{"question_id": "q", "model": "m", "solution": "2*3=<<2*3=7>>7\nA: 7", "is_correct": False}]
    found = read("gsm8k_solutions", write(tmp_path, questions__jsonl=questions, solutions_m__jsonl=solutions))
    assert (found.rows[0].wrong, found.rows[0].group, found.rows[0].model) == (1.0, "q", "m")
    assert found.rows[0].votes["arithmetic"] == 1
    assert "6" not in found.rows[0].answer, "the reference is nobody's input"
    write(tmp_path, solutions_m__jsonl=[{**solutions[0], "question_id": "other"}])
    with pytest.raises(ValueError, match=r"is not in questions\.jsonl"):
        read("gsm8k_solutions", tmp_path)


def test_post_edits(tmp_path: Path) -> None:
    row = {
        "id": "1",
        "source": "Tere",
        "output": "Hello",
        "hter": 0.5,
        "model_score": -0.2,
        "subword_logprobs": [-2.0, -0.1],
    }
    found = read("mt_postedits", write(tmp_path, **{"et-en__jsonl": [row]}))
    assert (found.rows[0].wrong, found.rows[0].model) == (0.5, "et-en")
    assert found.rows[0].signals["logprob"] == -0.2
    assert found.rows[0].signals["logprob_min"] == -2.0
    assert read("mt_postedits", tmp_path / "et-en.jsonl").rows == found.rows


def test_another_folder_than_was_named_is_refused(tmp_path: Path) -> None:
    write(tmp_path, relations__jsonl=[{"id": "r", "text": "x"}], label_names__json={"0": "a", "1": "b"})
    with pytest.raises(ValueError, match="not in the format 'semeval_weak': KeyError 'span1'"):
        read("semeval_weak", tmp_path)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("rows", "sms")])
def test_public_folders(shared: Path, name: str) -> None:
    found = read(name, shared / "data" / ("text_weak" if name in ("youtube", "trec") else name))
    assert len(found.rows) > 50
    assert len({row.id for row in found.rows}) == len(found.rows)
    if found.labels:
        assert {row.gold for row in found.rows} <= set(range(len(found.labels)))
        assert any(row.votes for row in found.rows)
    else:
        assert 0 < sum(row.wrong or 0 for row in found.rows) < len(found.rows)
