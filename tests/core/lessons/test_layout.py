"""The layout of the map: the same every time, within the plane, and groups of like meaning lie together."""

from __future__ import annotations

import numpy as np
import pytest

from core.lessons.layout import lay_out, principal, trustworthiness


def groups(n: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(4, 32))
    which = np.repeat(np.arange(4), n)
    vectors = centres[which] + 0.3 * random.normal(size=(4 * n, 32))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), which


def test_groups_lie_together_and_every_time_in_the_same_place() -> None:
    vectors, which = groups()
    points = lay_out(vectors)
    assert np.array_equal(points, lay_out(vectors))
    assert points.min() >= 0 and points.max() <= 1
    distance = np.linalg.norm(points[:, None] - points[None], axis=2) + 9 * np.eye(len(points))
    assert (which[distance.argmin(axis=1)] == which).mean() > 0.95
    assert trustworthiness(vectors, points) > trustworthiness(vectors, principal(vectors, 2))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 8])
def test_few_lessons_have_places_too(n: int) -> None:
    points = lay_out(groups()[0][:n])
    assert points.shape == (n, 2) and np.isfinite(points).all() and trustworthiness(groups()[0][:n], points) == 1.0


def test_equal_lessons_do_not_hide_each_other() -> None:
    points = lay_out(np.ones((5, 8)))
    assert len({tuple(point) for point in points}) == 5
