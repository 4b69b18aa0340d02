"""A worker's indexes: read from snapshots or the database, following its feed, and written to snapshots now and then.

The database decides: a snapshot that is damaged, of other vectors, or not on the way that the feed has gone is passed over.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.lessons import index_files
from core.lessons.index import ScopeIndex
from core.lessons.index_set import IndexSet, Key
from store import vectors
from store.engine import Database

if TYPE_CHECKING:
    from core.embedding import Vectors

log = logging.getLogger(__name__)

LOOKED_AT = 500  # last changes before a snapshot whose vectors are compared with the database's
MOST_CHANGED = 0.3  # of a snapshot; with more, reading everything is quicker than catching up


class WorkerIndex:
    """The indexes of one embedding model in this process. Thread-safe."""

    def __init__(self, db: Database, folder: Path, model: str, dim: int) -> None:
        self._db, self._folder, self._model = db, folder, model
        with db.read() as session:
            seq = vectors.last_seq(session)
        self._set = IndexSet(model, dim, self._load, applied_seq=seq, saved=self._saved)
        self._following = threading.Lock()
        self._saving = threading.Lock()

    def followed(self) -> IndexSet:
        """The indexes as the feed has them now; snapshots that are due are written in the background."""
        with self._following:
            while True:
                with self._db.read() as session:
                    entries = vectors.feed_after(session, self._set.applied_seq)
                if not entries:
                    break
                self._set.apply(entries)
        if self._set.worth_saving() and not self._saving.locked():
            threading.Thread(target=self.save, name="index-snapshot", daemon=True).start()
        return self._set

    def _load(self, project_id: int, scope: str, ids: Sequence[int] | None) -> Iterator[tuple[Sequence[int], Vectors]]:
        with self._db.read() as session:
            yield from vectors.in_pieces(session, project_id, scope, self._model, ids)

    def _saved(self, project_id: int, scope: str, index: ScopeIndex) -> Sequence[int] | None:
        try:
            return restored(self._db, self._folder, self._model, (project_id, scope), index)
        except index_files.NoSnapshot as why:
            if str(why):
                log.warning(
                    "the snapshot of index %s of project %d is passed over (%s); it is built from the database",
                    scope,
                    project_id,
                    why,
                )
            return None

    def save(self) -> None:
        """Write a snapshot of every scope that changed much since its last one."""
        with self._saving:
            for key in self._set.worth_saving():
                try:
                    save(self._db, self._folder, self._set, key)
                except OSError:  # a full disk costs a slower start, and no more
                    log.exception("no snapshot of index %s of project %d could be written", key[1], key[0])


def save(db: Database, folder: Path, indexes: IndexSet, key: Key) -> None:
    """Write the snapshot of a scope that is built."""
    with db.read() as session:
        database = vectors.identity(session, key[0])
    seq, generation, state = indexes.state(key)
    stamp = index_files.Stamp(indexes.model_id, indexes.dim, database, *key, seq, generation)
    index_files.write(folder, stamp, state)


def restored(db: Database, folder: Path, model: str, key: Key, index: ScopeIndex) -> Sequence[int]:
    """Fill an empty index from the scope's snapshot; returns what changed after it, to be read from the database.

    Raises ``index_files.NoSnapshot``; the index must then be thrown away.
    """
    stamp = index_files.read(index_files.path_of(folder, *key, model), index)
    with db.read() as session:
        if (stamp.model, stamp.project_id, stamp.scope) != (model, *key):
            raise index_files.NoSnapshot("it is of another model or scope")
        if stamp.database != vectors.identity(session, key[0]):
            raise index_files.NoSnapshot("it is of another database")
        if not vectors.reaches_back_to(session, stamp.seq):
            raise index_files.NoSnapshot("the database's feed does not reach from it to now")
        changed = vectors.changed_after(session, *key, stamp.seq)
        if len(changed) > MOST_CHANGED * len(index):
            raise index_files.NoSnapshot("most of it has changed since")
        # A database that was put back to an older state, and has gone another way since, shows in the last changes.
        before = vectors.changed_before(session, *key, stamp.seq, LOOKED_AT)
        now = sorted(set(before) - set(changed))
        held = 0
        for ids, matrix in vectors.in_pieces(session, *key, model, now):
            held += len(ids)
            if any(index.unlike(ids, matrix)):
                raise index_files.NoSnapshot("the database has gone another way since")
        if held != sum(id_ in index for id_ in now):
            raise index_files.NoSnapshot("the database has gone another way since")
    return changed
