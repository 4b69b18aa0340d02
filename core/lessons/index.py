"""Vectors in memory: one exact FAISS index per scope (project and kind), rebuilt from the database whenever needed.

The database is the truth; what is found here is a proposal whose status the caller checks again. A flat half-precision index
(``IDMap2,SQfp16``) is exact for the half-precision vectors that the database keeps, adds in 10 microseconds and answers in 8 ms
among 100,000. One index per scope instead of an id filter: filters on graph indexes lose most hits of small scopes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Loader = Callable[[int, str, Sequence[int] | None], tuple[Sequence[int], Matrix]]
SPARE = 16  # hits fetched beyond k, so that ties at the end are settled by id and not by chance


class WrongVectors(ValueError):
    """Vectors of another model or length, or with values that are no numbers."""


class ScopeIndex:
    """Vectors of one scope by database key, compared by inner product. Thread-safe."""

    def __init__(self, dim: int) -> None:
        import faiss

        self.dim = dim
        self._index: Any = faiss.index_factory(dim, "IDMap2,SQfp16", faiss.METRIC_INNER_PRODUCT)
        self._ids: set[int] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, key: object) -> bool:
        return key in self._ids

    def add(self, ids: Sequence[int], vectors: Matrix) -> None:
        """Add vectors (n, dim); an id that is there already is replaced, the last one of a batch wins."""
        if not len(ids):
            return
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.shape != (len(ids), self.dim):
            raise WrongVectors(
                f"{len(ids)} vectors of {self.dim} numbers are wanted here, not a matrix of shape {vectors.shape}: "
                "the texts must be embedded again with this model"
            )
        if not np.isfinite(vectors).all():
            raise WrongVectors("a vector holds values that are no numbers")
        last = {key: row for row, key in enumerate(ids)}
        with self._lock:
            self._remove(last)
            self._index.add_with_ids(vectors[list(last.values())], np.fromiter(last, np.int64))
            self._ids.update(last)

    def remove(self, ids: Iterable[int]) -> int:
        """Take vectors out, many at once (one pass over the index however many); returns how many were there."""
        with self._lock:
            return self._remove(ids)

    def _remove(self, ids: Iterable[int]) -> int:
        present = self._ids.intersection(ids)
        if present:
            self._index.remove_ids(np.fromiter(present, np.int64))
            self._ids -= present
        return len(present)

    def search(self, vector: Matrix, k: int) -> list[tuple[int, float]]:
        """The ``k`` nearest as (id, inner product), best first; equals are ordered by id. ``vector`` is (dim,)."""
        query = np.ascontiguousarray(vector, np.float32).reshape(1, -1)
        if query.shape[1] != self.dim or not np.isfinite(query).all():
            raise WrongVectors(f"the query must be {self.dim} numbers")
        with self._lock:
            wanted = min(k, len(self._ids))
            fetch = wanted + SPARE
            while wanted > 0:
                fetch = min(fetch, len(self._ids))
                scores, ids = self._index.search(query, fetch)
                if fetch == len(self._ids) or scores[0, -1] < scores[0, wanted - 1] - 1e-5:
                    return self._ranked(query[0], ids[0])[:wanted]
                fetch *= 2
        return []

    def _ranked(self, query: Matrix, ids: npt.NDArray[np.int64]) -> list[tuple[int, float]]:
        """Scores again in double precision, so that order does not hang on how FAISS rounds."""
        exact = self._index.reconstruct_batch(ids).astype(np.float64) @ query.astype(np.float64)
        return sorted(zip(ids.tolist(), exact.tolist(), strict=True), key=lambda hit: (-hit[1], hit[0]))


@dataclass(frozen=True, slots=True)
class Hit:
    owner_id: int
    scope: str
    score: float


class FeedEntry(Protocol):
    """A change in a scope, as the database's feed lists it; ``op`` is add or remove."""

    @property
    def seq(self) -> int: ...
    @property
    def project_id(self) -> int: ...
    @property
    def scope(self) -> str: ...
    @property
    def owner_id(self) -> int: ...
    @property
    def op(self) -> str: ...


class IndexSet:
    """All scopes of one embedding model, each built when it is first searched. Thread-safe.

    ``loader(project_id, scope, ids)`` reads vectors of this model from the database, all of the scope when ``ids`` is None, as
    (ids, matrix). ``applied_seq`` is how far the feed has been followed; ``generation`` counts changes.
    """

    def __init__(self, model_id: str, dim: int, loader: Loader, applied_seq: int = 0) -> None:
        self.model_id = model_id
        self.dim = dim
        self.applied_seq = applied_seq
        self.generation = 0
        self._load = loader
        self._scopes: dict[tuple[int, str], ScopeIndex] = {}
        self._lock = threading.RLock()

    def scope(self, project_id: int, scope: str) -> ScopeIndex:
        """The index of one scope, built now if it is not there."""
        with self._lock:
            key = (project_id, scope)
            if key not in self._scopes:
                index = ScopeIndex(self.dim)
                index.add(*self._load(project_id, scope, None))
                self._scopes[key] = index
                self.generation += 1
            return self._scopes[key]

    def search(self, project_id: int, scopes: Sequence[str], vector: Matrix, k: int, *, model_id: str) -> list[Hit]:
        """Up to ``k`` hits of each scope, best first over all. Raises ``WrongVectors`` for a vector of another model."""
        if model_id != self.model_id:
            raise WrongVectors(
                f"this index holds vectors of {self.model_id}, the query is of {model_id}: embed it again"
            )
        hits = [
            Hit(key, scope, score)
            for scope in dict.fromkeys(scopes)
            for key, score in self.scope(project_id, scope).search(vector, k)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.scope, hit.owner_id))

    def apply(self, entries: Iterable[FeedEntry]) -> int:
        """Follow the feed; entries already applied are passed over. Returns ``applied_seq``.

        The last change of an id counts. Scopes not built yet are left alone: when they are built they read the database.
        """
        with self._lock:
            last: dict[tuple[int, str], dict[int, str]] = {}
            seen = self.applied_seq
            for entry in entries:
                if entry.seq > self.applied_seq:
                    last.setdefault((entry.project_id, entry.scope), {})[entry.owner_id] = entry.op
                    seen = max(seen, entry.seq)
            for key, changes in last.items():
                if key in self._scopes:
                    self._change(key, changes)
                    self.generation += 1
            self.applied_seq = seen
            return seen

    def _change(self, key: tuple[int, str], changes: dict[int, str]) -> None:
        """Take out everything that changed, then put back what the database still holds of the additions."""
        index = self._scopes[key]
        index.remove(changes)
        added = [owner for owner, op in changes.items() if op == "add"]
        if added:
            index.add(*self._load(*key, added))

    def drop(self, project_id: int | None = None) -> None:
        """Forget the indexes of a project, or all; the next search builds them again from the database."""
        with self._lock:
            for key in [key for key in self._scopes if project_id in (None, key[0])]:
                del self._scopes[key]
            self.generation += 1
