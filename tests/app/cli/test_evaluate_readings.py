from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.cli.evaluate_readings import KeptReader
from app.settings import Settings
from core.generators.base import Capability, Message, NotAvailable, ReadRequest
from core.types import TokenLogprob


class Counting:
    capabilities = frozenset({Capability.READ})

    def __init__(self) -> None:
        self.asked = 0

    def read(self, requests: Sequence[ReadRequest]) -> list[tuple[TokenLogprob, ...]]:
        self.asked += len(requests)
        return [(TokenLogprob(one.reply, -float(len(one.reply)), 0.25),) for one in requests]


def asked(*replies: str) -> list[ReadRequest]:
    return [ReadRequest((Message("user", "q"),), reply) for reply in replies]


def test_nothing_is_read_twice_and_a_line_cut_off_is_read_again(tmp_path: Path) -> None:
    settings, model = Settings(data_dir=tmp_path), Counting()
    first = KeptReader(settings, lambda: model, lambda _: None).read(asked("a", "bb"))
    assert first == [(TokenLogprob("a", -1.0, 0.25),), (TokenLogprob("bb", -2.0, 0.25),)]
    again = KeptReader(settings, lambda: model, lambda _: None)
    assert again.read(asked("bb", "a")) == first[::-1]
    assert model.asked == 2
    kept = next((tmp_path / "cache" / "eval").glob("readings-*.jsonl"))
    kept.write_text(kept.read_text()[:-10])
    assert KeptReader(settings, lambda: model, lambda _: None).read(asked("a", "bb")) == first
    assert model.asked == 3


def test_a_model_that_cannot_read_is_named(tmp_path: Path) -> None:
    model = Counting()
    model.capabilities = frozenset()  # type: ignore[misc]
    with pytest.raises(NotAvailable, match="did not write"):
        KeptReader(Settings(data_dir=tmp_path), lambda: model, lambda _: None).read(asked("a"))
