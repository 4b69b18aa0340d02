"""Edits are exact for any Unicode, in any order and for any subset, and bounded for huge texts."""

from __future__ import annotations

import itertools
import json
import random
import time
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.edits import BadEdits, Edit, apply, extract, from_json, target_span, to_json, tokenize, word_diff

tokenize("")  # builds the pattern once, so that no test is slow for that
FAMILY, FLAG, THUMB = "👨\u200d👩\u200d👧\u200d👦", "🇩🇪", "👍🏽"
PIECES = (
    "cat",
    "cat",
    "dog",
    "1,000",
    "3.14",
    " ",
    "  ",
    "\r\n",
    "\n",
    "\t",
    "don't",
    "né\u0301e",
    "中文",
    "かな",
    "שלום",
    "مرحبا",
    "\u202e",
    ".",
    "…",
)
texts = st.lists(st.sampled_from((*PIECES, FAMILY, FLAG, THUMB, "\u0301", "\u200d", "\x00")), max_size=30).map(
    "".join
) | st.text(max_size=60)


@settings(deadline=None)
@given(texts)
def test_tokens_spell_the_text(text: str) -> None:
    assert "".join(tokenize(text)) == text
    assert all(tokenize(text))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't pay 3.14, twice", ["Don't", " ", "pay", " ", "3.14", ",", " ", "twice"]),
        (f"{FAMILY}{FLAG}{THUMB}", [FAMILY, FLAG, THUMB]),
        ("né\u0301e b", ["né\u0301e", " ", "b"]),
        ("中文 ab", ["中", "文", " ", "ab"]),
        ("a\r\n\r\nb", ["a", "\r\n\r\n", "b"]),
        ("", []),
    ],
)
def test_tokens_are_what_readers_call_words(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@settings(max_examples=400, deadline=None)
@given(texts, texts)
def test_edits_turn_source_into_target_exactly(source: str, target: str) -> None:
    edits = extract(source, target)
    assert apply(source, edits) == target
    assert bool(edits) is (source != target)
    tokens = tokenize(source)
    for edit in edits:
        assert "".join(tokens[edit.start_tok : edit.end_tok]) == source[edit.start : edit.end]
        assert (edit.kind == "insert") is (edit.start == edit.end)
        assert (edit.kind == "delete") is (edit.replacement == "")
    assert all(a.end < b.start for a, b in itertools.pairwise(edits))


@settings(deadline=None)
@given(texts, texts, st.randoms(use_true_random=False))
def test_any_subset_in_any_order_equals_applying_one_by_one(source: str, target: str, rng: random.Random) -> None:
    subset = [e for e in extract(source, target) if rng.random() < 0.5]
    expected, shift = source, 0
    for edit in subset:  # from left to right, each on the result of the ones before
        expected = expected[: edit.start + shift] + edit.replacement + expected[edit.end + shift :]
        shift += len(edit.replacement) - (edit.end - edit.start)
    rng.shuffle(subset)
    assert apply(source, subset) == expected


@settings(deadline=None)
@given(texts, texts)
def test_json_brings_edits_back(source: str, target: str) -> None:
    edits = extract(source, target)
    assert from_json(json.loads(json.dumps(to_json(edits)))) == edits


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("x", "must be a list"),
        ([{"start": 1}], "edit 1 must have"),
        ([{"start": -1, "end": 0, "start_tok": 0, "end_tok": 0, "replacement": "", "kind": "insert"}], "whole numbers"),
        (
            [{"start": True, "end": 0, "start_tok": 0, "end_tok": 0, "replacement": "", "kind": "insert"}],
            "whole numbers",
        ),
        ([{"start": 0, "end": 0, "start_tok": 0, "end_tok": 0, "replacement": "", "kind": "swap"}], "kind one of"),
    ],
)
def test_what_is_no_edit_is_named(rows: object, says: str) -> None:
    with pytest.raises(BadEdits, match=says):
        from_json(rows)


def test_edits_that_do_not_fit_are_refused() -> None:
    edit = Edit(0, 3, 0, 1, "dog", "replace")
    with pytest.raises(BadEdits, match="outside"):
        apply("ab", [edit])
    with pytest.raises(BadEdits, match="overlaps"):
        apply("cat sat", [edit, Edit(2, 4, 0, 1, "", "delete")])
    with pytest.raises(BadEdits, match="overlaps"):
        apply("cat", [Edit(1, 1, 0, 0, "x", "insert"), Edit(1, 1, 0, 0, "y", "insert")])


def test_neighbours_become_one_phrase() -> None:
    assert word_diff("The big red cat sat.", "The small blue cat sat down.") == [
        ("equal", "The "),
        ("delete", "big red"),
        ("insert", "small blue"),
        ("equal", " cat sat"),
        ("insert", " down"),
        ("equal", "."),
    ]


@settings(deadline=None)
@given(texts, texts)
def test_word_diff_spells_both_texts(source: str, target: str) -> None:
    diff = word_diff(source, target)
    assert "".join(t for op, t in diff if op != "insert") == source
    assert "".join(t for op, t in diff if op != "delete") == target


def test_target_span_follows_a_step() -> None:
    source, target = "One step. Two is bad. Three.", "One small step. Two is good, now. Three."
    low, high = target_span(extract(source, target), source.index("Two"), source.index(" Three"))
    assert target[low:high] == "Two is good, now."


@settings(deadline=None)
@given(texts, texts)
def test_target_span_of_all_is_all(source: str, target: str) -> None:
    assert target_span(extract(source, target), 0, len(source)) == (0, len(target))


def test_huge_texts_are_bounded() -> None:
    rng = random.Random(3)
    a, b = (
        " ".join(rng.choice(("alpha", "beta", "gamma", str(rng.randrange(9999)))) for _ in range(18_000))
        for _ in range(2)
    )
    assert len(a) > 95_000
    started = time.monotonic()
    assert apply(a, extract(a, b)) == b
    assert time.monotonic() - started < 20  # half a second when idle; a quadratic table of Python objects takes minutes


def test_beyond_the_bound_one_edit_spans_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.edits.spans.MAX_CELLS", 3)
    assert extract("a b c d", "a x c y") == [Edit(2, 7, 2, 7, "x c y", "replace")]


@pytest.mark.shared_data
def test_public_corrections_round_trip(shared: Path) -> None:
    pairs: list[tuple[str, str]] = []
    for line in (shared / "data/jfleg/sentences.jsonl").read_bytes().splitlines():
        row = orjson.loads(line)
        pairs += [(row["source"], reference) for reference in row["references"]]
    for line in (shared / "data/disfl_qa/pairs.jsonl").read_bytes().splitlines():
        row = orjson.loads(line)
        pairs.append((row["disfluent"], row["original"]))
    for name in ("et-en", "ro-en"):
        for line in (shared / f"data/mt_postedits/{name}.jsonl").read_bytes().splitlines():
            row = orjson.loads(line)
            pairs.append((row["output"], row["post_edit"]))
    wrong = [pair for pair in pairs if apply(pair[0], extract(*pair)) != pair[1]]
    print(f"{len(pairs) - len(wrong)} of {len(pairs)} pairs round trip")
    assert len(pairs) > 750
    assert not wrong
