"""Golden figures of the papers: revisions (12), edit spans and their M2 file (13), and reachable prefixes (45)."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import orjson
import pytest

from core import edits as E
from core.edits.strings import ratio
from core.exporters import REGISTRY
from core.exporters.masks import token_weights
from core.exporters.revise import count_words, revised
from core.exporters.sorm import reachable
from core.exporters.writing import BadExport, read_rows, write_export
from tests.core.exporters import game24
from tests.core.exporters.records import RICH, SOLVED
from tests.core.exporters.test_papers import rolled, rows

CAPTION = (
    "In the picture a tall woman is standing under a a stone bridge. She holds the red umbrella umbrella with a white handle "
    "and wears a green coat coat. Behind of her there is two boats, and a brown dog dog sleeps on a blue bench."
)
PAIRS = (  # in the shape of the sample in ReDiff's README: originals that stand once, targets of as many words
    {"org": "a a stone", "target": "an old stone"},
    {"org": "red umbrella umbrella", "target": "large red umbrella"},
    {"org": "Behind of her there is", "target": "On the river there are"},
    {"org": "dog dog sleeps", "target": "cat now sleeps"},
)


def test_four_pairs_one_after_the_other() -> None:
    """Paper 12's fixture of a caption and four pairs, here with words of our own."""
    wanted = (
        "In the picture a tall woman is standing under an old stone bridge. She holds the large red umbrella with a white handle "
        "and wears a green coat coat. On the river there are two boats, and a brown cat now sleeps on a blue bench."
    )
    assert all(CAPTION.count(pair["org"]) == 1 for pair in PAIRS)
    result, spans = revised(CAPTION, list(PAIRS))
    assert result == wanted and [result[a:b] for a, b in spans] == [pair["target"] for pair in PAIRS]
    assert E.apply(CAPTION, E.from_pairs(CAPTION, list(PAIRS)).edits) == wanted
    found = E.segments(CAPTION, E.extract(CAPTION, wanted))
    assert len(found) >= 4 and revised(CAPTION, found)[0] == wanted
    even = E.segments(CAPTION, E.extract(CAPTION, wanted), equal_length=count_words)
    assert even == [one for one in found if count_words(one["org"]) == count_words(one["target"])]
    twice = E.from_pairs(CAPTION, [{"org": "coat", "target": "hat"}])
    assert [problem.trouble for problem in twice.problems] == ["ambiguous"] and not twice.edits
    widened = E.segments(CAPTION, E.extract(CAPTION, CAPTION.replace("coat coat", "coat")))
    assert all(CAPTION.count(one["org"]) == 1 for one in widened)


def test_losses_are_normalised_per_kind() -> None:
    """Paper 12: mask (2, 4), syntax (1), hallucination (3, 3), clean (0, 0, 1) give 3 + 1 + 3 + .3333 = 7.3333."""
    losses = [9.0, 2, 4, 1, 3, 3, 0, 0, 1, 9.0]
    offsets = [(0, 0), *((i, i + 1) for i in range(8)), (8, 9)]  # a special token first, and one outside of all
    kinds = {"mask": [[0, 2]], "syntax": [[2, 3]], "hallucination": [[3, 4], [4, 5]], "clean": [[5, 8]]}
    weights = token_weights(offsets, kinds)
    assert round(sum(w * x for w, x in zip(weights, losses, strict=True)), 4) == 7.3333
    assert weights[0] == weights[-1] == 0
    (row,) = (row for row in rows("revise", SOLVED))
    spans: dict[str, list[list[int]]] = {}
    for one, span in zip(row["revise"], row["loss_spans"], strict=True):
        spans.setdefault(one["kind"], []).append(span)
    letters = [(i, i + 1) for i in range(len(row["result"]))]
    assert sum(token_weights(letters, spans)) == pytest.approx(len(spans))


