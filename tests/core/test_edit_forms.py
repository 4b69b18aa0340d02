"""The forms in which edits travel: strings, pairs, segments, M2; what models write; places, limits, scores and step diffs."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core import edits as E
from core.edits.strings import length, on_words, ratio
from tests.core.test_edits import texts

MODEL = "Our dog ran ran too fastly to the the park ."
FIXED = "Our dog ran too fast , to the park ."


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_every_form_that_there_is_brings_the_target_back(source: str, target: str) -> None:
    edits = E.extract(source, target)
    string = E.to_string(source, edits)
    assert string is None or E.apply(source, E.from_string(source, string).edits) == target
    assert E.from_target(source, E.as_target(source, target)[1])[0] == target
    assert E.apply(source, E.from_pairs(source, E.to_pairs(source, edits)).edits) == target
    text = source
    for segment in E.segments(source, edits):
        assert text.count(segment["org"]) == 1 or not text
        text = text.replace(segment["org"], segment["target"], 1) if segment["org"] else segment["target"]
    assert text == target


@settings(deadline=None)
@example("", "|")  # a bar beside the bars of the form
@example("a | b", "a || |b|")
@given(texts, texts)
def test_m2_brings_the_words_back(source: str, target: str) -> None:
    block = E.write_m2(source, [E.extract(source, target), []])
    (read,) = E.read_m2(block)
    plain = [[t for t in E.tokenize(text) if not t.isspace()] for text in (source, target)]
    # what splits at white space that our tokens do not know cannot travel in a form that is joined by spaces
    if all(token.split() == [token] for tokens in plain for token in tokens):
        assert [list(read.words), read.corrected(0), read.corrected(1)] == [plain[0], plain[1], plain[0]]


def test_the_edit_string_of_the_paper() -> None:
    source = "Although I agree , I students need pay for the transport ."
    target = "Although I agree , students need to pay for transportation fees ."
    string = E.to_string(source, E.extract(source, target))
    assert string == "4 5, 7 7 to, 9 11 transportation fees"
    assert E.apply(source, E.from_string(source, string).edits) == target
    assert E.to_string(source, []) == "None"
    assert length([(4, 5, ""), (7, 7, "to")]) == 5


def test_near_edits_are_joined_and_white_space_is_exact() -> None:
    assert E.to_string("a b c", E.extract("a b c", "x b z")) == "0 3 x b z"
    assert E.to_string("Hello world", E.extract("Hello world", "Hello, world")) == "0 1 Hello,"
    assert E.to_string("a  b", E.extract("a  b", "a b")) == "0 2 a b"
    assert E.to_string("我喜欢北京", E.extract("我喜欢北京", "我很喜欢北京。")) == "1 1 很, 4 5 京。"
    assert E.to_string("word ", E.extract("word ", "word")) is None


def test_a_target_is_plain_where_the_edit_string_is_not_shorter() -> None:
    assert E.as_target("a b", "c d") == ("text", "Text: c d")
    assert E.as_target("the same words here", "the same words here") == ("edits", "Edits: None")
    assert E.from_target("a b", "Text: half \ud83d")[1].problems[0].trouble == "unreadable"


@pytest.mark.parametrize(
    ("text", "troubles"),
    [
        ("", []),
        ("No change.", []),
        ("```\n0 1 The\n```", []),
        ("[0 1] The, 2 3", []),
        ("I would say: nothing much", ["unreadable"]),
        ("Sure! 0 1 The", ["unreadable"]),
        ("Sure!\n0 1 The", ["unreadable"]),
        ("0 2 A, 1 3 B", ["overlap"]),
        ("0 0 A, 0 0 B", ["overlap"]),
        ("3 2 x", ["outside"]),
        ("0 99999 x", ["outside"]),
        ("1 1", ["outside"]),
        ("0 1 The, 0 1 A, 7 9", ["outside", "overlap"]),
    ],
)
def test_what_a_model_wrote_is_read_as_far_as_it_goes(text: str, troubles: list[str]) -> None:
    read = E.from_string("Dog ran home .", text)
    assert [p.trouble for p in read.problems] == troubles
    E.apply("Dog ran home .", read.edits)


def test_nothing_that_a_model_writes_raises() -> None:
    rng = random.Random(13)
    alphabet = '0123456789 ,;\n[]{}":None\\eérror\u202e\ud83d\x00👍'
    for _ in range(1000):
        text = "".join(rng.choice(alphabet) for _ in range(rng.randrange(60)))
        for read in (E.from_string(MODEL, text), E.from_pairs(MODEL, text), E.from_target(MODEL, text)[1]):
            E.apply(MODEL, read.edits)
            assert all(p.message for p in read.problems)
    E.from_pairs(MODEL, "[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize(
    ("rows", "result", "troubles"),
    [
        ('[{"error": "fastly", "correction": "fast"}]', "Our dog ran ran too fast to the the park .", []),
        (
            'Here you are:\n```json\n[{"org": "dog", "target": "cat"}]\n```',
            "Our cat ran ran too fastly to the the park .",
            [],
        ),
        ([{"error": "ran", "correction": "run"}], MODEL, ["ambiguous"]),
        ([{"error": "ran", "correction": "run"}] * 2, "Our dog run run too fastly to the the park .", []),
        ([{"error": "ran", "correction": "run", "start": 12}], "Our dog ran run too fastly to the the park .", []),
        ([{"error": "cat", "correction": "x"}], MODEL, ["missing"]),
        ([{"error": "ran", "correction": "x", "start": 3}], MODEL, ["missing"]),
        ([{"error": "", "correction": "x"}], MODEL, ["ambiguous"]),
        (
            [{"error": 3, "correction": "x"}, "no", {"error": "dog", "correction": "x", "start": -1}],
            MODEL,
            ["unreadable"] * 3,
        ),
        (
            [{"error": "dog ran", "correction": "x", "start": 4}, {"error": "ran ran", "correction": "y"}],
            "Our x ran too fastly to the the park .",
            ["overlap"],
        ),
        ({"error": "dog"}, MODEL, ["unreadable"]),
        ("no list", MODEL, ["unreadable"]),
    ],
)
def test_pairs_are_applied_or_reported(rows: Any, result: str, troubles: list[str]) -> None:
    read = E.from_pairs(MODEL, rows)
    assert E.apply(MODEL, read.edits) == result
    assert [p.trouble for p in read.problems] == troubles


def test_an_ambiguous_span_names_its_places() -> None:
    (problem,) = E.from_pairs("a cat, a dog", [{"error": "a ", "correction": "the "}]).problems
    assert problem.places == ((0, 2), (7, 9))


def test_pair_types_are_chfts() -> None:
    source = "On monday we met 12 people from paris in the office ,and left"
    target = "On monday we met 13 people from Lyon in the offices, and left"
    assert [(p["error"].strip(), p["type"]) for p in E.to_pairs(source, E.extract(source, target))] == [
        ("12", "itn"),
        ("paris", "entity"),
        ("office ,", "word"),
    ]


def test_segments_have_unique_originals_and_may_be_of_equal_length() -> None:
    source, target = "the cat sat and the dog sat", "the cat sat and the dog ran"
    assert E.segments(source, E.extract(source, target)) == [
        {"org": "dog sat", "target": "dog ran", "kind": "hallucination"}
    ]
    twice, better = "He go and he goes and he go home now", "He went and he goes and he goes home"
    found = E.segments(twice, E.extract(twice, better))
    assert [s["org"] for s in found] == ["He go and", "he go home", " now"]
    count: Callable[[str], int] = lambda text: len(text.split())  # noqa: E731
    kept = E.segments(twice, E.extract(twice, better), equal_length=count)
    assert kept == [s for s in found if count(s["org"]) == count(s["target"])] and 0 < len(kept) < len(found)


def test_m2_as_the_shared_tasks_write_it() -> None:
    source = "This are a sentence ."
    block = E.write_m2(source, [E.extract(source, "This is a good sentence ."), []])
    assert block == (
        "S This are a sentence .\n"
        "A 1 2|||R:FUNC|||is|||REQUIRED|||-NONE-|||0\n"
        "A 3 3|||M:OTHER|||good|||REQUIRED|||-NONE-|||0\n"
        "A -1 -1|||noop|||-NONE-|||REQUIRED|||-NONE-|||1\n\n"
    )
    (read,) = E.read_m2(block)
    assert read.annotators == (0, 1) and " ".join(read.corrected(0)) == "This is a good sentence ."
    for bad in ("x\n", "S a b\nA 0 9|||R|||x|||REQUIRED|||-NONE-|||0\n", "S a\nA zero\n"):
        with pytest.raises(E.BadEdits, match="line"):
            E.read_m2(bad)


@pytest.mark.parametrize(
    ("before", "after", "type"),
    [
        ("", " ", "space"),
        ("Paris", "paris", "case"),
        ("end .", "end !", "punctuation"),
        ("12", "13", "number"),
        ("in", "on", "function word"),
        ("walk", "walked", "form"),
        ("study", "studies", "form"),
        ("recieve", "receive", "spelling"),
        ("big dog", "dog big", "order"),
        ("house", "building", "wording"),
        ("", "very nice", "wording"),
        ("x2", "x3", "number"),
    ],
)
def test_types(before: str, after: str, type: str) -> None:
    assert E.edit_type(before, after) == type


def test_a_move_is_decided_as_one() -> None:
    source, target = "quickly the dog ran home .", "the dog ran home quickly ."
    gone, come = E.extract(source, target)
    assert gone.move == come.move == 0 and gone.type == come.type == "order"
    assert E.apply(source, [gone, come], accept=[1]) == target
    assert E.apply(source, [gone, come], accept=[]) == source
    swapped = E.extract("Anna paid , then Boris left", "Boris paid , then Anna left")
    assert [e.move for e in swapped] == [0, 0]
    function_word = E.extract("in the end we all went far away", "in end we all went far the away")
    assert [e.move for e in function_word] == [None, None]


def test_each_edit_is_taken_or_left() -> None:
    source, target = "a big cat sat in house", "the big dog sat in the house"
    edits = E.extract(source, target)
    assert E.apply(source, edits, accept={0, 2}) == "the big cat sat in the house"
    assert E.apply(source, edits, accept=lambda e: e.kind == "replace") == "the big dog sat in house"
    with pytest.raises(E.BadEdits, match="no edit 9; they are numbered from 0 to 2"):
        E.apply(source, edits, accept=[9])


def test_half_a_character_is_refused_clearly() -> None:
    for pair in (("ok", "half \ud83d"), ("\ud83d", "ok")):
        with pytest.raises(E.BadEdits, match="lone surrogate"):
            E.extract(*pair)


def test_every_place_of_the_same_words() -> None:
    docs = ["The colour is red. colour, Colour and colourful.", "no", "colour!"]
    found = E.places(docs, "colour")
    assert [(p.text, p.start) for p in found] == [(0, 4), (0, 19), (2, 0)]  # not in "colourful"
    assert "red. colour, Col" in found[1].excerpt
    assert E.places(docs, " ") == E.places(docs, "") == []
    seven = "teh " * 7
    (edit,) = E.extract(seven, "the " + "teh " * 6)
    spread = E.spread(seven, [edit], edit)
    assert len(spread) == 7 and E.apply(seven, spread) == "the " * 7
    other = E.from_pairs(seven, [{"error": "teh teh", "correction": "x", "start": 4}]).edits
    assert len(E.spread(seven, [edit, *other], edit)) == 6  # what another edit holds is left to it
    put_in = E.from_pairs(seven, [{"error": "", "correction": "so ", "start": 4}]).edits
    assert (
        E.apply(seven, E.spread(seven, [edit, *put_in], edit)) == "the so teh " + "the " * 5
    )  # and where it puts words in


def test_the_limit_of_change() -> None:
    source = "One small step. A wholly wrong sentence."
    target = "One small steps. Something else entirely, and longer."
    edits = E.extract(source, target)
    halves = [(0, 16), (16, len(source))]
    assert E.limited(source, edits, 0, halves) == []
    assert E.apply(source, E.limited(source, edits, 0.3, halves)) == "One small steps. A wholly wrong sentence."
    assert E.limited(source, edits, 1, halves) == E.limited(source, edits, 1) == edits
    assert E.limited(source, edits, E.change(source, target)) == edits
    assert E.change("", "") == 0 and E.change("abc", "xyz") == 1


@settings(deadline=None)
@given(texts, texts, st.floats(0, 1), st.integers(0, 40))
def test_limited_edits_always_fit(source: str, target: str, most: float, cut: int) -> None:
    edits = E.extract(source, target)
    kept = E.limited(source, edits, most, [(0, min(cut, len(source))), (min(cut, len(source)), len(source))])
    assert all(edit in edits for edit in kept)
    E.apply(source, kept)
    assert most < 1 or kept == edits


def test_scores_are_the_papers() -> None:
    source = "a b c d e f g"
    place = [E.Edit(i, i + 1, 0, 0, "X", "replace") for i in range(0, 14, 2)]
    got = E.score([(place[:4], [*place[:3], *place[4:7]])])
    assert (got.right, got.extra, got.missed) == (3, 1, 3)
    assert (got.precision, got.recall, round(got.f_half, 6)) == (0.75, 0.5, 0.681818)
    assert E.score([(place[:1], []), ([], [])]).over_edit_rate == 0.5
    assert E.score([(place, place)]).over_edit_rate is None and E.score([]).f_half == 1
    assert len(source) > 0


def test_steps_side_by_side() -> None:
    old = ["Buy 3 apples for 6 dollars.", "Five cost 11 dollars.", "So 11."]
    new = ["Buy 3 apples for 6 dollars.", "One costs 2 dollars each, as 6 / 3 = 2.", "Five cost 10 dollars.", "So 10."]
    assert [(c.op, c.old, c.new) for c in E.step_diff(old, new)] == [
        ("equal", 0, 0),
        ("insert", None, 1),
        ("change", 1, 2),
        ("change", 2, 3),
    ]
    assert [c.op for c in E.step_diff(["x"], [])] == ["delete"] and E.step_diff([], []) == []


@settings(deadline=None)
@given(st.lists(texts, max_size=6), st.lists(texts, max_size=6))
def test_every_step_appears_once(old: list[str], new: list[str]) -> None:
    changes = E.step_diff(old, new)
    assert [c.old for c in changes if c.old is not None] == list(range(len(old)))
    assert [c.new for c in changes if c.new is not None] == list(range(len(new)))
    assert all(old[c.old or 0] == new[c.new or 0] for c in changes if c.op == "equal")


def test_json_keeps_type_and_move_and_reads_rows_without_them() -> None:
    edits = E.extract("quickly the dog ran home .", "the dog ran home quickly .")
    rows = E.to_json(edits)
    assert [(e.type, e.move) for e in E.from_json(rows)] == [("order", 0)] * 2
    old = [{k: v for k, v in row.items() if k not in ("type", "move")} for row in rows]
    assert [(e.type, e.move) for e in E.from_json(old)] == [("", None)] * 2
    with pytest.raises(E.BadEdits, match="type must be one of"):
        E.from_json([{**rows[0], "type": "colour"}])


def random_text(rng: random.Random) -> str:
    """Any code points but lone surrogates, with what breaks naive code over-represented."""
    special = (
        "\u0301",
        "\u200d",
        "👨‍👩‍👧",
        "🇩🇪",
        "\r\n",
        "\x00",
        "שלום",
        "中文",
        "\u202e",
        " ",
        "a",
        "a",
        "b",
        "\u3000",
        "e\u0301",
    )
    parts = []
    for _ in range(rng.randrange(25)):
        point = rng.choice((rng.randrange(0x250), rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)))
        parts.append(rng.choice(special) if rng.random() < 0.7 else chr(point))
    return "".join(parts)


def test_ten_thousand_random_unicode_pairs_round_trip() -> None:
    rng = random.Random(20240701)
    for _ in range(10_000):
        source, target = random_text(rng), random_text(rng)
        assert E.apply(source, E.extract(source, target)) == target


# --- public files


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def fcgec_target(row: dict[str, Any]) -> str:
    """The sentence after the operations of its first reference: per character, then the new order."""
    (operations, *_) = row["operations"] or [{}]
    cells = list(row["sentence"])
    for change in operations.get("Modify", []):
        label = change["label"] if isinstance(change["label"], str) else change["label"][0]
        size = int(change["tag"].rpartition("_")[2].split("+")[0])
        cells[change["pos"] : change["pos"] + size] = [label] + [""] * (size - 1)
    for add in operations.get("Insert", []):
        label = add["label"] if isinstance(add["label"], str) else add["label"][0]
        cells[add["pos"]] += label
    for place in operations.get("Delete", []):
        cells[place] = ""
    return "".join(cells[i] for i in operations["Switch"]) if "Switch" in operations else "".join(cells)


@pytest.mark.shared_data
def test_jfleg_edit_strings_are_half_as_long(shared: Path) -> None:
    rows = rows_of(shared / "data/jfleg/sentences.jsonl")
    pairs = [(r["source"], target) for r in rows for target in r["references"]]
    mean = sum(ratio(*pair) for pair in pairs) / len(pairs)
    longer = sum(E.as_target(*pair)[0] == "text" for pair in pairs)
    unsaid = sum(on_words(s, E.extract(s, t)) is None for s, t in pairs)
    print(
        f"jfleg: {len(pairs)} pairs, edit string over target {mean:.4f}, plain text {longer}, without an edit string {unsaid}"
    )
    assert mean <= 0.50
    assert all(E.from_target(s, E.as_target(s, t)[1])[0] == t for s, t in pairs)


@pytest.mark.shared_data
def test_further_public_pairs_round_trip_in_every_form(shared: Path) -> None:
    data = shared / "data"
    sets = {
        "fcgec_zh": [(r["sentence"], fcgec_target(r)) for r in rows_of(data / "fcgec_zh/sentences.jsonl")],
        "minif2f_fixes": [(r["before"], r["after"]) for r in rows_of(data / "minif2f_fixes/statement_fixes.jsonl")],
        "mathcritique": [
            (r["draft"], r["revision"]) for r in rows_of(data / "mathcritique/gsm8k_critique_revision.jsonl")
        ],
        "memprompt": [(r["sentence1"], r["sentence2"]) for r in rows_of(data / "memprompt/question_pairs_en.jsonl")],
    }
    for name, pairs in sets.items():
        for source, target in pairs:
            edits = E.extract(source, target)
            assert E.apply(source, edits) == target
            assert E.from_target(source, E.as_target(source, target)[1])[0] == target
            assert E.apply(source, E.from_pairs(source, E.to_pairs(source, edits)).edits) == target
        changed = sum(source != target for source, target in pairs)
        print(f"{name}: {len(pairs)} of {len(pairs)} pairs round trip, {changed} changed")
    assert sum(s != t for s, t in sets["fcgec_zh"]) > 400


@pytest.mark.shared_data
def test_reviewed_edits_are_applied_as_decided(shared: Path) -> None:
    """R3: the system's edits as pairs with positions, and those that the reviewer accepted."""
    read = agree = 0
    for row in rows_of(shared / "data/edit_review/system_edits_reviewed.jsonl"):
        pairs = [{"error": e["before"], "correction": e["after"], "start": e["start"]} for e in row["edits"]]
        parsed = E.from_pairs(row["text"], pairs)
        read += len(pairs)
        agree += len(parsed.edits)
        assert len(parsed.edits) + len(parsed.problems) == len(pairs)
        E.apply(row["text"], parsed.edits)
    print(f"edit_review: {agree} of {read} reviewed edits fit their text")
    assert agree > 0.9 * read
