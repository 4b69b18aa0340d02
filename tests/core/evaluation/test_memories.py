"""The memory that measurements use: what it takes of many past items."""

from __future__ import annotations

import numpy as np
import pytest

from core.evaluation.memories import nearest_places


@pytest.mark.parametrize("n", [0, 3, 50, 51, 400])
def test_the_nearest_are_those_of_a_stable_sort(n: int) -> None:
    cosines = np.random.default_rng(n).integers(0, 20, n).astype(np.float32) / np.float32(20)  # many ties
    wanted = sorted(range(n), key=lambda place: -cosines[place])[:50]
    assert nearest_places(cosines, 50).tolist() == wanted
