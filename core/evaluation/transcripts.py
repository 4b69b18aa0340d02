"""Transcripts with N-best hypotheses (HyPoradise's shape; DARAG, paper 31): what a memory of corrected words and names is worth.

A person looks at the training utterances in turn, sees the best hypothesis as the memory corrects it so far, and puts it right
where it is wrong. What was corrected becomes entities, and the memory is made anew after every ``BLOCK`` utterances. WER is the
word edit distance over the words of the references, on utterances that the stream never holds. Nothing is tuned here: the
corrector's bounds were chosen on training pairs (``python -m tests.benchmarks.quality_entities``).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import metrics
from core.evaluation.lesson_stream import POINTS, ROUNDS
from core.evaluation.memories import Embed, Encoder
from core.evaluation.transcript_files import Utterance
from core.lessons.entities import WEIGHTS, Entity, EntityIndex, entity_type, replaced
from core.lessons.entity_corrector import Bounds, EntityMemory

BLOCK = 100
KS = (1, 2, 5, 9)
DRAWS = 1000
CHARACTERS = {"grams": 0.5, "spelt": 0.5}
WAYS = {"character": CHARACTERS, "sound": {"sounds": 1.0}, "embedding": {"meaning": 1.0}, "hybrid": WEIGHTS}
PLAIN = Bounds(fixes=2, share=0.6, agreed_share=2.0, beside_share=2.0)  # replacement rules, as page 31 counts them
Errors = NDArray[np.int64]  # per utterance: errors before, errors after, words of the reference


@dataclass
class Streamed:
    """What the stream has taught so far."""

    decided: list[tuple[str, str]] = field(default_factory=list)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def see(self, one: Utterance, corrected: bool) -> None:
        self.decided.append((one.best, one.reference))
        if corrected:
            self.pairs.update({(x.wrong, x.right) for x in replaced(one.best, one.reference)})

    def entities(self) -> list[Entity]:
        return [Entity(w, r, entity_type(w, r), "", count) for (w, r), count in sorted(self.pairs.items())]

    def memory(self, bounds: Bounds | None = None) -> EntityMemory:
        return EntityMemory(self.entities(), self.decided, bounds)


def evaluate(
    train: Sequence[Utterance], test: Sequence[Utterance], corrections: int, seed: int, embed: Embed
) -> dict[str, Any]:
    """The figures of one stream of ``corrections`` training utterances; 0 streams all of them."""
    order = np.random.default_rng(seed).permutation(len(train))[: corrections or None]
    learnt, curve, corrected = _streamed([train[place] for place in order], test)
    memory = learnt.memory()
    begun = time.perf_counter()
    errors = errors_of(memory, test)
    spent = 1000 * (time.perf_counter() - begun) / len(test)
    empty = EntityMemory([], learnt.decided)
    return {
        "accuracy_by_corrections": curve,
        "corrections": int(sum(corrected)),
        "corrections_per_item_by_round": [float(np.mean(part)) for part in np.array_split(corrected, ROUNDS)],
        **figures(errors),
        **_changes(memory, test, errors),
        "new_references": _new_references(learnt, test, errors),
        **recall(learnt.entities(), test, embed),
        "empty_memory_unchanged": all(empty.correct(one.best, one.others).text == one.best for one in test),
        "entities": len(memory),
        "ms_per_item": spent,
        "n_train": len(train),
        "n_streamed": len(order),
        "n_unseen": len(test),
        "baselines": _baselines(learnt, test),
    }


def _streamed(
    stream: Sequence[Utterance], test: Sequence[Utterance]
) -> tuple[Streamed, dict[str, float], NDArray[np.bool_]]:
    learnt, curve = Streamed(), {"0": 1 - _wer(errors_of(EntityMemory([]), test))}
    corrected: list[bool] = []
    memory = learnt.memory()
    for number, one in enumerate(stream, 1):
        wrong = memory.correct(one.best, one.others).text.split() != one.reference.split()
        corrected.append(wrong)
        learnt.see(one, wrong)
        if number % BLOCK == 0:
            memory = learnt.memory()
        if number in POINTS or number == len(stream):
            curve[str(number)] = 1 - _wer(errors_of(learnt.memory(), test))
    return learnt, curve, np.array(corrected, bool)


def word_errors(said: str, reference: str) -> int:
    """Substitutions, deletions and insertions."""
    from rapidfuzz.distance import Levenshtein

    return int(Levenshtein.distance(said.split(), reference.split()))


def errors_of(memory: EntityMemory, test: Sequence[Utterance]) -> Errors:
    """(n, 3): word errors without and with the memory, and words of the reference."""
    rows = []
    for one in test:
        after = memory.correct(one.best, one.others).text
        rows.append(
            (
                word_errors(one.best, one.reference),
                word_errors(after, one.reference),
                len(one.reference.split()),
            )
        )
    return np.array(rows, np.int64)


def _wer(errors: Errors, column: int = 1) -> float:
    return float(errors[:, column].sum() / max(1, errors[:, 2].sum()))


def figures(errors: Errors) -> dict[str, Any]:
    """WER on both sides with percentile intervals over utterances; fixes and breaks are of whole utterances."""
    before, after = errors[:, 0], errors[:, 1]
    drawn = np.random.default_rng(0).integers(0, len(errors), (DRAWS, len(errors)))
    words = np.maximum(1, errors[:, 2][drawn].sum(axis=1))
    spread = [np.percentile(said[drawn].sum(axis=1) / words, (2.5, 97.5)) for said in (before, after)]
    wrong, fixed = int((before > 0).sum()), int(((before > 0) & (after == 0)).sum())
    right, broken = int((before == 0).sum()), int(((before == 0) & (after > 0)).sum())
    return {
        "wer_before": _wer(errors, 0),
        "wer_before_interval": [float(x) for x in spread[0]],
        "wer_after": _wer(errors),
        "wer_after_interval": [float(x) for x in spread[1]],
        "fix_rate": fixed / max(1, wrong),
        "fix_interval": metrics.wilson(fixed, max(1, wrong)),
        "break_rate": broken / max(1, right),
        "break_interval": metrics.wilson(broken, max(1, right)),
    }


def _changes(memory: EntityMemory, test: Sequence[Utterance], errors: Errors) -> dict[str, Any]:
    changed = sum(memory.correct(one.best, one.others).text != one.best for one in test)
    worse = int((errors[:, 1] > errors[:, 0]).sum())
    return {
        "utterances_better": int((errors[:, 1] < errors[:, 0]).sum()),
        "utterances_worse": worse,
        "utterances_changed": changed,
        "worse_per_changed": worse / max(1, changed),
    }


def _new_references(learnt: Streamed, test: Sequence[Utterance], errors: Errors) -> dict[str, float]:
    """WER where what was said is not word for word in the stream: the rest could be known by heart."""
    known = {" ".join(target.split()) for _, target in learnt.decided}
    new = errors[[" ".join(one.reference.split()) not in known for one in test]]
    return {"n": len(new), "wer_before": _wer(new, 0), "wer_after": _wer(new)}


def recall(entities: Sequence[Entity], test: Sequence[Utterance], embed: Embed) -> dict[str, Any]:
    """Whether the right form is among the k entities that a wrong span of the test finds, by way of finding.

    ``recall_at_5`` is the hybrid's over the spans whose right form the memory holds, of which ``held`` is the share; over all
    spans no memory of the training part can reach more than that share.
    """
    spans = [one for row in test for one in replaced(row.best, row.reference)]
    known = {entity.right for entity in entities}
    held = [one for one in spans if one.right in known]
    if not held:
        return {"recall_at_5": 0.0, "recall_at_5_of_all_spans": 0.0, "held": 0.0, "spans": len(spans), "recall": {}}
    index, meaning = EntityIndex(entities), meanings(entities, [one.wrong for one in held], embed)
    found: dict[str, dict[str, float]] = {}
    for way, weights in WAYS.items():
        ranks = [_rank(index, one.wrong, one.right, weights, meaning) for one in held]
        found[way] = {str(k): float(np.mean([rank < k for rank in ranks])) for k in KS}
    share = len(held) / len(spans)
    return {
        "recall_at_5": found["hybrid"]["5"],
        "recall_at_5_of_all_spans": found["hybrid"]["5"] * share,
        "held": share,
        "spans": len(spans),
        "recall": found,
    }


def _rank(index: EntityIndex, wrong: str, right: str, weights: Mapping[str, float], meaning: Any) -> int:
    near = index.closest(wrong, max(KS), meaning=meaning, weights=weights)
    return next((place for place, one in enumerate(near) if one.entity.right == right), max(KS))


def meanings(
    entities: Sequence[Entity], spans: Sequence[str], embed: Embed
) -> Callable[[str, Sequence[int]], NDArray[np.float32]]:
    """Cosines of the spans with what is embedded of each entity."""
    encode = Encoder(embed)
    known = encode([entity.text for entity in entities])
    encode(spans)
    return lambda span, places: known[list(places)] @ encode([span])[0]


def _baselines(learnt: Streamed, test: Sequence[Utterance]) -> dict[str, Any]:
    """The best hypothesis as it is; the one nearest to the others; plain replacement rules; the best that any choice among them
    could do."""
    words = max(1, sum(len(one.reference.split()) for one in test))
    said = {
        "no_memory": [one.best for one in test],
        "hypothesis_nearest_to_the_others": [_central(one.hypotheses) for one in test],
        "replacement_rules": [text.text for text in map(learnt.memory(PLAIN).correct, (one.best for one in test))],
        "oracle_of_the_hypotheses": [
            min(one.hypotheses, key=lambda text: word_errors(text, one.reference)) for one in test
        ],
    }
    wers = {
        name: sum(word_errors(text, one.reference) for text, one in zip(texts, test, strict=True)) / words
        for name, texts in said.items()
    }
    return {name: {"accuracy": 1 - wer, "wer": wer} for name, wer in wers.items()}


def _central(hypotheses: Sequence[str]) -> str:
    """Least word errors against the others together (minimum Bayes risk, all equally likely)."""
    return min(hypotheses, key=lambda text: sum(word_errors(text, other) for other in hypotheses))
