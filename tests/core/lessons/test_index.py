import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from core.lessons.index import Matrix, ScopeIndex, WrongVectors
from core.lessons.index_set import Hit, IndexSet

DIM = 24


def vectors(n: int, seed: int = 0) -> Matrix:
    """Unit vectors as the database keeps them: rounded to half precision."""
    raw = np.random.default_rng(seed).standard_normal((n, DIM))
    raw /= np.linalg.norm(raw, axis=1, keepdims=True)
    return raw.astype(np.float16).astype(np.float32)


def brute_force(ids: Sequence[int], matrix: Matrix, query: Matrix, k: int) -> list[tuple[int, float]]:
    scores = matrix.astype(np.float64) @ query.astype(np.float64)
    return sorted(zip(ids, scores.tolist(), strict=True), key=lambda hit: (-hit[1], hit[0]))[:k]


@dataclass(frozen=True)
class FakeEntry:
    seq: int
    owner_id: int
    op: str
    project_id: int = 1
    scope: str = "rule"


class FakeDatabase:
    """Vectors by scope and id, and how often which were read."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, str], dict[int, Matrix]] = {}
        self.reads: list[tuple[int, str, Sequence[int] | None]] = []

    def put(self, project_id: int, scope: str, owner_id: int, vector: Matrix) -> None:
        self.rows.setdefault((project_id, scope), {})[owner_id] = vector

    def load(self, project_id: int, scope: str, ids: Sequence[int] | None) -> Iterator[tuple[list[int], Matrix]]:
        self.reads.append((project_id, scope, ids))
        rows = self.rows.get((project_id, scope), {})
        found = {owner: v for owner, v in rows.items() if ids is None or owner in ids}
        for start in range(0, len(found), 2):  # in pieces, as the store gives them
            piece = dict(list(found.items())[start : start + 2])
            yield list(piece), np.stack(list(piece.values()))


@pytest.mark.parametrize("k", [1, 5, 50, 500])
def test_ids_and_order_are_those_of_brute_force(k: int) -> None:
    matrix = vectors(300)
    ids = list(range(5000, 4400, -2))
    index = ScopeIndex(DIM)
    index.add(ids, matrix)
    for query in vectors(20, seed=1):
        expected = brute_force(ids, matrix, query, k)
        found = index.search(query, k)
        assert [key for key, _ in found] == [key for key, _ in expected]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-9)


def test_equals_come_in_the_order_of_their_ids() -> None:
    one, other = vectors(2)
    index = ScopeIndex(DIM)
    ids = [int(i) for i in np.random.default_rng(3).permutation(200)]
    index.add(ids, np.stack([one] * 200))
    index.add([1000], other[None])
    assert [key for key, _ in index.search(one, 7)] == list(range(7))
    assert [key for key, _ in index.search(one, 500)] == [*range(200), 1000]


def test_an_id_that_is_there_is_replaced_and_the_last_of_a_batch_wins() -> None:
    a, b, c = vectors(3)
    index = ScopeIndex(DIM)
    index.add([7], a[None])
    index.add([7, 8, 7], np.stack([b, b, c]))
    assert len(index) == index._index._index.ntotal == 2
    assert index.search(c, 1)[0][0] == 7
    assert sorted(key for key, _ in index.search(a, 3)) == [7, 8]


def test_removed_vectors_are_gone() -> None:
    matrix = vectors(10)
    index = ScopeIndex(DIM)
    index.add(range(10), matrix)
    assert index.remove([3, 4, 99]) == 2
    assert index.remove([3]) == 0
    assert 3 not in index and 5 in index
    assert [key for key, _ in index.search(matrix[3], 10)] == [
        key for key, _ in brute_force([0, 1, 2, 5, 6, 7, 8, 9], np.delete(matrix, [3, 4], 0), matrix[3], 10)
    ]
    index.remove(range(10))
    assert index.search(matrix[0], 3) == []


@pytest.mark.parametrize(
    ("ids", "matrix"),
    [
        ([1, 2], np.zeros((1, DIM), np.float32)),
        ([1], np.zeros((1, DIM + 1), np.float32)),
        ([1], np.zeros(DIM, np.float32)),
        ([1], np.full((1, DIM), np.nan, np.float32)),
    ],
)
def test_vectors_that_do_not_fit_are_refused(ids: list[int], matrix: Matrix) -> None:
    index = ScopeIndex(DIM)
    with pytest.raises(WrongVectors):
        index.add(ids, matrix)
    assert len(index) == 0


def test_a_query_that_does_not_fit_is_refused() -> None:
    index = ScopeIndex(DIM)
    for query in (np.zeros(DIM - 1, np.float32), np.full(DIM, np.inf, np.float32)):
        with pytest.raises(WrongVectors):
            index.search(query, 1)


def test_scopes_are_read_from_the_database_when_first_searched() -> None:
    database, matrix = FakeDatabase(), vectors(3)
    database.put(1, "rule", 10, matrix[0])
    database.put(1, "exemplar", 20, matrix[1])
    database.put(2, "rule", 30, matrix[2])
    indexes = IndexSet("m@1#abc", DIM, database.load)
    assert database.reads == []
    hits = indexes.search(1, ["rule", "exemplar", "rule"], matrix[1], 5, model_id="m@1#abc")
    assert [(hit.owner_id, hit.scope) for hit in hits] == [(20, "exemplar"), (10, "rule")]
    assert all(isinstance(hit, Hit) for hit in hits)
    indexes.search(1, ["rule"], matrix[1], 5, model_id="m@1#abc")
    assert database.reads == [(1, "rule", None), (1, "exemplar", None)]


def test_vectors_of_another_model_are_refused() -> None:
    database = FakeDatabase()
    indexes = IndexSet("m@1#abc", DIM, database.load)
    with pytest.raises(WrongVectors, match=r"m@1#abc.*m@2#abc"):
        indexes.search(1, ["rule"], vectors(1)[0], 5, model_id="m@2#abc")
    database.put(1, "rule", 1, np.zeros(DIM + 8, np.float32))
    with pytest.raises(WrongVectors, match="embedded again"):
        indexes.search(1, ["rule"], vectors(1)[0], 5, model_id="m@1#abc")


def test_the_feed_is_followed_and_old_entries_are_passed_over() -> None:
    database, (a, b, c) = FakeDatabase(), vectors(3)
    database.put(1, "rule", 1, a)
    indexes = IndexSet("m", DIM, database.load, applied_seq=4)
    rule = indexes.scope(1, "rule")
    database.put(1, "rule", 2, b)
    before = indexes.generation
    assert indexes.apply([FakeEntry(5, 2, "add"), FakeEntry(6, 1, "remove")]) == 6
    assert (1 in rule, 2 in rule) == (False, True)
    assert indexes.generation > before
    assert database.reads[-1] == (1, "rule", [2])
    assert indexes.apply([FakeEntry(5, 1, "add"), FakeEntry(6, 2, "remove")]) == 6
    assert (1 in rule, 2 in rule) == (False, True)
    database.put(1, "rule", 2, c)
    indexes.apply([FakeEntry(7, 2, "add")])
    assert rule.search(c, 1)[0][1] == pytest.approx(1, abs=1e-2)


def test_the_last_change_of_an_id_counts_and_what_the_database_lost_stays_out() -> None:
    database, (a, b) = FakeDatabase(), vectors(2)
    database.put(1, "rule", 1, a)
    indexes = IndexSet("m", DIM, database.load)
    rule = indexes.scope(1, "rule")
    database.put(1, "rule", 2, b)
    indexes.apply(
        [FakeEntry(1, 2, "add"), FakeEntry(2, 2, "remove"), FakeEntry(3, 1, "remove"), FakeEntry(4, 1, "add")]
    )
    assert (1 in rule, 2 in rule) == (True, False)
    indexes.apply([FakeEntry(5, 77, "add")])
    assert 77 not in rule


def test_a_scope_that_was_never_searched_is_not_built_by_the_feed() -> None:
    database = FakeDatabase()
    indexes = IndexSet("m", DIM, database.load)
    assert indexes.apply([FakeEntry(3, 1, "add")]) == 3
    assert database.reads == []


def test_dropped_indexes_are_built_again() -> None:
    database, (a,) = FakeDatabase(), vectors(1)
    indexes = IndexSet("m", DIM, database.load)
    assert indexes.search(1, ["rule"], a, 1, model_id="m") == []
    database.put(1, "rule", 1, a)
    indexes.drop(2)
    assert indexes.search(1, ["rule"], a, 1, model_id="m") == []
    indexes.drop(1)
    assert [hit.owner_id for hit in indexes.search(1, ["rule"], a, 1, model_id="m")] == [1]


def test_threads_may_search_while_others_change() -> None:
    matrix = vectors(400)
    index = ScopeIndex(DIM)
    index.add(range(200), matrix[:200])
    errors: list[BaseException] = []

    def change(start: int) -> None:
        for key in range(start, 400, 2):
            index.add([key], matrix[key : key + 1])
            index.remove([key - 200])

    def search() -> None:
        try:
            for query in matrix[::8]:
                hits = index.search(query, 5)
                assert len(hits) == 5 and len({key for key, _ in hits}) == 5
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=change, args=(200 + i,)) for i in range(2)]
    threads += [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(index) == 200 and 399 in index and 0 not in index
