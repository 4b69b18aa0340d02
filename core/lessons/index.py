"""Vectors of one scope (project and kind) in memory, found by nearness; rebuilt from the database whenever needed.

The database is the truth; what is found here is a proposal whose status the caller checks again. Up to 200,000 vectors the index is
exact (``index_flat``: 8 ms among 100,000); a larger one becomes an inverted file (``index_inverted``: 1 ms among 1,000,000), which is
trained and filled in the background while the old one answers. One index per scope instead of an id filter: filters on graph and
inverted indexes lose most hits of small scopes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.lessons.index_codes import Ids, Matrix
from core.lessons.index_flat import FlatIndex
from core.lessons.index_inverted import LISTS, PIECE, Arrays, InvertedIndex, as_ids, sample_size

__all__ = ["Matrix", "ScopeIndex", "WrongVectors"]

log = logging.getLogger(__name__)

FLAT_UP_TO = 200_000
DEAD_SHARE = 0.2  # of the places of an inverted file; with more it is made anew
AT_LAST = 200  # changes that are caught up with while searches wait
KINDS: dict[str, type[FlatIndex] | type[InvertedIndex]] = {kind.kind: kind for kind in (FlatIndex, InvertedIndex)}


class WrongVectors(ValueError):
    """Vectors of another model or length, or with values that are no numbers."""


class ScopeIndex:
    """Vectors of one scope by database key, compared by inner product. Thread-safe.

    With more than ``flat_up_to`` vectors it moves to ``lists`` inverted lists in a thread of its own; ``changes`` and ``moves``
    count what happened since it was made.
    """

    def __init__(self, dim: int, flat_up_to: int = FLAT_UP_TO, lists: int = LISTS) -> None:
        self.dim = dim
        self.changes = self.moves = 0
        self._flat_up_to = flat_up_to
        self._lists = lists
        self._index: FlatIndex | InvertedIndex = FlatIndex(dim)
        self._lock = threading.Lock()
        self._mover: threading.Thread | None = None
        self._since: set[int] = set()  # changed since the mover began
        self._failed_at = 0

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._index

    @property
    def kind(self) -> str:
        return self._index.kind

    @property
    def shrunk(self) -> bool:
        """Whether so much was removed that the exact kind would do; building it takes the database's vectors."""
        return self.kind == InvertedIndex.kind and len(self) < self._flat_up_to // 2

    def add(self, ids: Sequence[int], vectors: Matrix) -> None:
        """Add vectors (n, dim); an id that is there already is replaced, the last one of a batch wins."""
        if not len(ids):
            return
        keys, vectors = self._checked(ids, vectors)
        for start in range(0, len(keys), PIECE):  # a search gets its turn in between
            with self._lock:
                piece = keys[start : start + PIECE]
                self._index.add(piece, vectors[start : start + PIECE])
                self._note(piece)
        self._move_if_due()

    def _checked(self, ids: Sequence[int], vectors: Matrix) -> tuple[Ids, Matrix]:
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.shape != (len(ids), self.dim):
            raise WrongVectors(
                f"{len(ids)} vectors of {self.dim} numbers are wanted here, not a matrix of shape {vectors.shape}: "
                "the texts must be embedded again with this model"
            )
        if not np.isfinite(vectors).all():
            raise WrongVectors("a vector holds values that are no numbers")
        last = {key: row for row, key in enumerate(ids)}
        if len(last) < len(ids):
            vectors = vectors[list(last.values())]
        return as_ids(list(last)), vectors

    def remove(self, ids: Iterable[int]) -> int:
        """Take vectors out, many at once (one pass over the index however many); returns how many were there."""
        keys = as_ids(list(dict.fromkeys(ids)))
        with self._lock:
            gone = self._index.remove(keys)
            self._note(keys)
        self._move_if_due()
        return gone

    def search(self, vector: Matrix, k: int) -> list[tuple[int, float]]:
        """The ``k`` nearest as (id, inner product), best first; equals are ordered by id. ``vector`` is (dim,)."""
        query = np.ascontiguousarray(vector, np.float32).reshape(-1)
        if len(query) != self.dim or not np.isfinite(query).all():
            raise WrongVectors(f"the query must be {self.dim} numbers")
        with self._lock:
            return self._index.search(query, k)

    def ids(self) -> Ids:
        with self._lock:
            return self._index.ids()

    def unlike(self, ids: Sequence[int], vectors: Matrix) -> tuple[list[int], list[int]]:
        """Of these ids, distinct: those that are not here, and those that are here with another vector."""
        keys, vectors = self._checked(ids, vectors)
        with self._lock:
            here = np.isin(keys, self._index.vectors_of(keys)[0])
            other = self._index.differs(keys[here], vectors[here])
        return keys[~here].tolist(), keys[here][other].tolist()

    def state(self) -> tuple[str, dict[str, Any], Arrays]:
        """Kind, plain values and arrays from which ``restored`` makes it again."""
        with self._lock:
            return self.kind, *self._index.state()

    def restore(self, kind: str, plain: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Become what ``state`` told. Raises ``ValueError`` or ``KeyError`` for something else."""
        self._index = KINDS[kind].restored(self.dim, plain, arrays)
        self._move_if_due()

    def settle(self) -> None:
        """Wait until a move that is under way has ended."""
        if (mover := self._mover) is not None:
            mover.join()

    def _note(self, keys: Ids) -> None:
        self.changes += len(keys)
        if self._mover is not None:
            self._since.update(keys.tolist())

    def _due(self) -> bool:
        index = self._index
        if len(index) <= max(self._flat_up_to // 2, 2 * self._failed_at):
            return False
        if isinstance(index, FlatIndex):
            return len(index) > self._flat_up_to
        return index.dead > DEAD_SHARE * (len(index) + index.dead) or len(index) > 2 * index.trained_on

    def _move_if_due(self) -> None:
        with self._lock:
            if self._mover is None and self._due():
                self._since = set()
                self._mover = threading.Thread(target=self._move, name="index-move", daemon=True)
                self._mover.start()

    def _move(self) -> None:
        size = len(self)
        try:
            self._swap(self._filled())
        except Exception:
            log.exception("an index of %d vectors stays as it is, because a larger kind could not be made", size)
            with self._lock:
                self._failed_at, self._mover = size, None

    def _filled(self) -> InvertedIndex:
        """The new index with what there was when the mover began, or a little later."""
        import faiss

        faiss.omp_set_num_threads(1)  # of this thread: the others are for those who search
        with self._lock:
            ids = self._index.ids()
        chosen = np.random.default_rng(0).permutation(ids)[: sample_size(self._lists)]
        coder = self._index.coder if isinstance(self._index, InvertedIndex) else None
        new = InvertedIndex.trained(self._sampled(chosen), self._lists, len(ids), coder)
        for start in range(0, len(ids), PIECE):
            with self._lock:
                piece = self._index.copied(ids[start : start + PIECE])
            new.add(*piece)
        return new

    def _sampled(self, ids: Ids) -> Matrix:
        """Vectors of those that are still here, taken in small pieces so that searches get their turn."""
        pieces = []
        for start in range(0, len(ids), PIECE):
            with self._lock:
                pieces.append(self._index.vectors_of(ids[start : start + PIECE])[1])
        return np.concatenate(pieces)

    def _swap(self, new: InvertedIndex) -> None:
        """Catch up with what changed meanwhile, and put the new index in the place of the old one."""
        while True:
            with self._lock:
                changed, self._since = as_ids(list(self._since)), set()
                copied = self._index.copied(changed)
                if last := len(changed) <= AT_LAST:
                    new.remove(changed)
                    new.add(*copied)
                    self._index, self._mover = new, None
                    self.moves += 1
            if last:
                break
            new.remove(changed)
            new.add(*copied)
        self._move_if_due()
