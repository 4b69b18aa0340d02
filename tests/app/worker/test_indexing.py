"""A worker's index after a restart: from its snapshot and the feed where that holds, from the database where it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import delete, update

from app.cli.indexes import compare_all, rebuild_all
from app.worker.indexing import WorkerIndex, restored, save
from core.lessons import index_files
from core.lessons.index import ScopeIndex
from store import lessons, tables, vectors
from store.engine import Database
from tests.factories import Scene, build, scene

MODEL, DIM, SCOPE = "test@1", 8, "rule"
RNG = np.random.default_rng(0)


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=1)


def put(db: Database, made: Scene, owner: int | None = None) -> tuple[int, NDArray[np.float32]]:
    vector = RNG.normal(size=DIM).astype(np.float16).astype(np.float32)
    with db.write() as session:
        owner = owner or build(session, tables.Lesson, project_id=made.project_id, status="active").id
        vectors.put(
            session,
            project_id=made.project_id,
            scope=SCOPE,
            owner_kind="lesson",
            owner_id=owner,
            model=MODEL,
            vector=vector,
        )
    return owner, vector


@pytest.fixture
def kept(db: Database, made: Scene, tmp_path: Path) -> dict[int, NDArray[np.float32]]:
    """Twenty lessons and a snapshot of them."""
    kept = dict(put(db, made) for _ in range(20))
    indexes = WorkerIndex(db, tmp_path, MODEL, DIM).followed()
    indexes.scope(made.project_id, SCOPE)
    save(db, tmp_path, indexes, (made.project_id, SCOPE))
    return kept


def changed_since(db: Database, made: Scene, folder: Path, model: str = MODEL) -> list[int]:
    return sorted(restored(db, folder, model, (made.project_id, SCOPE), ScopeIndex(DIM)))


def test_a_worker_goes_on_from_the_snapshot(
    db: Database, made: Scene, kept: dict[int, NDArray[np.float32]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, again, *rest = sorted(kept)
    with db.write() as session:
        lessons.retract(session, gone, None, "wrong")
    put(db, made, again)
    new, vector = put(db, made)
    assert changed_since(db, made, tmp_path) == [gone, again, new]
    read: list[object] = []
    in_pieces = vectors.in_pieces
    with monkeypatch.context() as patched:
        patched.setattr(vectors, "in_pieces", lambda *given: (read.append(given[4]), in_pieces(*given))[1])
        worker = WorkerIndex(db, tmp_path, MODEL, DIM)
        index = worker.followed().scope(made.project_id, SCOPE)
    assert read and None not in read  # never all of the scope
    assert sorted(index.ids().tolist()) == sorted([again, *rest, new])
    with db.read() as session:
        assert index.unlike(*in_pieces_of(session, made)) == ([], [])
    with db.write() as session:
        lessons.retract(session, new, None, "wrong too")
    hits = worker.followed().search(made.project_id, [SCOPE], vector, 30, model_id=MODEL)
    assert {hit.owner_id for hit in hits} == {again, *rest}


def in_pieces_of(session, made: Scene):  # type: ignore[no-untyped-def]
    return vectors.all_in(session, made.project_id, SCOPE, MODEL)


def test_a_snapshot_off_the_databases_way_is_passed_over(
    db: Database,
    made: Scene,
    kept: dict[int, NDArray[np.float32]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (path,) = tmp_path.glob("*.index")
    other = index_files.path_of(tmp_path, made.project_id, SCOPE, "test@2")
    other.write_bytes(path.read_bytes())
    with pytest.raises(index_files.NoSnapshot, match="another model"):
        changed_since(db, made, tmp_path, "test@2")
    with db.write() as session:  # as if it had been put back to an older copy and gone on from there
        one = max(kept)
        session.execute(update(tables.Embedding).where(tables.Embedding.owner_id == one).values(vector=bytes(2 * DIM)))
    with pytest.raises(index_files.NoSnapshot, match="another way"):
        changed_since(db, made, tmp_path)
    index = WorkerIndex(db, tmp_path, MODEL, DIM).followed().scope(made.project_id, SCOPE)
    assert "passed over (the database has gone another way since)" in caplog.text
    with db.read() as session:
        assert index.unlike(*in_pieces_of(session, made)) == ([], [])


@pytest.mark.parametrize("kind", ["pruned", "ahead", "elsewhere", "much"])
def test_a_snapshot_that_the_feed_does_not_reach_is_passed_over(
    db: Database, made: Scene, kept: dict[int, NDArray[np.float32]], tmp_path: Path, kind: str
) -> None:
    feed = tables.IndexFeed
    with db.read() as session:
        seq = vectors.last_seq(session)
    reason = "does not reach"
    if kind == "pruned":
        put(db, made)
        put(db, made)
        with db.write() as session:
            session.execute(delete(feed).where(feed.seq <= seq + 1))
    elif kind == "ahead":
        with db.write() as session:
            session.execute(delete(feed).where(feed.seq > seq - 3))
    elif kind == "elsewhere":
        reason = "another database"
        with db.write() as session:
            project = session.get_one(tables.Project, made.project_id)
            project.created_at = project.created_at.replace(year=2001)
    else:
        reason = "most of it has changed"
        for _ in range(7):
            put(db, made)
    with pytest.raises(index_files.NoSnapshot, match=reason):
        changed_since(db, made, tmp_path)


def test_verify_tells_what_differs_and_rebuild_puts_it_right(
    db: Database, made: Scene, kept: dict[int, NDArray[np.float32]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(db, made)
    assert compare_all(db, tmp_path, MODEL)
    assert "21 vectors, 0 missing, 0 too many, 0 that differ" in capsys.readouterr().out
    key = (made.project_id, SCOPE)
    indexes = WorkerIndex(db, tmp_path, MODEL, DIM).followed()
    index = indexes.scope(*key)
    ids = sorted(kept)
    index.remove([ids[0]])
    index.add([ids[1], 10**6], np.ones((2, DIM), np.float32))
    with db.write() as session:  # so many changes in between that a look at the last ones would not show it
        session.execute(delete(tables.IndexFeed).where(tables.IndexFeed.owner_id.in_(ids[:2])))
    save(db, tmp_path, indexes, key)
    assert not compare_all(db, tmp_path, MODEL)
    told = capsys.readouterr()
    assert "1 missing, 1 too many, 1 that differ" in told.out and "rebuild --keep-vectors" in told.err
    rebuild_all(db, tmp_path, MODEL)
    assert compare_all(db, tmp_path, MODEL)
    (path,) = tmp_path.glob("*.index")
    path.write_bytes(path.read_bytes()[:-1])
    assert not compare_all(db, tmp_path, MODEL)
    assert "damaged" in capsys.readouterr().out
