"""What a risk must beat: majority vote, a label model of independent sources, the model's own probability, and what it taught a pupil.

Each is a risk in [0, 1], shape (n,), of the answers (n,). Votes (n, m) hold -1 for an abstention. None sees a gold label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core import harmonizer

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ROUNDS, SMOOTH, SETTLED = 100, 0.01, 1e-4


def majority_vote(votes: Ints, answers: Ints, k: int) -> Floats:
    """One minus the share of votes that agree with the answer; without votes every class is as likely."""
    counts = np.stack([(votes == c).sum(axis=1) for c in range(k)], axis=1).astype(np.float64)
    total = counts.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, counts / np.maximum(total, 1), 1 / k)
    return np.asarray(1 - shares[np.arange(len(answers)), answers])


def dawid_skene(votes: Ints, answers: Ints, k: int) -> Floats:
    """Dawid and Skene (1979) with abstaining as one more thing to say, by expectation maximisation from the majority vote."""
    n, m = votes.shape
    belief = 1 - np.stack([majority_vote(votes, np.full(n, c), k) for c in range(k)], axis=1)
    said = [[votes[:, j] == v for v in range(-1, k)] for j in range(m)]
    for _ in range(ROUNDS):
        logs = np.tile(np.log((belief.sum(axis=0) + SMOOTH) / (n + k * SMOOTH)), (n, 1))
        for j in range(m):
            counts = np.stack([belief[place].sum(axis=0) for place in said[j]], axis=1) + SMOOTH
            logs += np.log(counts / counts.sum(axis=1, keepdims=True))[:, votes[:, j] + 1].T
        before, belief = belief, np.exp(logs - logs.max(axis=1, keepdims=True))
        belief /= belief.sum(axis=1, keepdims=True)
        if np.abs(belief - before).max() < SETTLED:
            break
    return np.asarray(1 - belief[np.arange(n), answers])


def own_probability(probabilities: Floats, answers: Ints) -> Floats:
    """One minus the model's probability of its answer; ``probabilities`` has shape (n, k)."""
    return np.asarray(np.clip(1 - probabilities[np.arange(len(answers)), answers], 0, 1))


def distilled(x: NDArray[np.float32], answers: Ints, k: int, seed: int) -> Floats:
    """POLAR's "LLM distilled" baseline: the harmonizer taught by the model's answers alone."""
    shares = harmonizer.fit(x, answers[:, None], k, family="lr", seed=seed).probabilities(x)
    return np.asarray(np.clip(1 - shares[np.arange(len(answers)), answers], 0, 1))
