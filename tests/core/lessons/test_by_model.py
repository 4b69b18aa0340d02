"""The distiller that asks a model: what of its reply is kept. The model here is a fake that says what the test wants."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.generators.base import Capability, NotAvailable
from core.lessons import REGISTRY
from core.lessons.base import History
from core.lessons.by_model import ModelDistiller, told
from core.types import Attempt, CorrectionText, LessonKind, Question
from tests.app.worker.fakes import FakeGenerator

PROMPT = "Sam has 5 apples. What do they cost?"
HISTORY = History(
    Question(PROMPT),
    (
        Attempt(1, "5 dollars", (), CorrectionText(11, "Round to 2 decimals.")),
        Attempt(2, "5.00", (), CorrectionText(12, "No, round to 3 decimals.", rewrite="5.000 dollars")),
        Attempt(3, "5.000 dollars", ()),
    ),
    "5.000 dollars",
)


def distil(reply: str, history: History = HISTORY) -> list[Any]:
    return list(ModelDistiller(FakeGenerator(lambda request: reply)).distil(history))


def one(**changes: Any) -> dict[str, Any]:
    return {"kind": "rule", "text": "Say what 5 apples of Sam cost.", "rounds": [2], "why": "they asked", **changes}


def test_the_model_reads_every_round_and_what_was_accepted() -> None:
    shown = told(HISTORY)
    order = [
        shown.index(part) for part in (PROMPT, "Round 1, answer", "Round to 2", "Round 2", "5.000 dollars", "Accepted")
    ]
    assert order == sorted(order)


def test_what_it_says_is_kept_with_slots_and_its_sources() -> None:
    (made,) = distil("Here you are:\n" + json.dumps([one()]))
    assert made.text == "Say what <quantity> apples of <entity> cost."
    assert made.source_corrections == (12,) and made.kind is LessonKind.RULE
    assert made.why == "A model read the corrections: they asked" and PROMPT in made.applicability


def test_a_value_has_a_name_and_is_left_as_it_is() -> None:
    (made,) = distil(
        json.dumps([one(kind="parameter", name="rounding", value="3 decimals", text="Round to 3 decimals.")])
    )
    assert (made.name, made.extra["value"], made.text) == ("rounding", "3 decimals", "Round to 3 decimals.")
    assert distil(json.dumps([one(kind="parameter")])) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"rounds": []},
        {"rounds": [3]},
        {"rounds": "2"},
        {"rounds": [True]},
        {"kind": "exemplar"},
        {"text": "no, wrong"},
        {"text": {}},
    ],
)
def test_what_rests_on_nothing_or_says_nothing_is_dropped(changes: dict[str, Any]) -> None:
    assert distil(json.dumps([one(**changes)])) == []


@pytest.mark.parametrize("reply", ["", "[]", "I cannot.", "{" * 5000, '[{"kind": "rule"', "\ud800"])
def test_a_reply_that_cannot_be_read_gives_nothing(reply: str) -> None:
    assert distil(reply) == []


def test_one_lesson_said_twice_is_one_and_there_are_few() -> None:
    many = [one(text=f"Mind the apples of kind {chr(97 + n)}, always.") for n in range(20)]
    assert len(distil(json.dumps([one(), one()]))) == 1
    assert len(distil(json.dumps(many))) == 6


def test_without_corrections_no_model_is_asked() -> None:
    asked = FakeGenerator()
    assert ModelDistiller(asked).distil(History(Question(PROMPT), (Attempt(1, "5", ()),))) == []
    assert asked.requests == []


def test_a_backend_that_cannot_write_is_refused() -> None:
    mute = FakeGenerator()
    mute.capabilities = frozenset({Capability.SCORE})
    with pytest.raises(NotAvailable, match="model"):
        REGISTRY.make("model", mute).distil(HISTORY)
