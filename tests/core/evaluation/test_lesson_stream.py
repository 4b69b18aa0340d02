from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.evaluation import intents
from core.evaluation.lesson_stream import (
    LabelStream,
    baselines,
    drawn,
    history_text,
    prompted,
    replay,
    rules_text,
    unseen,
)


def made(n: int = 240, *, telling: bool = True) -> LabelStream:
    """Three clear clusters; the model knows label 0 alone. Without ``telling`` the vectors say nothing of the label."""
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, n)
    centres = np.eye(3)[gold] if telling else np.zeros((n, 3))
    vectors = np.hstack([centres, np.ones((n, 1))]) + 0.2 * rng.normal(size=(n, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    shares = np.tile([0.6, 0.2, 0.2], (n, 1))
    texts = tuple(f"case {i} with word{label}" for i, label in enumerate(gold))
    return LabelStream(texts, vectors.astype(np.float32), shares, gold)


def test_one_text_never_stands_on_both_sides_whatever_its_spaces_and_case() -> None:
    assert unseen(["A  text", "a text"]).tolist() in ([True, True], [False, False])
    data = made()
    stream, rest = drawn(data, 100, seed=3)
    assert not set(stream.tolist()) & set(rest.tolist())
    again, same = drawn(data, 100, seed=4)
    assert same.tolist() == rest.tolist() and again.tolist() != stream.tolist()


def test_a_stream_teaches_and_needs_fewer_corrections_as_it_goes() -> None:
    found = replay(made(), 120, seed=0)
    curve = found["accuracy_by_corrections"]
    assert list(curve) == ["0", "30", "100", "120"]
    assert curve["0"] < 0.5 < 0.9 < curve["120"]
    rounds = found["corrections_per_item_by_round"]
    assert rounds[0] > rounds[-1] and found["corrections"] == pytest.approx(30 * sum(rounds))
    assert found["fix_rate"] > 0.9 and found["break_rate"] < 0.1


def test_where_nothing_can_be_learnt_breaks_are_counted() -> None:
    found = replay(made(telling=False), 120, seed=0)
    assert found["break_rate"] > 0.3, "the memory guesses, and so breaks what was right"
    assert found["accuracy_by_corrections"]["120"] < 0.6


def test_corrected_ones_alone_are_fewer_examples() -> None:
    both = replay(made(), 120, seed=0, accepted_too=False)
    assert both["accuracy_by_corrections"]["120"] > 0.8
    assert both["corrections"] < 120


def test_baselines_by_hand() -> None:
    data = made()
    stream, rest = drawn(data, 120, seed=0)
    found = baselines(data, stream, rest)
    assert found["no_memory"]["accuracy"] == pytest.approx(np.mean(data.gold[rest] == 0))
    assert found["nearest_past_item"]["accuracy"] > 0.8 and found["linear_probe"]["accuracy"] > 0.9


@pytest.mark.parametrize("length", [0, 10_000])
def test_a_stream_that_cannot_be_says_so(length: int) -> None:
    with pytest.raises(ValueError, match="--corrections"):
        drawn(made(), length, 0)


def test_the_memories_in_the_prompt_hold_what_they_say() -> None:
    data, names = made(), ["zero", "one", "two"]
    stream, rest = drawn(data, 120, seed=0)
    text = history_text(data, stream, names, 300)
    lines = text.splitlines()[1:]
    assert len(text) < 350 and lines[-1].startswith(data.texts[stream[-1]]) and " => " in lines[-1]
    rules = rules_text(data, stream, names)
    assert [line.rsplit(" ", 1)[1] for line in rules.splitlines()[1:]] == ["zero.", "one.", "two."]
    seen: list[str] = []

    def ask(before: str, places: Any) -> Any:
        seen.append(before)
        return np.eye(3)[data.gold[list(places)]]

    found = prompted(data, stream, rest[:20], names, ask, 300)
    assert [found[name]["accuracy"] for name in found] == [1.0, 1.0]
    assert seen == [text, rules]


def test_rules_of_texts_without_words_are_none() -> None:
    data = made()
    bare = LabelStream(("1 2",) * 240, data.vectors, data.shares, data.gold)
    assert rules_text(bare, [0, 1, 2], ["a", "b", "c"]) == "There are no rules yet."


# --- intents


def spelling(texts: Any) -> np.ndarray:
    """A fake encoder: counts of letters, as unit vectors."""
    found = np.array([[text.count(chr(97 + k)) for k in range(26)] for text in texts], np.float32) + 1e-3
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_a_slot_in_place_of_the_word_finds_the_wording() -> None:
    words = ["zzzzzzzz", "qqqqqqqq", "xxxxxxxx", "jjjjjjjj", "kkkkkkkk", "vvvvvvvv"]
    asked = [intents.Asked(f"opposite of < {w} >", "ant") for w in words] + [
        intents.Asked(f"same as < {w} >", "syn") for w in words
    ]
    found = intents.evaluate(asked, 8, 0, spelling)
    assert found["hit_at_1"] == 1.0 > found["hit_at_1_plain"]
    assert found["wordings"] == 2 and found["n"] == 4


def test_a_file_that_is_no_questions_says_where(tmp_path: Path) -> None:
    (tmp_path / "intents_en.jsonl").write_text('{"ques": "a", "type": "b"}\n{"ques": 3}\n')
    with pytest.raises(ValueError, match="line 2"):
        intents.read(tmp_path)
