"""Vectors as one byte per number, exact enough to tell neighbours apart: what the inverted index compares its candidates by.

A row is the difference to the nearest of some thousand centres, in whole steps of a size of its own (locally adaptive quantisation,
Aguerrebere et al. 2023). Two things make its inner products more exact in the same bytes. The rounding error of each number is made
good by those that follow, weighed by the second moments of the vectors, so that it lies where queries hardly look (error feedback, as
GPTQ does with weights, Frantar et al. 2023). And a factor per row takes away what is left of it along the vector itself, where all
its near queries look (as in ScaNN and RaBitQ). On unit vectors of 384 numbers of all-MiniLM-L6-v2 the error of a product is 1.5e-4
where a common range for all vectors gives 5.7e-4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]  # (n, dim + TAIL)

TAIL = 6  # bytes after a row's numbers: centre as uint16, step and factor - 1 as float16
LARGEST = 127
ROOM = 1.008  # of the largest number for what earlier ones leave to be made good
SMALLEST = 1e-7  # step of a vector that is its centre; float16 holds it
DAMPING = 0.1  # of the mean moment: directions that the sample does not know count a little too
MOST_FACTOR = 0.1
BLOCK = 32  # numbers whose errors are passed on one by one; from block to block it is one product
ROWS = 2048  # that are coded at once, so that a block of them stays in the cache
UNLIKE = 1.5  # times its rounding error that a vector must be away to count as another


class Coder:
    """``centres`` (m, dim), at most 65,536, and ``feedback`` (dim, dim): [j, i] is what number i makes good of the error of j < i."""

    def __init__(self, centres: Matrix, feedback: Matrix) -> None:
        """Raises ``ValueError`` where the two do not belong together."""
        import faiss

        self.dim = centres.shape[1]
        if feedback.shape != (self.dim, self.dim) or not 0 < len(centres) <= 1 << 16:
            raise ValueError("the parts of a coder do not belong together")
        self.feedback = feedback
        self._flat: Any = faiss.IndexFlatL2(self.dim)
        self._flat.add(centres)
        held = faiss.rev_swig_ptr(self._flat.get_xb(), centres.size)  # no second copy
        self.centres: Matrix = held.reshape(centres.shape)

    @classmethod
    def fitted(cls, sample: Matrix, centres: Matrix, nearest: Ids) -> Coder:
        """For vectors such as ``sample`` (n, dim), whose rows belong to the ``nearest`` of ``centres``; these move to their means."""
        order = np.argsort(nearest, kind="stable")
        some, starts, counts = np.unique(nearest[order], return_index=True, return_counts=True)
        means = centres.copy()
        means[some] = np.add.reduceat(sample[order], starts, axis=0) / counts[:, None]
        moments = (sample.T @ sample).astype(np.float64) / len(sample)
        moments += DAMPING * moments.trace() / len(moments) * np.eye(len(moments))
        # With moments = U U', U upper triangular, a product's squared error is the sum of (U' e)_i^2: each number can
        # bring its own term to zero, up to its rounding, whatever those before it left.
        upper = np.linalg.cholesky(moments[::-1, ::-1])[::-1, ::-1]
        return cls(means, np.triu(upper / np.diag(upper), 1).astype(np.float32))

    def encode(self, vectors: Matrix) -> Codes:
        """Rows for vectors (n, dim)."""
        rows = np.empty((len(vectors), self.dim + TAIL), np.uint8)
        for start in range(0, len(vectors), ROWS):
            rows[start : start + ROWS] = self._encoded(vectors[start : start + ROWS])
        return rows

    def _encoded(self, vectors: Matrix) -> Codes:
        cells = self._flat.search(vectors, 1)[1][:, 0]
        given = vectors - self.centres[cells]
        steps = np.maximum(np.abs(given).max(axis=1) * (ROOM / LARGEST), SMALLEST).astype(np.float16)
        numbers = self._rounded(np.ascontiguousarray((given / steps[:, None]).T)).T
        near = ((self.centres[cells] + numbers * steps[:, None]) * vectors).sum(axis=1)
        whole = (vectors * vectors).sum(axis=1)
        factors = np.divide(whole, near, out=np.ones_like(whole), where=near > 0) - 1
        tail = np.empty((len(vectors), TAIL // 2), np.uint16)
        tail[:, 0], tail[:, 1] = cells, steps.view(np.uint16)
        tail[:, 2] = np.clip(factors, -MOST_FACTOR, MOST_FACTOR).astype(np.float16).view(np.uint16)
        return np.concatenate([numbers.astype(np.int8).view(np.uint8), tail.view(np.uint8)], axis=1)

    def _rounded(self, wanted: Matrix) -> Matrix:
        """Whole numbers near ``wanted`` (dim, n), each after the errors of those before it."""
        errors, numbers = np.empty_like(wanted), np.empty_like(wanted)
        for first in range(0, self.dim, BLOCK):
            last = min(first + BLOCK, self.dim)
            due = wanted[first:last] + self.feedback[:first, first:last].T @ errors[:first]
            for i in range(first, last):
                now = due[i - first] + self.feedback[first:i, i] @ errors[first:i]
                np.clip(np.rint(now), -LARGEST, LARGEST, out=numbers[i])
                np.subtract(wanted[i], numbers[i], out=errors[i])
        return numbers

    def decode(self, rows: Codes) -> Matrix:
        """The vectors (n, dim) that rows stand for."""
        numbers, cells, steps, factors = self.parts(rows)
        vectors = self.centres[cells] + numbers * steps[:, None]
        vectors *= factors[:, None]
        return vectors

    def differs(self, rows: Codes, vectors: Matrix) -> npt.NDArray[np.bool_]:
        """Which rows stand for another vector than this one: further away than it would be rounded."""
        away = np.linalg.norm(self.decode(rows) - vectors, axis=1)
        rounding = np.linalg.norm(self.decode(self.encode(vectors)) - vectors, axis=1)
        return np.asarray(away > UNLIKE * rounding + SMALLEST)

    def parts(self, rows: Codes) -> tuple[Matrix, Ids, Matrix, Matrix]:
        """Numbers (n, dim), and each row's centre, step and factor."""
        tail = rows[:, self.dim :].copy().view(np.uint16)
        steps, factors = tail[:, 1:].copy().view(np.float16).astype(np.float32).T
        factors += 1
        return rows[:, : self.dim].view(np.int8).astype(np.float32), tail[:, 0].astype(np.int64), steps, factors

    def products(self, query: Matrix, rows: Codes, most: int) -> tuple[Ids, npt.NDArray[np.float64]]:
        """Places of the up to ``most`` rows with the largest inner products with ``query`` (dim,), in no order, and these.

        Equal rows get equal products.
        """
        numbers, cells, steps, factors = self.parts(rows)
        known = np.zeros(len(self.centres), np.bool_)
        known[cells] = True
        used = known.nonzero()[0]
        centres = np.empty(len(self.centres), np.float32)
        centres[used] = self.centres[used] @ query
        rough = centres[cells]
        rough += numbers @ query * steps
        rough *= factors
        places = np.arange(len(rows)) if len(rows) <= most else np.argpartition(rough, len(rows) - most)[-most:]
        # A sum along each row: a product of a matrix and a vector does not promise the same for the same rows.
        exact = (numbers[places] * query.astype(np.float64)).sum(axis=1)
        return places, (centres[cells[places]] + exact * steps[places]) * factors[places]
