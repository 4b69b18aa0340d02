"""The judge audit: LLMBar's figures from its own verdicts, the four rules, and a pipeline that leaves unflagged verdicts alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.critics.judge_audit import (
    CHIPS,
    KIND,
    UNKIND,
    Judgement,
    audit,
    details,
    kinder,
    longer,
    majority,
    order_figures,
    settle,
    tone,
)

# In the shape of the public file, written by hand: three pairs, two judges.
ROWS = [
    {"gold": "1", "judges": {"steady": ["1", "1"], "first": ["1", "2"], "mute": [None, "1"]}},
    {"gold": "2", "judges": {"steady": ["1", "1"], "first": ["1", "2"], "mute": [None, None]}},
    {"gold": "2", "judges": {"steady": ["2", "2"], "first": ["1", "2"], "mute": ["2", None]}},
]
GOLD = [row["gold"] for row in ROWS]
# Counted by hand: equal, right in both orders, (TT, TF, FT, FF), unreadable.
BY_HAND = {
    "steady": (3, 2, (2, 0, 0, 1), 0),
    "first": (0, 0, (0, 1, 2, 0), 0),
    "mute": (1, 0, (0, 1, 1, 1), 4),
}


def of(rows: list[dict[str, Any]], judge: str) -> list[Judgement]:
    return [Judgement(*row["judges"][judge]) for row in rows]


@pytest.mark.parametrize("judge", BY_HAND)
def test_figures_counted_by_hand(judge: str) -> None:
    found = order_figures(of(ROWS, judge), GOLD)
    assert (found.equal, found.correct_both, tuple(found.table.values()), found.unreadable) == BY_HAND[judge]
    assert sum(found.table.values()) == found.n == 3


def test_a_majority_of_steady_judges_leaves_out_those_that_follow_the_place() -> None:
    panel = [Judgement("1", "2"), Judgement("1", "2"), Judgement("2", "2")]
    assert majority(panel) == "1"
    assert majority(panel, consistent_only=True) == "2"
    assert majority([Judgement(None, "1")]) is None
    assert majority([Judgement("2", "2"), Judgement("1", "1")]) == "2"  # a draw goes to what was said first


# --- the rules


def test_a_judge_that_keeps_the_place_is_position_sensitive_and_nothing_else() -> None:
    found = audit(Judgement("1", "2", ("a long and wonderful answer", "x"), majority="1"))
    assert found.chips == ("position-sensitive",)
    assert "kept the place" in found.says


def test_each_rule_fires_alone() -> None:
    assert audit(Judgement("2", "2", ("7", "7 because 3 + 4 = 7"))).chips == ("length-driven",)
    assert audit(Judgement("1", "1", ("same", "size"), majority="1")).chips == ("followed-majority",)
    assert audit(Judgement("1", "1", ("It is great", "It is awful"))).chips == ("tone-driven",)
    assert audit(Judgement("1", "1", ("It is great, and long", "bad"), majority="1")).chips == CHIPS[1:]


def test_nothing_is_said_of_a_verdict_against_length_majority_and_tone() -> None:
    found = audit(Judgement("1", "1", ("It is sad", "It is a wonderful long answer"), majority="2"))
    assert found.chips == () and found.says == "" and not found.flagged


def test_draws_and_replies_that_cannot_be_read_raise_no_chip() -> None:
    assert longer(("same", "size")) is None and kinder(("good bad", "plain")) is None
    assert audit(Judgement(None, None, ("longer one", "x"), majority="1")).chips == ()
    assert audit(Judgement("1", None, ("longer one", "x"))).chips == (
        "length-driven",
    )  # what can be read follows length


def test_tone_counts_whole_words_and_the_lists_do_not_overlap() -> None:
    assert tone("Wonderful! But sadly, the best is the worst.") == 0
    assert tone("badminton goodness") == 0
    assert not KIND & UNKIND


# --- the pipeline


def as_bytes(judgement: Judgement) -> bytes:
    return repr(judgement).encode()


def test_a_verdict_whose_audit_says_no_is_byte_identical_after_the_pipeline() -> None:
    def never(advice: str) -> Judgement:
        raise AssertionError("a verdict that was not flagged is never asked for again")

    for kept in (Judgement("1", "1", ("x", "x longer")), Judgement(None, None, ("a", "b")), Judgement("2", "2")):
        before = as_bytes(kept)
        settled = settle(kept, never)
        assert settled.judgement is kept and as_bytes(settled.judgement) == before and settled.before is None


def test_a_flagged_verdict_is_asked_for_once_more_with_the_audit_as_advice() -> None:
    told: list[str] = []

    def again(advice: str) -> Judgement:
        told.append(advice)
        return Judgement("2", "2", ("short", "also short"), judge="m")

    settled = settle(Judgement("1", "2", judge="m"), again)
    assert len(told) == 1 and "kept the place" in told[0] and "advice" in told[0]
    assert settled.judgement.verdict == "2"
    kept = json.loads(json.dumps(details(settled)))
    assert kept["orders"] == ["2", "2"] and kept["chips"] == ["length-driven"] and kept["judge"] == "m"
    assert kept["before"] == {"chips": ["position-sensitive"], "orders": ["1", "2"]}


# --- the public verdicts

SETS = ("natural", "gptinst", "gptout", "faireval")
# Of six judges with the plain prompt, in the order of their names: all, and only those that say the same in both orders.
MAJORITIES = {"natural": (0.83, 0.94), "gptinst": (0.41, 0.42), "gptout": (0.49, 0.62)}
GPT4 = {"natural": 0.95, "gptinst": 0.85, "gptout": 0.74}  # best single judge, first order
# LLMBar's own statistics.json of GPTOut, which is here as a whole: (first order right, swapped right, both, equal) of 47.
SHIPPED_GPTOUT = {
    "ChatGPT-0301|CoT": (19, 27, 9, 19),
    "ChatGPT-0301|Metrics_Reference": (23, 22, 5, 12),
    "ChatGPT-0301|Swap": (22, 24, 14, 29),
    "ChatGPT-0301|Vanilla": (22, 26, 11, 21),
    "ChatGPT-0301|Vanilla_NoRules": (22, 29, 11, 18),
    "ChatGPT|CoT": (21, 21, 7, 19),
    "ChatGPT|Metrics_Reference": (18, 18, 7, 25),
    "ChatGPT|Rating": (26, 23, 10, 18),
    "ChatGPT|Swap": (22, 21, 17, 38),
    "ChatGPT|Vanilla": (17, 22, 10, 28),
    "ChatGPT|Vanilla_NoRules": (20, 21, 7, 20),
    "Falcon|CoT": (22, 26, 3, 5),
    "Falcon|Metrics_Reference": (23, 26, 5, 8),
    "Falcon|Swap": (23, 21, 6, 15),
    "Falcon|Vanilla": (26, 25, 9, 14),
    "Falcon|Vanilla_NoRules": (28, 25, 11, 16),
    "GPT-4|CoT": (37, 33, 32, 41),
    "GPT-4|Metrics_Reference": (34, 34, 30, 39),
    "GPT-4|Rating": (32, 34, 28, 37),
    "GPT-4|Swap": (34, 35, 34, 46),
    "GPT-4|Vanilla": (35, 38, 35, 44),
    "GPT-4|Vanilla_NoRules": (35, 37, 33, 41),
    "LLaMA2|CoT": (21, 21, 6, 17),
    "LLaMA2|Metrics_Reference": (30, 26, 18, 27),
    "LLaMA2|Swap": (20, 22, 8, 21),
    "LLaMA2|Vanilla": (27, 26, 20, 34),
    "LLaMA2|Vanilla_NoRules": (25, 27, 19, 33),
    "PaLM2|CoT": (23, 32, 13, 18),
    "PaLM2|Metrics_Reference": (30, 30, 23, 33),
    "PaLM2|Swap": (27, 26, 22, 38),
    "PaLM2|Vanilla": (27, 29, 20, 31),
    "PaLM2|Vanilla_NoRules": (29, 30, 24, 36),
}


def rows_of(shared: Path, name: str) -> list[dict[str, Any]]:
    with (shared / "data" / "llmbar_judges" / f"{name}.jsonl").open() as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.shared_data
@pytest.mark.parametrize("name", SETS)
def test_every_judge_is_counted_as_a_plain_recount_counts_it(shared: Path, name: str) -> None:
    rows = rows_of(shared, name)
    gold = [row["gold"] for row in rows]
    judges = sorted(rows[0]["judges"])
    assert len(judges) == (8 if name == "faireval" else 32)
    for judge in judges:
        pairs = [row["judges"][judge] for row in rows]
        found = order_figures(of(rows, judge), gold)
        assert found.equal == len([1 for a, b in pairs if a == b])
        assert found.correct_both == len([1 for (a, b), g in zip(pairs, gold, strict=True) if [a, b] == [g, g]])
        assert found.correct_first == len([1 for (a, _), g in zip(pairs, gold, strict=True) if a == g])
        assert sum(found.table.values()) == found.n == len(rows)
        assert found.unreadable == sum(pair.count(None) for pair in pairs)


@pytest.mark.shared_data
def test_the_published_figures_of_the_plain_judges(shared: Path) -> None:
    natural = rows_of(shared, "natural")
    gold = [row["gold"] for row in natural]
    chatgpt = order_figures(of(natural, "ChatGPT|Vanilla"), gold)
    # The whole file has 71 and 67 of 100. The one pair that is not here is judged rightly in both orders.
    assert (chatgpt.equal, chatgpt.correct_both, chatgpt.n) == (70, 66, 99)
    for name, expected in GPT4.items():
        rows = rows_of(shared, name)
        best = order_figures(of(rows, "GPT-4|Vanilla"), [row["gold"] for row in rows])
        assert round(best.correct_first / best.n, 2) == expected


@pytest.mark.shared_data
def test_the_statistics_that_llmbar_ships_are_met_exactly(shared: Path) -> None:
    rows = rows_of(shared, "gptout")
    gold = [row["gold"] for row in rows]
    assert len(rows) == 47 and set(SHIPPED_GPTOUT) == set(rows[0]["judges"])
    for judge, shipped in SHIPPED_GPTOUT.items():
        found = order_figures(of(rows, judge), gold)
        assert (found.correct_first, found.correct_swapped, found.correct_both, found.equal) == shipped, judge


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "expected"), MAJORITIES.items())
def test_majority_of_six_plain_judges_and_of_the_steady_ones(
    shared: Path, name: str, expected: tuple[float, float]
) -> None:
    rows = rows_of(shared, name)
    six = sorted(judge for judge in rows[0]["judges"] if judge.endswith("|Vanilla"))
    assert len(six) == 6
    for consistent_only, figure in zip((False, True), expected, strict=True):
        panels = [[Judgement(*row["judges"][judge]) for judge in six] for row in rows]
        said = [majority(panel, consistent_only=consistent_only) for panel in panels]
        right = sum(one == row["gold"] for one, row in zip(said, rows, strict=True))
        assert round(right / len(rows), 2) == figure


@pytest.mark.shared_data
def test_the_wrong_answer_is_the_longer_one_in_most_verbosity_pairs(shared: Path) -> None:
    with (shared / "data" / "judge_bias" / "verbosity_gsm8k.jsonl").open() as lines:
        rows = [json.loads(line) for line in lines]
    assert sum(longer((row["concise_correct"], row["other_answer"])) == "2" for row in rows) == 87
    assert len(rows) == 99


@pytest.mark.shared_data
def test_the_right_choice_is_rarely_the_one_in_kinder_words_where_it_was_reworded_to_be_unkind(shared: Path) -> None:
    with (shared / "data" / "judge_bias" / "sentiment_scienceqa.jsonl").open() as lines:
        rows = [json.loads(line) for line in lines]
    right = [row["sentiment_choices"][row["answer"]] for row in rows]
    others = [[text for k, text in enumerate(row["sentiment_choices"]) if k != row["answer"]] for row in rows]
    said = [kinder((one, other)) for one, rest in zip(right, others, strict=True) for other in rest]
    assert (len(said), said.count("2"), said.count("1")) == (525, 421, 6)