@pytest.mark.shared_data
def test_public_first_references_round_trip(shared: Path) -> None:
    """Paper 13 on JFLEG's first references: 754 of 754 exact, 89 unchanged; edit string over target at most .55 (measured .495)."""
    lines = (shared / "data/jfleg/sentences.jsonl").read_bytes().splitlines()
    pairs = [(row["source"], row["references"][0]) for row in map(orjson.loads, lines)]
    exact = sum(E.apply(source, E.extract(source, target)) == target for source, target in pairs)
    assert (len(pairs), exact) == (754, 754)
    assert sum(not E.extract(source, target) for source, target in pairs) == 89
    longer = sum(E.as_target(source, target)[0] == "text" for source, target in pairs)
    mean = sum(ratio(source, target) for source, target in pairs) / len(pairs)
    print(
        f"jfleg, first references: edit string over target {mean:.3f}, {longer} pairs whose edit string is no shorter"
    )
    assert mean <= 0.495 and longer <= 35


def test_random_token_lists_round_trip() -> None:
    """Paper 13's 2,000: empty ones, repeated tokens, any script, runs of white space."""
    rng = random.Random(13)
    words = [
        "",
        "a",
        "a",
        "the",
        "it's",
        " ",
        "  ",
        "\n\t",
        "é",
        "e\u0301",
        "日本",
        "👍🏽",
        "𝔘",
        "\u200d",
        "3.5",
        "<b>",
        "\0",
    ]
    for _ in range(2000):
        source, target = (rng.choice(["", " "]).join(rng.choices(words, k=rng.randrange(12))) for _ in range(2))
        found = E.extract(source, target)
        assert E.apply(source, found) == target
        assert E.apply(source, found, accept=()) == source


def test_m2_files_hold_the_blocks_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.m2"
    told: dict[str, Any] = {"filters": {}, "licence": "", "created_at": ""}
    manifest = write_export(path, REGISTRY.make("edit_spans"), RICH, **told, container="m2")
    text = path.read_text("utf-8")
    assert text == "".join(row["m2"] for row in rows("edit_spans", *RICH)) and "\nA " in text
    assert len(E.read_m2(text)) == manifest.rows > 1 and manifest.container == "m2"
    with pytest.raises(BadExport, match="export JSON lines too"):
        list(read_rows(path, manifest))
    with pytest.raises(BadExport, match="choose that format"):
        write_export(tmp_path / "kto.m2", REGISTRY.make("kto"), RICH, **told, container="m2")
    assert not (tmp_path / "kto.m2").exists()


def test_reachability_is_never_claimed_in_vain_and_found_more_often_with_more_tries() -> None:
    """Paper 45 on the Game of 24 with an exact solver: no false positive, and recall that grows over K = 1, 8, 32, 128
    (measured there .14, .45, .72, .95 with uniform continuations of prefixes that are not described; here .03, .28, .54, .80)."""
    rng = random.Random(24)
    recall, reach = dict.fromkeys((1, 8, 32, 128), 0), 0
    deals = (tuple(sorted(Fraction(rng.randint(1, 13)) for _ in range(4))) for _ in range(400))
    for deal in filter(game24.solvable, deals):
        states = [deal]
        for k in (1, 2):
            states.append(state := rng.choice(game24.moves(states[-1])))
            ends = [game24.played(state, rng) for _ in range(128)]
            true = game24.solvable(state)
            reach += true
            for tries in recall:
                label = reachable(rolled(*((k, right) for right in ends[:tries])))[0]["label"]
                assert label <= true
                recall[tries] += label
        exact = [game24.solvable(state) for state in states]
        labels = [one["label"] for one in reachable(rolled(*enumerate(exact)))]
        assert labels == exact  # so the first error is where the solver has it
    found = [recall[tries] / reach for tries in recall]
    print(f"Game of 24: {reach} prefixes that reach 24, found by K = 1, 8, 32, 128: {found}")
    assert reach > 50 and found[0] < found[1] < found[2] < found[3] and found[0] < 0.15 and found[3] > 0.72
