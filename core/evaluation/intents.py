"""The same intent in many wordings (MemPrompt): whether the memory finds a correction that was made on another question of that intent.

A correction is kept with its question; a later question of the same intent names another word, and may be worded in another way. With
the named word replaced by a slot, as lessons are (``core.lessons.wording``), the wording decides and not the word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluation.rows import read_jsonl
from core.lessons.wording import without_instances

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    intent: str


def read(path: Path) -> list[Asked]:
    """``intents_en.jsonl`` of a folder, or such a file. Raises ``ValueError`` that names file and line."""
    file = path / "intents_en.jsonl" if path.is_dir() else path
    found = []
    for place, row in read_jsonl(file):
        if not isinstance(row.get("ques"), str) or not isinstance(row.get("type"), str):
            raise ValueError(f"{place}: a row has 'ques' and 'type'")
        found.append(Asked(row["ques"], row["type"]))
    return found


def evaluate(asked: Sequence[Asked], corrections: int, seed: int, embed: Embed, queries: int = 600) -> dict[str, Any]:
    """hit@1 of the intent after ``corrections`` corrected questions; plain: with their words as they are; new wording: when nothing in
    the memory is worded like the question. ``ValueError`` when there are too few rows."""
    if not 1 <= corrections < len(asked):
        raise ValueError(f"--corrections must be between 1 and {len(asked) - 1:,}")
    order = np.random.default_rng(seed).permutation(len(asked))
    memory, later = order[:corrections], order[corrections : corrections + queries]
    intents = np.array([one.intent for one in asked])
    bare = np.array([without_instances(one.question) for one in asked])
    slots = _vectors(bare, embed)
    plain = _vectors(np.array([one.question for one in asked]), embed, places=np.append(memory, later))
    found = {"hit_at_1": _hit(slots, memory, later, intents), "hit_at_1_plain": _hit(plain, memory, later, intents)}
    similarity = slots[later] @ slots[memory].T
    similarity[bare[later][:, None] == bare[memory][None]] = -1
    found["hit_at_1_new_wording"] = float(np.mean(intents[memory[similarity.argmax(axis=1)]] == intents[later]))
    return {**found, "n": len(later), "corrections": corrections, "wordings": len(set(bare.tolist())), "seed": seed}


def _vectors(texts: NDArray[Any], embed: Embed, places: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
    """One vector per place; each text is embedded once."""
    wanted = texts if places is None else texts[places]
    different = sorted(set(wanted.tolist()))
    table = embed(different)
    where = {text: row for row, text in enumerate(different)}
    found = np.zeros((len(texts), table.shape[1]), np.float32)
    for place in range(len(texts)) if places is None else places:
        found[place] = table[where[texts[place]]]
    return found


def _hit(
    vectors: NDArray[np.float32], memory: NDArray[np.int64], later: NDArray[np.int64], intents: NDArray[Any]
) -> float:
    near = (vectors[later] @ vectors[memory].T).argmax(axis=1)
    return float(np.mean(intents[memory[near]] == intents[later]))
