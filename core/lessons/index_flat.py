"""The small kind of index: exact for the half-precision vectors that the database keeps (``IDMap2,SQfp16`` in FAISS)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from core.lessons.index_codes import Ids, Matrix
from core.lessons.index_inverted import SPARE, Arrays, as_ids


class FlatIndex:
    """Vectors by id, compared by inner product. Not thread-safe; inputs are checked by the caller."""

    kind = "flat"

    def __init__(self, dim: int) -> None:
        import faiss

        self.dim = dim
        self._index: Any = faiss.index_factory(dim, "IDMap2,SQfp16", faiss.METRIC_INNER_PRODUCT)
        self._ids: set[int] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, key: object) -> bool:
        return key in self._ids

    def ids(self) -> Ids:
        import faiss

        return np.asarray(faiss.vector_to_array(self._index.id_map))

    def add(self, ids: Ids, vectors: Matrix) -> None:
        """Ids are distinct; one that is there is replaced."""
        self.remove(ids)
        self._index.add_with_ids(vectors, ids)
        self._ids.update(ids.tolist())

    def remove(self, ids: Ids) -> int:
        """One pass over the index however many go."""
        present = self._ids.intersection(ids.tolist())
        if present:
            self._index.remove_ids(np.fromiter(present, np.int64, len(present)))
            self._ids -= present
        return len(present)

    def vectors_of(self, ids: Ids) -> tuple[Ids, Matrix]:
        """Those of ``ids`` that are here, and their vectors."""
        here = as_ids([key for key in ids.tolist() if key in self._ids])
        return here, self._index.reconstruct_batch(here) if len(here) else np.empty((0, self.dim), np.float32)

    def copied(self, ids: Ids) -> tuple[Ids, Matrix]:
        """What ``add`` of another index takes."""
        return self.vectors_of(ids)

    def differs(self, ids: Ids, vectors: Matrix) -> npt.NDArray[np.bool_]:
        """Which of these ids, all here, are kept with another vector."""
        return np.asarray((self.vectors_of(ids)[1] != vectors.astype(np.float16)).any(axis=1))

    def search(self, query: Matrix, k: int) -> list[tuple[int, float]]:
        wanted = min(k, len(self._ids))
        fetch = wanted + SPARE
        while wanted > 0:
            fetch = min(fetch, len(self._ids))
            scores, ids = self._index.search(query.reshape(1, -1), fetch)
            if fetch == len(self._ids) or scores[0, -1] < scores[0, wanted - 1] - 1e-5:
                return self._ranked(query, ids[0])[:wanted]
            fetch *= 2
        return []

    def _ranked(self, query: Matrix, ids: Ids) -> list[tuple[int, float]]:
        """Scores again in double precision, so that order does not hang on how FAISS rounds."""
        exact = self._index.reconstruct_batch(ids).astype(np.float64) @ query.astype(np.float64)
        return sorted(zip(ids.tolist(), exact.tolist(), strict=True), key=lambda hit: (-hit[1], hit[0]))

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """All that ``restored`` needs, as copies."""
        import faiss

        stored: Any = faiss.downcast_index(self._index.index)
        codes = faiss.vector_to_array(stored.codes)
        return {}, {"keys": [self.ids()], "vectors": [codes.view("<f2").reshape(-1, self.dim)]}

    @classmethod
    def restored(cls, dim: int, plain: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> FlatIndex:
        """From ``state``. ``ValueError`` where the parts do not fit."""
        keys, vectors = np.array(arrays["keys"]), arrays["vectors"]
        if vectors.shape != (len(keys), dim):
            raise ValueError("its parts do not belong together")
        index = cls(dim)
        for start in range(0, len(keys), 50_000):
            end = start + 50_000
            index.add(keys[start:end], vectors[start:end].astype(np.float32))
        return index
