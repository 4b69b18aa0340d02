"""Snapshots of the indexes on the command line: compared with the database vector by vector, and made anew from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import typer

from core.lessons import index_files
from core.lessons.index import Matrix, ScopeIndex
from core.lessons.index_set import IndexSet, Key, Loader
from store import images, vectors
from store.engine import Database


def compare_all(db: Database, folder: Path, model: str) -> bool:
    """Say of every scope whether its snapshot, with the feed since, holds what the database does; true when all do."""
    results = [_compared(db, folder, one, key, dim) for one, key, dim in _all_scopes(db, model)]
    if not all(results):
        typer.echo(
            "Workers pass over a snapshot that they cannot use, but not over one that differs: "
            "run `corrigenda index rebuild --keep-vectors` and start the workers again.",
            err=True,
        )
    return all(results)


def _compared(db: Database, folder: Path, model: str, key: Key, dim: int) -> bool:
    from app.worker.indexing import restored

    where = f"  index {key[1]} of project {key[0]}"
    index = ScopeIndex(dim)
    try:
        changed = restored(db, folder, model, key, index)
    except index_files.NoSnapshot as why:
        typer.echo(
            f"{where}: no snapshot{f' that can be used: {why}' if str(why) else ', built when it is first searched'}"
        )
        return not str(why)
    index.remove(changed)
    with db.read() as session:
        for ids, matrix in vectors.in_pieces(session, *key, model, changed):
            index.add(ids, matrix)
        missing, differing, seen = 0, 0, [np.empty(0, np.int64)]
        for ids, matrix in vectors.in_pieces(session, *key, model):
            absent, other = index.unlike(ids, matrix)
            missing, differing = missing + len(absent), differing + len(other)
            seen.append(np.array(ids, np.int64))
    surplus = len(np.setdiff1d(index.ids(), np.concatenate(seen)))
    typer.echo(f"{where}: {len(index)} vectors, {missing} missing, {surplus} too many, {differing} that differ")
    return not (missing or surplus or differing)


def rebuild_all(db: Database, folder: Path, model: str) -> None:
    """Make every snapshot anew from the stored vectors."""
    from app.worker.indexing import save

    gone = index_files.remove_all(folder)
    typer.echo(f"{gone} snapshots removed.")

    with db.read() as session:
        seq = vectors.last_seq(session)
    for one, key, dim in _all_scopes(db, model):
        indexes = IndexSet(one, dim, _loader(db, one), applied_seq=seq)
        index = indexes.scope(*key)
        index.settle()
        save(db, folder, indexes, key)
        typer.echo(f"  index {key[1]} of project {key[0]}: {len(index)} vectors, {index.kind}")


def _all_scopes(db: Database, model: str) -> list[tuple[str, Key, int]]:
    """Model, scope and length of vectors: of the sentence encoder, and of whatever embedded pictures."""
    with db.read() as session:
        models = dict.fromkeys([model, *vectors.models_in(session, images.SCOPE)])
        return [(one, key, dim) for one in models for key, dim in vectors.scopes(session, one).items()]


def _loader(db: Database, model: str) -> Loader:
    def load(project_id: int, scope: str, ids: Sequence[int] | None) -> Iterator[tuple[Sequence[int], Matrix]]:
        with db.read() as session:
            yield from vectors.in_pieces(session, project_id, scope, model, ids)

    return load
