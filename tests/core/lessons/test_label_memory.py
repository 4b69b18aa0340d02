import numpy as np
import pytest

from core.lessons.label_memory import PRIOR, LabelMemory


def unit(*rows: tuple[float, ...]) -> np.ndarray:
    found = np.array(rows, np.float64)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


MODEL = np.array([[0.2, 0.8]])


def test_without_examples_the_model_stands() -> None:
    assert LabelMemory(2, 3).fused(unit((1, 0, 0)), MODEL).tolist() == MODEL.tolist()


def test_an_example_like_the_question_overrules_and_a_far_one_hardly_counts() -> None:
    memory = LabelMemory(2, 3)
    memory.add([7], unit((1, 0, 0)), [0])
    near, far = memory.fused(unit((1, 0, 0)), MODEL), memory.fused(unit((0, 1, 0)), MODEL)
    assert near.argmax() == 0 and near[0, 0] > 0.9
    assert far.argmax() == 1 and far[0, 1] > 0.75
    assert near.sum() == pytest.approx(1) and far.sum() == pytest.approx(1)


def test_by_hand_one_neighbour_and_the_model() -> None:
    memory = LabelMemory(2, 2)
    memory.add([1], unit((1, 0)), [0])
    query = unit((0.8, 0.6))
    weight = np.exp((0.8 - 1) / 0.1)
    # One label only: votes and readout both say label 0, so that its share is 1.
    expected = (PRIOR * MODEL + weight * np.array([[1.0, 0.0]])) / (PRIOR + weight)
    assert memory.fused(query, MODEL) == pytest.approx(expected, abs=1e-9)


def test_the_nearest_are_named_best_first() -> None:
    memory = LabelMemory(2, 2)
    memory.add([4, 5, 6], unit((0, 1), (1, 0), (1, 1)), [0, 1, 1])
    assert [key for key, _ in memory.nearest(unit((1, 0.1))[0], 2)] == [5, 6]


def test_what_is_taken_back_leaves_nothing_behind() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = unit(*rng.normal(size=(60, 8))), rng.integers(0, 3, 60)
    queries, shares = unit(*rng.normal(size=(5, 8))), np.full((5, 3), 1 / 3)
    whole, kept = LabelMemory(3, 8), LabelMemory(3, 8)
    whole.add(list(range(60)), vectors, labels.tolist())
    whole.remove([*range(40, 60), 999])
    kept.add(list(range(40)), vectors[:40], labels[:40].tolist())
    assert len(whole) == 40 and whole.keys == kept.keys
    assert whole.fused(queries, shares) == pytest.approx(kept.fused(queries, shares), abs=1e-9)
    whole.remove(list(range(40)))
    assert whole.fused(queries, shares).tolist() == shares.tolist()


def test_it_learns_what_holds_of_the_space_and_not_only_of_neighbours() -> None:
    rng = np.random.default_rng(1)
    vectors = unit(*rng.normal(size=(400, 16)))
    labels = (vectors[:, 0] > 0).astype(int)
    memory = LabelMemory(2, 16)
    memory.add(list(range(300)), vectors[:300], labels[:300].tolist())
    said = memory.fused(vectors[300:], np.full((100, 2), 0.5)).argmax(axis=1)
    assert np.mean(said == labels[300:]) > 0.85


@pytest.mark.parametrize(
    ("keys", "rows", "labels"), [([1, 1], 2, [0, 0]), ([1], 1, [5]), ([1], 1, [-1]), ([1, 2], 1, [0, 0]), ([3], 1, [0])]
)
def test_bad_examples_are_refused(keys: list[int], rows: int, labels: list[int]) -> None:
    memory = LabelMemory(2, 2)
    memory.add([3], unit((1, 0)), [0])
    with pytest.raises(ValueError, match="example"):
        memory.add(keys, unit(*[(1, 0)] * rows), labels)
    assert len(memory) == 1
