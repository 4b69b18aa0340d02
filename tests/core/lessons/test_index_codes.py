"""Byte codes of vectors: how exact their inner products are, what makes them so, and what counts as another vector."""

from __future__ import annotations

import numpy as np
import pytest

from core.lessons.index_codes import LARGEST, TAIL, Coder, Matrix

DIM, CENTRES = 96, 24
CHANCE = np.random.default_rng(0)
SPREAD = (0.3 + 2 * CHANCE.random(DIM) ** 4).astype(np.float32)
TURN = np.linalg.qr(CHANCE.standard_normal((DIM, DIM)))[0].astype(np.float32)
MIDDLES = CHANCE.standard_normal((CENTRES, DIM)).astype(np.float32)


def drawn(n: int, seed: int) -> Matrix:
    """Unit vectors in groups, with far more in some directions than in others, as embeddings have."""
    chance = np.random.default_rng(seed)
    noise = chance.standard_normal((n, DIM)).astype(np.float32) * 0.6
    made = (MIDDLES[chance.integers(0, CENTRES, n)] + noise) * SPREAD @ TURN
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def error(coder: Coder, vectors: Matrix, queries: Matrix) -> float:
    """Root mean square of the error of inner products."""
    off = (coder.decode(coder.encode(vectors)).astype(np.float64) - vectors) @ queries.T.astype(np.float64)
    return float(np.sqrt((off**2).mean()))


@pytest.fixture(scope="module")
def coder() -> Coder:
    sample = drawn(4000, 1)
    centres = sample[:CENTRES].copy()
    return Coder.fitted(sample, centres, np.argmax(sample @ centres.T, axis=1))


def common_range(vectors: Matrix) -> Matrix:
    """What each number rounded in one range for all vectors gives."""
    low, high = vectors.min(axis=0), vectors.max(axis=0)
    step = (high - low) / 255
    return np.asarray(low + np.rint((vectors - low) / step) * step, np.float32)


def test_products_are_far_more_exact_than_by_one_range_for_all(coder: Coder) -> None:
    vectors, queries = drawn(1000, 2), drawn(200, 3)
    plain = float(np.sqrt((((common_range(vectors) - vectors) @ queries.T) ** 2).mean()))
    assert error(coder, vectors, queries) < plain / 2.5


def test_errors_that_are_made_good_and_the_factor_both_help(coder: Coder) -> None:
    vectors, queries = drawn(1000, 2), drawn(200, 3)
    without = Coder(coder.centres, np.zeros_like(coder.feedback))
    assert error(coder, vectors, queries) < 0.85 * error(without, vectors, queries)
    along = (coder.decode(coder.encode(vectors)) * vectors).sum(axis=1)
    assert along == pytest.approx(np.ones(1000), abs=5e-6)


def test_a_product_is_that_of_the_decoded_vector_and_equal_for_equal_rows(coder: Coder) -> None:
    vectors, query = drawn(300, 4), drawn(1, 5)[0]
    vectors[100:110] = vectors[7]
    rows = coder.encode(vectors)
    assert rows.shape == (300, DIM + TAIL) and rows.dtype == np.uint8
    places, products = coder.products(query, rows, 20)
    exact = coder.decode(rows) @ query
    assert sorted(places.tolist()) == sorted(np.argsort(-exact)[:20].tolist())
    assert products == pytest.approx(exact[places], abs=1e-6)
    places, products = coder.products(query, rows, 300)
    same = products[np.isin(places, [7, *range(100, 110)])]
    assert len(places) == 300 and len(same) == 11 and len(set(same.tolist())) == 1


def test_only_what_is_further_away_than_its_rounding_is_another_vector(coder: Coder) -> None:
    vectors = drawn(2000, 6)
    rows = coder.encode(vectors)
    assert not coder.differs(rows, vectors).any()
    assert not coder.differs(rows, vectors.astype(np.float16).astype(np.float32)).any()
    moved = vectors + 0.03 * drawn(2000, 7)
    assert coder.differs(rows, moved).all() and coder.differs(rows, vectors[::-1]).mean() > 0.999


def test_unusual_vectors_come_back_nearly_as_they_were(coder: Coder) -> None:
    given = np.stack([np.zeros(DIM), coder.centres[3], np.full(DIM, 40), np.eye(DIM)[5] * 30, -coder.centres[2]])
    back = coder.decode(coder.encode(given.astype(np.float32)))
    assert np.isfinite(back).all()
    steps = np.abs(given - coder.centres.mean(axis=0)).max(axis=1) / LARGEST
    assert (np.abs(back - given).max(axis=1) <= 4 * steps + 1e-3).all()


def test_parts_that_do_not_belong_together_are_refused(coder: Coder) -> None:
    with pytest.raises(ValueError, match="belong together"):
        Coder(coder.centres, coder.feedback[1:])
    with pytest.raises(ValueError, match="belong together"):
        Coder(coder.centres[:0], coder.feedback)
