"""POLAR on a fine-tuned encoder: it reads texts, and its weights are in a folder beside the JSON state."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.risk.base import RiskRow
from core.risk.polar import PolarRisk
from core.risk.stack import RiskCase, RiskStack
from tests.core.test_encoder_harmonizer import make_encoder, planted


def rows_of(n: int, seed: int) -> list[RiskRow]:
    made = planted(n, seed)
    blank = np.zeros(1, np.float32)
    return [
        RiskRow(blank, {f"s{j}": int(vote) for j, vote in enumerate(votes)}, 0, text)
        for text, votes in zip(made.texts, made.votes, strict=True)
    ]


def test_it_reads_texts_and_comes_back_from_its_folder(tmp_path: Path) -> None:
    encoder, folder = make_encoder(tmp_path / "tiny"), tmp_path / "weights"
    risk = PolarRisk("encoder", "square", encoder, folder)
    risk.fit(rows_of(60, 1), 2)
    fresh = rows_of(20, 2)
    again = RiskStack.from_state({"model": json.loads(json.dumps(risk.state()))}, "1")
    assert again.score([RiskCase(row) for row in fresh]) == risk.score(fresh)
    assert len({round(value, 6) for value in risk.prior(fresh)}) > 10, (
        "texts make the difference: all vectors are the same"
    )
    shutil.rmtree(folder)
    with pytest.raises(ValueError, match="weights"):
        RiskStack.from_state({"model": risk.state()}, "1")


def test_without_an_encoder_it_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match="an encoder to fine-tune and a folder"):
        PolarRisk("encoder").fit(rows_of(40, 1), 2)
