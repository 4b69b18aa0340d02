"""Vectors: the truth from which an index is rebuilt, and the feed that keeps one in step."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from store import lessons, reviews, tables, vectors
from store.engine import Database
from tests.factories import Scene, build, corrected, scene

MODEL = "test@1"


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=3)


def put(
    db: Database, made: Scene, owner: int, vector: NDArray[np.float32], *, scope: str = "rule", model: str = MODEL
) -> None:
    kind = scope if scope in ("correction", "output") else "lesson"
    with db.write() as session:
        vectors.put(
            session,
            project_id=made.project_id,
            scope=scope,
            owner_kind=kind,
            owner_id=owner,
            model=model,
            vector=vector,
        )


def lesson(db: Database, made: Scene, status: str = "active") -> int:
    with db.write() as session:
        return build(session, tables.Lesson, project_id=made.project_id, status=status).id


def test_vectors_come_back_within_half_precision(db: Database, made: Scene) -> None:
    chance = np.random.default_rng(0)
    wanted = {lesson(db, made): chance.normal(size=384).astype(np.float32) / 20 for _ in range(3)}
    for owner, vector in wanted.items():
        put(db, made, owner, vector)
    with db.read() as session:
        ids, matrix = vectors.all_in(session, made.project_id, "rule", MODEL)
        assert vectors.of(session, "lesson", ids[:1], MODEL).keys() == {ids[0]}
    assert ids == sorted(wanted)
    assert (matrix.shape, matrix.dtype) == ((3, 384), np.float32)
    np.testing.assert_allclose(matrix, np.stack([wanted[owner] for owner in ids]), atol=2e-4)


def test_a_second_vector_of_one_owner_replaces_the_first(db: Database, made: Scene) -> None:
    owner = lesson(db, made)
    put(db, made, owner, np.ones(2, np.float32))
    put(db, made, owner, np.zeros(2, np.float32))
    put(db, made, owner, np.ones(3, np.float32), model="other")
    with db.read() as session:
        ids, matrix = vectors.all_in(session, made.project_id, "rule", MODEL)
        assert (ids, matrix.tolist()) == ([owner], [[0.0, 0.0]])
        assert vectors.all_in(session, made.project_id, "exemplar", MODEL)[1].shape == (0, 0)


@pytest.mark.parametrize("vector", [np.ones((1, 2)), np.array([]), np.array([np.nan]), np.array([1e9])])
def test_what_is_no_vector_is_refused(db: Database, made: Scene, vector: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="one axis and finite"):
        put(db, made, 1, vector)  # type: ignore[arg-type]


def test_missing_are_active_lessons_without_this_models_vector(db: Database, made: Scene) -> None:
    have, lack = lesson(db, made), lesson(db, made)
    for status in ("proposed", "suspended", "retracted"):
        lesson(db, made, status)
    put(db, made, have, np.ones(2, np.float32))
    with db.read() as session:
        assert [row.id for row in vectors.missing(session, made.project_id, MODEL)] == [lack]
        assert len(vectors.missing(session, made.project_id, "other")) == 2


def test_missing_corrections_leave_out_replaced_withdrawn_and_wordless_ones(db: Database, made: Scene) -> None:
    with db.write() as session:
        old, withdrawn, good = (corrected(session, made, n) for n in range(3))
        new = reviews.NewCorrection(made.users[0], made.outputs[0], "better", replaces_id=old)
        newer = reviews.add_correction(session, new).id
        reviews.add_correction(session, reviews.NewCorrection(made.users[0], made.outputs[0], "", rewrite="x"))
        bad = build(session, tables.Lesson, project_id=made.project_id)
        session.add(tables.LessonSource(lesson_id=bad.id, correction_id=withdrawn))
        session.flush()
        lessons.retract(session, bad.id, None, "wrong")
        build(session, tables.Correction)  # of another project
    put(db, made, good, np.ones(2, np.float32), scope="correction")
    with db.read() as session:
        assert [row.id for row in vectors.missing_corrections(session, made.project_id, MODEL)] == [newer]


def test_only_active_lessons_are_rebuilt_into_an_index(db: Database, made: Scene) -> None:
    active, gone = lesson(db, made), lesson(db, made, "rejected")
    for owner in (active, gone):
        put(db, made, owner, np.ones(2, np.float32))
    with db.read() as session:
        assert vectors.all_in(session, made.project_id, "rule", MODEL)[0] == [active]


def test_following_the_feed_equals_rebuilding(db: Database, made: Scene) -> None:
    chance = np.random.default_rng(1)
    owners = [lesson(db, made) for _ in range(5)]
    followed: dict[int, NDArray[np.float32]] = {}
    at = 0
    for _ in range(30):
        owner = int(chance.choice(owners))
        if chance.random() < 0.6:
            put(db, made, owner, chance.normal(size=4).astype(np.float32))
        else:
            with db.write() as session:
                vectors.remove(session, made.project_id, "rule", "lesson", [owner])
        with db.read() as session:
            for entry in vectors.feed_after(session, at, limit=2):
                at = entry.seq
                found = vectors.of(session, "lesson", [entry.owner_id], MODEL)
                followed.pop(entry.owner_id, None)
                followed.update(found if entry.op == "add" else {})
            ids, matrix = vectors.all_in(session, made.project_id, "rule", MODEL)
            assert at == vectors.last_seq(session)
        assert sorted(followed) == ids
        assert all(np.array_equal(followed[id_], row) for id_, row in zip(ids, matrix, strict=True))


def test_removing_nothing_says_nothing(db: Database, made: Scene) -> None:
    with db.write() as session:
        vectors.remove(session, made.project_id, "rule", "lesson", [])
        assert vectors.last_seq(session) == 0
