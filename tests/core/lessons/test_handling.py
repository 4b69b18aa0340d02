"""Scope and dependency against two hand-labelled files; the second was written before any tuning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.lessons.handling import classify, is_missing_step, only_steers, referred_step, without_steering
from core.types import Dependency, Scope, Step

DATA = Path(__file__).parents[2] / "data"


def steps(n: int) -> list[Step]:
    return [Step(i, "x", 0, 1) for i in range(n)]


@pytest.mark.parametrize(("name", "rows"), [("corrections_scope", 60), ("corrections_scope_heldout", 30)])
def test_scope_and_dependency_agree_with_people(name: str, rows: int) -> None:
    labelled = [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]
    assert len(labelled) == rows
    got = [classify(r["text"], steps=steps(r["n_steps"]), step_index=r["step_index"]) for r in labelled]
    scope = sum(h.scope == r["scope"] for h, r in zip(got, labelled, strict=True)) / rows
    dependency = sum(h.dependency == r["dependency"] for h, r in zip(got, labelled, strict=True)) / rows
    print(f"{name}: scope {scope:.3f}, dependency {dependency:.3f}")
    assert scope >= 0.85
    assert dependency >= 0.85
    assert all(h.why for h in got)


@pytest.mark.parametrize(
    ("text", "n", "index"),
    [
        ("Step 3 is wrong", 4, 2),
        ("the last line", 4, 3),
        ("the penultimate step", 4, 2),
        ("second sentence repeats", 2, 1),
        ("step 9 is wrong", 4, None),
        ("step 0 is wrong", 4, None),
        ("the last step", 0, None),
        ("all of it", 4, None),
    ],
)
def test_references_to_steps(text: str, n: int, index: int | None) -> None:
    assert referred_step(text, n) == index
    assert classify(text, steps=steps(n)).step_index == index


def test_a_marked_step_wins_over_a_named_one() -> None:
    handling = classify("Step 1 was fine, this one is not", steps=steps(4), step_index=2)
    assert (handling.step_index, handling.scope, handling.dependency) == (2, Scope.SKILL, Dependency.LAST)


@pytest.mark.parametrize(
    "text",
    [
        "Messages that ask for gift cards are spam.",
        "Use the metric system.",
        "Never promise a date.",
        "A refund needs a receipt.",
    ],
)
def test_rules_for_every_answer_stand_by_themselves(text: str) -> None:
    handling = classify(text, steps=steps(3))
    assert (handling.scope, handling.dependency) == (Scope.PLAN, Dependency.NONE)


def test_carry_on_with_a_change_is_no_carry_on() -> None:
    assert classify("Continue", steps=steps(2)).dependency is Dependency.INITIAL
    assert classify("Go on, but use metres", steps=steps(2)).dependency is not Dependency.INITIAL


def test_what_only_steers() -> None:
    assert only_steers("Start over.")
    assert only_steers("ok, continue")
    assert not only_steers("Start over and use the law of cosines in every triangle")
    assert without_steering("Start over. Use metres.") == "Use metres"
    assert without_steering("Use metres.") == "Use metres."


def test_missing_steps() -> None:
    assert is_missing_step("You should first check that n is even")
    assert is_missing_step("You left out the case n = 0")
    assert not is_missing_step("7 * 8 is 56")


@pytest.mark.parametrize(
    "text", ["", " \n", "?" * 50_000, "always " * 20_000, "a " * 50_000, "each x " * 10_000 + "zzz"]
)
def test_any_text_is_handled_quickly(text: str) -> None:
    assert classify(text, steps=steps(3)).scope in Scope
