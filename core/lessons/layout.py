"""Lessons on a plane, so that those of like meaning lie together: t-SNE (van der Maaten and Hinton, 2008) from a start by PCA.

Two principal components alone hold about a tenth of what sentence embeddings say, and groups lie over each other; t-SNE keeps
neighbours. It is what scikit-learn has, deterministic here: no random start, a fixed seed. Distances between far groups mean little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST = 8  # below, neighbours are too few to be kept: PCA alone
COMPONENTS = 50  # of the vectors that neighbours are looked for in
STEPS = 500
NEAR = 5  # neighbours by which a layout is judged


def lay_out(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Points, shape (n, 2), in [0, 1] with the longer side filled, for unit vectors of shape (n, d); equal input gives equal points."""
    n = len(vectors)
    if n < 3 or np.allclose(vectors, vectors[:1], atol=1e-6):
        return np.stack([np.linspace(0.5, 1.0, n) if n > 1 else np.full(n, 0.5), np.full(n, 0.5)], axis=1)
    flat = principal(vectors, min(COMPONENTS, n - 1, vectors.shape[1]))
    points = flat[:, :2] if flat.shape[1] > 1 else np.hstack([flat, np.zeros((n, 1))])
    if n >= FEWEST:
        from sklearn.manifold import TSNE

        points = TSNE(
            perplexity=min(30.0, (n - 1) / 3),
            init=points / (points[:, 0].std() or 1.0) * 1e-4,
            learning_rate="auto",
            max_iter=STEPS,
            random_state=0,
            n_jobs=1,
        ).fit_transform(flat)
    low, high = points.min(axis=0), points.max(axis=0)
    size = float((high - low).max()) or 1.0
    return np.asarray((points - (low + high) / 2) / size + 0.5, dtype=np.float64)


def principal(vectors: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """The first ``k`` principal components, shape (n, k); each has the sign with which its largest weight is positive."""
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0)
    _, weights = np.linalg.eigh(centred.T @ centred)
    axes = weights[:, ::-1][:, :k]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(centred @ axes)


def trustworthiness(vectors: NDArray[np.floating], points: NDArray[np.floating]) -> float:
    """How far neighbours on the plane are neighbours in meaning (Venna and Kaski, 2001); 1 is ideal, and what too few points have."""
    if len(vectors) < 2 * NEAR + 2:
        return 1.0
    from sklearn.manifold import trustworthiness as judged

    return float(judged(vectors, points, n_neighbors=NEAR, metric="cosine"))
