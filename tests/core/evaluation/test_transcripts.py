"""Utterances with N-best hypotheses: read, parted, streamed; with a fake encoder."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.evaluation import transcript_files, transcripts
from core.evaluation.transcript_files import Utterance


def embed(texts: Sequence[str]) -> np.ndarray:
    """Not an encoder: letters counted."""
    rows = np.array([[1 + text.count(letter) for letter in "abcdefgnru"] for text in texts], np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def said(name: str, number: int) -> Utterance:
    other = "sailor" if number % 2 else "farmer"
    return Utterance((f"the {other} saw {name} {number}", f"a {other}"), f"the {other} saw Gunnar {number}")


TRAIN = [said("gunner", n) for n in range(6)] + [Utterance((f"line {n}",), f"line {n}") for n in range(10, 16)]
TEST = [said("gunner", 8), said("gunner", 9), Utterance(("nothing here",), "nothing here")]


def test_figures_by_hand() -> None:
    found = transcripts.evaluate(TRAIN, TEST, 0, 0, embed)
    assert found["wer_before"] == pytest.approx(2 / 12) and found["wer_after"] == 0.0
    assert found["accuracy_by_corrections"]["0"] == pytest.approx(10 / 12)
    assert found["accuracy_by_corrections"]["12"] == 1.0
    assert (found["fix_rate"], found["break_rate"]) == (1.0, 0.0)
    assert (found["utterances_better"], found["utterances_worse"], found["utterances_changed"]) == (2, 0, 2)
    assert found["recall_at_5"] == 1.0 and set(found["recall"]) == {"character", "sound", "embedding", "hybrid"}
    assert set(found["recall"]["hybrid"]) == {"1", "2", "5", "9"}
    assert found["new_references"] == {"n": 3, "wer_before": found["wer_before"], "wer_after": 0.0}
    assert found["empty_memory_unchanged"] and found["corrections"] == 6
    assert found["baselines"]["no_memory"]["accuracy"] == found["accuracy_by_corrections"]["0"]


def test_nothing_is_learnt_from_the_test_part() -> None:
    unlike = [Utterance(("we met brahmin",), "we met brahman")] * 3
    found = transcripts.evaluate(TRAIN, unlike, 0, 0, embed)
    assert found["wer_after"] == found["wer_before"] and found["recall_at_5"] == 0.0


def test_word_errors_count_all_three_kinds() -> None:
    assert transcripts.word_errors("a b c", "a x c d") == 2 and transcripts.word_errors("a b", "b") == 1


def test_files_are_parted_by_name_or_by_hash(tmp_path: Path) -> None:
    rows = [{"input": [f"heard {n}"], "output": f"said {n}"} for n in range(30)]
    (tmp_path / "train_x.json").write_text(json.dumps(rows[:20]))
    (tmp_path / "test_x.json").write_text(json.dumps(rows[20:]))
    train, test, how = transcript_files.read(tmp_path)
    assert (len(train), len(test), how) == (20, 10, "by file") and train[0] == Utterance(("heard 0",), "said 0")
    other = tmp_path / "all.jsonl"
    lines = [{"id": n, "hypotheses": row["input"], "reference": row["output"]} for n, row in enumerate(rows)]
    other.write_text("".join(json.dumps(line) + "\n" for line in lines))
    train, test, _ = transcript_files.read(other)
    assert len(train) + len(test) == 30 and test
    assert transcript_files.read(other)[1] == test  # the same ones each time


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no \.jsonl"):
        transcript_files.read(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"hypotheses": "one", "reference": "one"}\n')
    with pytest.raises(ValueError, match=r"a\.jsonl line 1.*hypotheses"):
        transcript_files.read(tmp_path)
