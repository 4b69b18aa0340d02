"""A stream of items with people's corrections, replayed: how much of what was said once need not be said again.

An oracle annotator looks at each item in turn and corrects a label only where the product's answer, with all that it has learnt so far,
is wrong; a right answer is accepted. Accuracy is that on items that the stream never holds, fixed by a hash of their texts, so that one
text never stands on both sides. Fixes and breaks are counted on those items against the model without memory. Nothing is tuned here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import metrics
from core.lessons.label_memory import LabelMemory

Floats = NDArray[np.float64]
POINTS = (0, 30, 100, 300, 1000)
UNSEEN = 3  # one text in so many is never streamed
ROUNDS = 4
WORD = r"[A-Za-z]{3,}"


@dataclass(frozen=True, slots=True)
class LabelStream:
    """Texts with unit ``vectors`` (n, d), the model's own ``shares`` (n, k) over the labels, and the right labels (n,)."""

    texts: tuple[str, ...]
    vectors: NDArray[np.float32]
    shares: Floats
    gold: NDArray[np.int64]

    @property
    def labels(self) -> int:
        return int(self.shares.shape[1])


def unseen(texts: Sequence[str]) -> NDArray[np.bool_]:
    """(n,) true for the texts that no stream holds: by a hash of their words in lower case."""
    words = (" ".join(text.casefold().split()) for text in texts)
    return np.array(
        [int(hashlib.sha256(w.encode("utf-8", "surrogatepass")).hexdigest(), 16) % UNSEEN == 0 for w in words]
    )


