"""The large kind of index, made small: it is moved to, struck out from, asked for more than its lists hold, and kept in files."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from core.lessons import index_files
from core.lessons.index import Matrix, ScopeIndex
from core.lessons.index_inverted import InvertedIndex, as_ids
from core.lessons.index_set import IndexSet
from tests.core.lessons.test_index import DIM, FakeDatabase, FakeEntry, brute_force, vectors

MANY = 500
STAMP = index_files.Stamp("m@1#abc", DIM, "database", 1, "rule", 7, 3)


def large(n: int = MANY, lists: int = 16) -> tuple[ScopeIndex, Matrix]:
    """An index that has moved, with ids from 1000 on."""
    matrix = vectors(n)
    index = ScopeIndex(DIM, flat_up_to=n - 1, lists=lists)
    index.add(range(1000, 1000 + n), matrix)
    index.settle()
    assert (index.kind, index.moves) == ("inverted", 1)
    return index, matrix


def found(index: ScopeIndex, query: Matrix, k: int) -> list[int]:
    return [key for key, _ in index.search(query, k)]


def test_it_finds_nearly_what_brute_force_does_with_nearly_its_scores() -> None:
    index, matrix = large()
    hits = 0
    for query in vectors(40, seed=1):
        expected = dict(brute_force(range(1000, 1000 + MANY), matrix, query, 10))
        got = index.search(query, 10)
        assert len(got) == 10 and [score for _, score in got] == sorted((s for _, s in got), reverse=True)
        hits += len(expected.keys() & dict(got).keys())
        assert all(score == pytest.approx(expected.get(key, score), abs=0.02) for key, score in got)
    assert hits >= 0.95 * 400


def test_as_many_come_as_are_asked_for_while_there_are_any() -> None:
    index, matrix = large(lists=128)  # more lists than are probed
    assert sorted(found(index, matrix[0], MANY + 5)) == list(range(1000, 1000 + MANY))
    index.remove(range(1000, 1000 + MANY - 60))
    assert sorted(found(index, matrix[0], 60)) == list(range(1000 + MANY - 60, 1000 + MANY))


def test_equals_come_in_the_order_of_their_ids() -> None:
    index, matrix = large()
    index.add(range(20, 0, -2), np.stack([matrix[3]] * 10))
    assert found(index, matrix[3], 11) == [*range(2, 21, 2), 1003]


def test_what_is_removed_is_not_found_and_may_come_back_as_something_else() -> None:
    index, matrix = large()
    near = found(index, matrix[5], 40)
    assert index.remove([*near, 1]) == 40 and index.remove(near) == 0
    assert len(index) == MANY - 40 and near[0] not in index
    assert not set(near) & set(found(index, matrix[5], MANY))
    index.add([near[0]], -matrix[5][None])
    assert near[0] in index and found(index, -matrix[5], 1) == [near[0]]
    assert near[0] not in found(index, matrix[5], 100)
    index.add([near[0]], matrix[5][None])
    assert len(index) == MANY - 39 and found(index, matrix[5], 1) == [near[0]]


def test_places_of_removed_ones_are_taken_back_and_vectors_stay_as_they_are() -> None:
    index, matrix = large()
    kept = as_ids(range(1200, 1000 + MANY))
    before = index._index.vectors_of(kept)[1]
    index.remove(range(1000, 1200))
    index.settle()
    assert index.moves == 2 and isinstance(index._index, InvertedIndex) and index._index.dead == 0
    assert np.array_equal(index._index.vectors_of(kept)[1], before)
    assert index.unlike(range(1190, 1210), matrix[190:210]) == (list(range(1190, 1200)), [])


def test_searches_are_answered_during_a_move_and_changes_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    trained = InvertedIndex.trained

    def slow(*given: object) -> InvertedIndex:
        begun.set()
        assert go_on.wait(60)
        return trained(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(InvertedIndex, "trained", slow)
    matrix = vectors(700)
    index = ScopeIndex(DIM, flat_up_to=400, lists=16)
    index.add(range(500), matrix[:500])
    assert begun.wait(60)
    assert index.kind == "flat" and found(index, matrix[7], 1) == [7]
    index.add(range(500, 700), matrix[500:])
    index.remove([7, 600])
    index.add([8], matrix[7][None])
    go_on.set()
    index.settle()
    assert index.kind == "inverted"
    assert sorted(index.ids().tolist()) == sorted(set(range(700)) - {7, 600})
    assert found(index, matrix[7], 1) == [8] and found(index, matrix[650], 1) == [650]
    rest = [i for i in range(700) if i not in (7, 8, 600)]
    assert index.unlike(rest, matrix[rest]) == ([], [])


def test_a_move_that_fails_leaves_the_small_kind_in_its_place(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*given: object) -> InvertedIndex:
        raise MemoryError("no room")

    monkeypatch.setattr(InvertedIndex, "trained", broken)
    matrix = vectors(60)
    index = ScopeIndex(DIM, flat_up_to=40, lists=4)
    index.add(range(50), matrix[:50])
    index.settle()
    index.add(range(50, 60), matrix[50:])
    index.settle()
    assert index.kind == "flat" and found(index, matrix[55], 1) == [55]
    assert caplog.text.count("stays as it is") == 1  # not again at every change


def test_one_that_shrank_is_built_anew_from_the_database() -> None:
    database, matrix = FakeDatabase(), vectors(60)
    for key, row in enumerate(matrix):
        database.put(1, "rule", key, row)
    indexes = IndexSet("m", DIM, database.load, flat_up_to=40, lists=4)
    indexes.scope(1, "rule").settle()
    for key in range(45):
        del database.rows[1, "rule"][key]
    indexes.apply([FakeEntry(key + 1, key, "remove") for key in range(45)])
    assert indexes.scope(1, "rule").kind == "flat"
    assert [hit.owner_id for hit in indexes.search(1, ["rule"], matrix[50], 1, model_id="m")] == [50]


def test_other_scopes_answer_and_the_feed_goes_on_while_one_is_built() -> None:
    database, matrix = FakeDatabase(), vectors(3)
    database.put(1, "rule", 1, matrix[0])
    database.put(2, "rule", 2, matrix[1])
    reading, go_on = threading.Event(), threading.Event()

    def load(project_id: int, scope: str, ids: Sequence[int] | None) -> Iterator[tuple[list[int], Matrix]]:
        found = list(database.load(project_id, scope, ids))
        if project_id == 1 and ids is None:
            reading.set()
            assert go_on.wait(60)
        yield from found

    indexes = IndexSet("m", DIM, load)
    builder = threading.Thread(target=indexes.scope, args=(1, "rule"))
    builder.start()
    assert reading.wait(60)
    assert len(indexes.search(2, ["rule"], matrix[1], 5, model_id="m")) == 1
    del database.rows[1, "rule"][1]
    database.put(1, "rule", 3, matrix[2])
    assert indexes.apply([FakeEntry(1, 1, "remove"), FakeEntry(2, 3, "add")]) == 2
    go_on.set()
    builder.join()
    assert indexes.scope(1, "rule").ids().tolist() == [3]


@pytest.mark.parametrize("moved", [False, True])
def test_a_snapshot_is_the_index_again_and_can_be_changed(tmp_path: Path, moved: bool) -> None:
    index, matrix = large()
    if not moved:
        index = ScopeIndex(DIM)
        index.add(range(1000, 1000 + MANY), matrix)
    index.remove([1003])
    path = index_files.write(tmp_path, STAMP, index.state())
    again = ScopeIndex(DIM, flat_up_to=MANY * 2 if not moved else MANY - 1)
    assert index_files.read(path, again) == STAMP
    assert again.kind == ("inverted" if moved else "flat")
    for query in matrix[:20]:
        assert again.search(query, 20) == index.search(query, 20)
    again.add([1003, 5], matrix[[3, 4]])
    again.remove([1004])
    assert found(again, matrix[3], 1) == [1003] and found(again, matrix[4], 1) == [5]
    second = ScopeIndex(DIM)
    index_files.read(index_files.write(tmp_path, STAMP, again.state()), second)
    assert second.search(matrix[4], 5) == again.search(matrix[4], 5)


def test_a_file_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    index, _ = large()
    path = index_files.write(tmp_path, STAMP, index.state())
    whole = path.read_bytes()
    broken = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (20, 5000, len(whole) - 1)]
    for content in [*broken, whole[:-4096], whole[:100], b"", whole + bytes(4096)]:
        path.write_bytes(content)
        with pytest.raises(index_files.NoSnapshot, match="damaged"):
            index_files.read(path, ScopeIndex(DIM))
    path.write_bytes(whole)
    with pytest.raises(index_files.NoSnapshot, match="numbers"):
        index_files.read(path, ScopeIndex(DIM + 1))
    path.unlink()
    with pytest.raises(index_files.NoSnapshot, match=r"^$"):
        index_files.read(path, ScopeIndex(DIM))


def test_a_file_of_an_earlier_layout_is_known_as_old_and_never_read(tmp_path: Path) -> None:
    index, _ = large()
    path = index_files.write(tmp_path, STAMP, index.state())
    whole = path.read_bytes()
    header = json.loads(whole[: index_files.BLOCK])
    assert header["format"] == index_files.FORMAT == 2
    for earlier in (1, 3):
        old = json.dumps(header | {"format": earlier}).encode().ljust(index_files.BLOCK)
        path.write_bytes(old + whole[index_files.BLOCK :])
        again = ScopeIndex(DIM)
        with pytest.raises(index_files.NoSnapshot, match=f"it is of format {earlier}, this version reads 2"):
            index_files.read(path, again)
        assert len(again) == 0


def test_the_old_file_stays_when_writing_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, matrix = large()
    path = index_files.write(tmp_path, STAMP, index.state())
    (tmp_path / "killed.part").write_bytes(b"half")

    def broken(handle: int) -> None:
        raise OSError("no space left on device")

    index.remove([1000])
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="no space"):
            index_files.write(tmp_path, STAMP, index.state())
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, "write.lock"]
    again = ScopeIndex(DIM)
    index_files.read(path, again)
    assert found(again, matrix[0], 1) == [1000]
