"""Loss masks as text: a row is cut into segments that a trainer learns from or only reads, whatever its tokenizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Segment = dict[str, Any]  # {"text": str, "train": bool}
IGNORED = -100  # the label that losses leave out


def segment(text: str, train: bool) -> Segment:
    return {"text": text, "train": train}


def train_spans(segments: Sequence[Segment]) -> list[list[int]]:
    """[start, end] of what is learnt, in characters of the joined segments."""
    spans, at = [], 0
    for one in segments:
        end = at + len(one["text"])
        if one["train"] and end > at:
            spans.append([at, end])
        at = end
    return spans


def token_labels(
    token_ids: Sequence[int], offsets: Sequence[tuple[int, int]], spans: Sequence[Sequence[int]]
) -> list[int]:
    """The labels of a tokenized text, ``IGNORED`` where a token does not begin in a span; offsets as fast tokenizers give them.

    A token that reaches over the end of a span belongs to where it begins, so that no token is counted twice; empty tokens are ignored.
    """
    return [
        token if end > start and any(low <= start < high for low, high in spans) else IGNORED
        for token, (start, end) in zip(token_ids, offsets, strict=True)
    ]


def token_weights(offsets: Sequence[tuple[int, int]], kinds: Mapping[str, Sequence[Sequence[int]]]) -> list[float]:
    """What each token's loss is multiplied by, so that the sum is that of each kind's mean (ReDiff, paper 12).

    ``kinds`` maps a kind to its spans, such as the ``kind`` of each of ``revise`` to its ``loss_spans``. A token is of the first kind
    that it begins in, and weighs nothing outside of all.
    """
    of = [
        next((k for k, spans in kinds.items() if end > start and any(low <= start < high for low, high in spans)), None)
        for start, end in offsets
    ]
    counts = Counter(of)
    return [0.0 if kind is None else 1 / counts[kind] for kind in of]
