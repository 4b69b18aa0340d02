"""The large kind of index: inverted lists of short codes propose, one byte per number decides.

``IVF4096,PQ96x4fs`` in FAISS, of the differences to the lists' centroids, finds candidates by half a byte per four numbers; they are
then compared by codes of one byte per number (``index_codes``), which are kept here rather than in FAISS's ``Refine``: so they can stay
on the disk, mapped and shared between processes, while new ones are appended. What is removed is struck out by a bit and passed over
while the lists are scanned; the space comes back when the index is made anew, which takes the codes over as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.lessons.index_codes import TAIL, Coder, Codes, Ids, Matrix

Arrays = dict[str, list[npt.NDArray[Any]]]  # by name, in parts that follow each other

LISTS = 4096
PROBES = 128  # of 4096 lists
SAMPLE_PER_LIST = 40  # what k-means wants
CANDIDATES, PER_HIT = 1200, 40  # compared by byte codes: at least so many, and so many per hit wanted
SPARE = 16  # hits fetched beyond k, so that ties at the end are settled by id and not by chance
PIECE = 8192  # rows that are handled at once
MERGE_AT = 20_000  # new ids that are looked up in a dictionary before they are sorted in


class Rows:
    """Rows that are appended to; the first ones may lie in a file."""

    def __init__(self, front: npt.NDArray[Any]) -> None:
        self._front = front
        self._tail = np.empty((0, *front.shape[1:]), front.dtype)
        self._used = 0

    def __len__(self) -> int:
        return len(self._front) + self._used

    def append(self, rows: npt.NDArray[Any]) -> None:
        need = self._used + len(rows)
        if need > len(self._tail):
            grown = np.empty((max(need, len(self._tail) * 5 // 4, 1024), *self._tail.shape[1:]), self._tail.dtype)
            grown[: self._used] = self._tail[: self._used]
            self._tail = grown
        self._tail[self._used : need] = rows
        self._used = need

    def take(self, places: Ids) -> npt.NDArray[Any]:
        if not len(self._front):
            return np.asarray(self._tail[places])
        found = np.empty((len(places), *self._front.shape[1:]), self._front.dtype)
        np.take(self._front, places, axis=0, out=found, mode="clip")  # half the time of an index that is checked
        if self._used and (late := places >= len(self._front)).any():
            found[late] = self._tail[places[late] - len(self._front)]
        return found

    def parts(self) -> list[npt.NDArray[Any]]:
        """Views of all rows; they stay as they are whatever is appended."""
        return [self._front, self._tail[: self._used]]


class InvertedIndex:
    """Vectors by id, compared by inner product. Not thread-safe; inputs are checked by the caller."""

    kind = "inverted"

    def __init__(self, dim: int, base: Any, coder: Coder, trained_on: int) -> None:
        self.dim = dim
        self.coder = coder
        self.trained_on = trained_on  # how many vectors there were when it was trained
        self._base = base
        self._codes = Rows(np.empty((0, dim + TAIL), np.uint8))
        self._keys = Rows(np.empty(0, np.int64))
        self._dead = 0
        self._set_bits(np.full(1024, 255, np.uint8))
        self._sort()

    @classmethod
    def trained(cls, sample: Matrix, lists: int, expected: int, coder: Coder | None = None) -> InvertedIndex:
        """An empty index whose lists and codes follow ``sample`` (n, dim), to hold about ``expected`` vectors.

        ``coder`` is that of an index whose codes this one takes over.
        """
        import faiss

        dim = sample.shape[1]
        pieces = next(pieces for pieces in range(max(1, dim // 4), 0, -1) if dim % pieces == 0)
        base: Any = faiss.index_factory(dim, f"IVF{lists},PQ{pieces}x4fs", faiss.METRIC_INNER_PRODUCT)
        base.by_residual = True  # costs an inner-product search nothing, and its codes are more exact
        base.cp.min_points_per_centroid = 1  # small ones are tests: no warning
        base.train(sample)
        if coder is None:
            centroids = base.quantizer.reconstruct_n(0, lists)
            coder = Coder.fitted(sample, centroids, base.quantizer.search(sample, 1)[1][:, 0])
        return cls(dim, base, coder, expected)

    def __len__(self) -> int:
        return len(self._keys) - self._dead

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and bool(self._places(np.array([key], np.int64))[0] >= 0)

    @property
    def dead(self) -> int:
        """How many struck-out vectors still take space."""
        return self._dead

    def ids(self) -> Ids:
        keys = np.concatenate(self._keys.parts())
        return keys[self._alive(np.arange(len(keys)))] if self._dead else keys

    def add(self, ids: Ids, vectors: Matrix, codes: Codes | None = None) -> None:
        """Ids are distinct; one that is there is replaced. ``codes``: the vectors' own by the same coder."""
        self.remove(ids)
        first = len(self._keys)
        for start in range(0, len(ids), PIECE):
            piece = vectors[start : start + PIECE]
            self._base.add(piece)
            self._codes.append(self.coder.encode(piece) if codes is None else codes[start : start + PIECE])
        self._keys.append(ids)
        if len(self._keys) > len(self._bits) * 8:
            grown = np.full(len(self._keys) // 4, 255, np.uint8)
            grown[: len(self._bits)] = self._bits
            self._set_bits(grown)
        self._new.update(zip(ids.tolist(), range(first, len(self._keys)), strict=True))
        if len(self._new) > MERGE_AT:
            self._sort()

    def remove(self, ids: Ids) -> int:
        places = self._places(ids)
        places = places[places >= 0]
        np.bitwise_and.at(self._bits, places >> 3, ~(1 << (places & 7)).astype(np.uint8))
        self._dead += len(places)
        return len(places)

    def vectors_of(self, ids: Ids) -> tuple[Ids, Matrix]:
        """Those of ``ids`` that are here, and their vectors as the byte codes have them."""
        return self.copied(ids)[:2]

    def copied(self, ids: Ids) -> tuple[Ids, Matrix, Codes]:
        """What ``add`` of an index with the same coder takes."""
        places = self._places(ids)
        here = places >= 0
        codes = self._codes.take(places[here])
        return ids[here], self.coder.decode(codes), codes

    def differs(self, ids: Ids, vectors: Matrix) -> npt.NDArray[np.bool_]:
        """Which of these ids, all here, are kept with codes that ``vectors`` would not get."""
        return self.coder.differs(self._codes.take(self._places(ids)), vectors)

    def search(self, query: Matrix, k: int) -> list[tuple[int, float]]:
        """The ``k`` nearest of the lists probed; of all lists where those hold fewer."""
        wanted = min(k, len(self))
        if wanted <= 0:
            return []
        fetch = min(max(CANDIDATES, PER_HIT * wanted), len(self))
        places = self._proposed(query, fetch, PROBES)
        if len(places) < wanted:
            places = self._proposed(query, fetch, self._base.nlist)
        best, scores = self.coder.products(query, self._codes.take(places), wanted + SPARE)
        hits = zip(self._keys.take(places[best]).tolist(), scores.tolist(), strict=True)
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))[:wanted]

    def _proposed(self, query: Matrix, fetch: int, probes: int) -> Ids:
        import faiss

        chosen: Any = faiss.IVFSearchParameters()
        chosen.nprobe = probes
        if self._dead:
            chosen.sel = self._selector
        places = self._base.search(query.reshape(1, -1), fetch, params=chosen)[1][0]
        return np.asarray(places[places >= 0])

    def _set_bits(self, bits: npt.NDArray[np.uint8]) -> None:
        """A bit per place, 1 until its vector is removed; those of places to come are 1."""
        import faiss

        self._bits = bits
        self._selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))

    def _alive(self, places: Ids) -> npt.NDArray[np.bool_]:
        return np.asarray((self._bits[places >> 3] >> (places & 7).astype(np.uint8)) & 1).astype(bool)

    def _sort(self) -> None:
        """Ids in order with their places, for look-ups by bisection: 12 bytes each where a dictionary takes 100."""
        keys = np.concatenate(self._keys.parts())
        places = np.arange(len(keys))
        if self._dead:
            places = places[self._alive(places)]
        order = np.argsort(keys[places], kind="stable")
        self._sorted_places = places[order].astype(np.int32)
        self._sorted_keys = keys[self._sorted_places]
        self._new: dict[int, int] = {}

    def _places(self, ids: Ids) -> Ids:
        """Where each id lies, -1 for those that are not here."""
        found = np.full(len(ids), -1, np.int64)
        if len(self._sorted_keys):
            near = np.minimum(np.searchsorted(self._sorted_keys, ids), len(self._sorted_keys) - 1)
            same = self._sorted_keys[near] == ids
            found[same] = self._sorted_places[near[same]]
        if self._new:
            for row, key in enumerate(ids.tolist()):
                found[row] = self._new.get(key, found[row])
        here = found >= 0
        found[here] = np.where(self._alive(found[here]), found[here], -1)
        return found

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """All that ``restored`` needs."""
        import faiss

        arrays = {
            "keys": self._keys.parts(),
            "bits": [self._bits.copy()],
            "centres": [self.coder.centres],
            "feedback": [self.coder.feedback],
            "base": [faiss.serialize_index(self._base)],
            "codes": self._codes.parts(),
        }
        return {"trained_on": self.trained_on}, arrays

    @classmethod
    def restored(cls, dim: int, plain: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> InvertedIndex:
        """From ``state``; the codes stay where they are, the rest is copied. ``ValueError`` where the parts do not fit."""
        import faiss

        base = faiss.deserialize_index(np.array(arrays["base"]))
        keys, codes = np.array(arrays["keys"]), arrays["codes"]
        if not (base.d == codes.shape[1] - TAIL == dim and base.ntotal == len(keys) == len(codes)):
            raise ValueError("its parts do not belong together")
        coder = Coder(np.ascontiguousarray(arrays["centres"]), np.array(arrays["feedback"]))
        index = cls(dim, base, coder, int(plain["trained_on"]))
        index._codes, index._keys = Rows(codes), Rows(keys)
        index._set_bits(np.array(arrays["bits"]))
        index._dead = len(keys) - int(index._alive(np.arange(len(keys))).sum())
        index._sort()
        return index


def sample_size(lists: int) -> int:
    return lists * SAMPLE_PER_LIST


def as_ids(ids: Sequence[int]) -> Ids:
    return np.fromiter(ids, np.int64, len(ids))