def drawn(data: LabelStream, length: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(places of the stream in order, places of the unseen items). ``ValueError`` when the data are too few."""
    apart = unseen(data.texts)
    pool, rest = np.flatnonzero(~apart), np.flatnonzero(apart)
    if not 1 <= length <= len(pool):
        raise ValueError(f"--corrections must be between 1 and {len(pool):,}: so many items can be streamed here")
    if not len(rest):
        raise ValueError("no item is left that the stream does not hold: give more rows")
    return np.random.default_rng(seed).permutation(pool)[:length], rest


def replay(data: LabelStream, length: int, seed: int, *, accepted_too: bool = True) -> dict[str, Any]:
    """The figures of one stream. ``accepted_too``: an accepted label teaches as well; otherwise corrected ones alone."""
    stream, rest = drawn(data, length, seed)
    memory = LabelMemory(data.labels, data.vectors.shape[1])
    curve: dict[str, float] = {}
    corrected: list[bool] = []
    for number, place in enumerate(stream):
        if number in POINTS:
            curve[str(number)] = _accuracy(data, memory, rest)
        here = slice(place, place + 1)
        wrong = bool(memory.fused(data.vectors[here], data.shares[here]).argmax() != data.gold[place])
        corrected.append(wrong)
        if wrong or accepted_too:
            memory.add([int(place)], data.vectors[here], [int(data.gold[place])])
    curve[str(length)] = _accuracy(data, memory, rest)
    return {
        "accuracy_by_corrections": curve,
        "corrections": sum(corrected),
        "corrections_per_item_by_round": [float(np.mean(part)) for part in np.array_split(corrected, ROUNDS)],
        **_changed(data, memory, rest),
        "ms_per_item": _milliseconds(data, memory, rest),
        "n_unseen": len(rest),
        "stream": stream,
        "unseen": rest,
    }


def _accuracy(data: LabelStream, memory: LabelMemory, places: NDArray[np.int64]) -> float:
    found = memory.fused(data.vectors[places], data.shares[places]).argmax(axis=1)
    return float(np.mean(found == data.gold[places]))


def _changed(data: LabelStream, memory: LabelMemory, places: NDArray[np.int64]) -> dict[str, Any]:
    """Of what was wrong without memory the share that is right with it, and of what was right the share that is wrong."""
    gold = data.gold[places]
    before = data.shares[places].argmax(axis=1) == gold
    after = memory.fused(data.vectors[places], data.shares[places]).argmax(axis=1) == gold
    fixed, broken = int(np.sum(~before & after)), int(np.sum(before & ~after))
    return {
        "fix_rate": fixed / max(1, int(np.sum(~before))),
        "fix_interval": metrics.wilson(fixed, max(1, int(np.sum(~before)))),
        "break_rate": broken / max(1, int(np.sum(before))),
        "break_interval": metrics.wilson(broken, max(1, int(np.sum(before)))),
    }


def _milliseconds(data: LabelStream, memory: LabelMemory, places: NDArray[np.int64]) -> float:
    """Of one look-up, the vector given."""
    few = places[:50]
    begun = time.perf_counter()
    for place in few:
        memory.fused(data.vectors[place : place + 1], data.shares[place : place + 1])
    return 1000 * (time.perf_counter() - begun) / len(few)


def baselines(data: LabelStream, stream: NDArray[np.int64], rest: NDArray[np.int64]) -> dict[str, Any]:
    """Accuracy on the unseen items of: no memory, the nearest past item's label, and a linear probe taught on the whole stream."""
    from sklearn.linear_model import LogisticRegression

    known, gold = data.gold[stream], data.gold[rest]
    near = (data.vectors[rest] @ data.vectors[stream].T).argmax(axis=1)
    found = {"no_memory": data.shares[rest].argmax(axis=1), "nearest_past_item": known[near]}
    if len(set(known.tolist())) > 1:
        probe = LogisticRegression(max_iter=1000).fit(data.vectors[stream], known)
        found["linear_probe"] = probe.predict(data.vectors[rest])
    return {name: {"accuracy": float(np.mean(said == gold))} for name, said in found.items()}


Likelihood = Callable[[str, Sequence[int]], Floats]
"""(system text, places) -> the model's shares over the labels (n, k), with that text before the question."""


def prompted(
    data: LabelStream,
    stream: NDArray[np.int64],
    places: NDArray[np.int64],
    names: Sequence[str],
    ask: Likelihood,
    budget: int,
) -> dict[str, Any]:
    """Two memories that live in the prompt, on ``places`` alone: all of the history, and every rule that can be read off it.

    ``budget`` is in characters; the newest examples are kept, and the rules' best words.
    """
    gold = data.gold[places]
    texts = {
        "all_history_in_prompt": history_text(data, stream, names, budget),
        "all_rules_in_prompt": rules_text(data, stream, names),
    }
    found = {}
    for name, text in texts.items():
        shares = ask(text, [int(place) for place in places])
        found[name] = {
            "accuracy": float(np.mean(shares.argmax(axis=1) == gold)),
            "n": len(places),
            "characters": len(text),
        }
    return found


def history_text(
    data: LabelStream, stream: Sequence[int] | NDArray[np.int64], names: Sequence[str], budget: int
) -> str:
    """Past items with their labels, oldest first, as many of the newest as fit."""
    lines: list[str] = []
    size = 0
    for place in reversed([int(place) for place in stream]):
        line = f"{' '.join(data.texts[place].split())} => {names[data.gold[place]]}"
        if size + len(line) + 1 > budget:
            break
        lines.append(line)
        size += len(line) + 1
    return "Past items with their labels:\n" + "\n".join(reversed(lines))


def rules_text(
    data: LabelStream, stream: Sequence[int] | NDArray[np.int64], names: Sequence[str], words: int = 8
) -> str:
    """One rule per label: the words that tell it from the rest, by the difference of log-odds over the stream."""
    from sklearn.feature_extraction.text import CountVectorizer

    places = [int(place) for place in stream]
    reader = CountVectorizer(binary=True, min_df=2, token_pattern=WORD, stop_words="english")
    try:
        counts = reader.fit_transform([data.texts[place] for place in places])
    except ValueError:  # no word stands in two items
        return "There are no rules yet."
    spelt, known = reader.get_feature_names_out(), data.gold[places]
    lines = []
    for label, name in enumerate(names):
        mine = known == label
        if not mine.any() or mine.all():
            continue
        inside = (np.asarray(counts[mine].sum(axis=0)).ravel() + 0.5) / (mine.sum() + 1)
        outside = (np.asarray(counts[~mine].sum(axis=0)).ravel() + 0.5) / ((~mine).sum() + 1)
        best = np.argsort(-(np.log(inside / (1 - inside)) - np.log(outside / (1 - outside))), kind="stable")[:words]
        lines.append(f"- Texts with words such as {', '.join(spelt[best])}: {name}.")
    return "Rules:\n" + "\n".join(lines)
