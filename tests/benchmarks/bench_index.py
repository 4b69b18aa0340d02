"""Search among a million lessons: the index against FAISS alone on the same lists. ``bench_look_up`` has the whole look-up.

The vectors are embeddings of real sentences of the shared data, each moved by up to half of the way to one of its ten nearest
sentences and by a little noise (norm 0.15), and made unit again; the queries are other real sentences. Making the index takes
minutes: vectors and snapshot are kept in the folder that CORRIGENDA_BENCH_INDEX names, or in a temporary one.
"""

from __future__ import annotations

import json
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.embedding import Embedder
from core.lessons import index_files
from core.lessons.index import ScopeIndex
from core.lessons.index_inverted import CANDIDATES, PROBES
from tests.benchmarks.bench_store import summary

LESSONS, SENTENCES, QUERIES = 1_000_000, 20_000, 500
NEAR, NOISE, PIECE = 10, 0.15, 20_000
SCOPE, MODEL = "rule", "bench@1#0"


def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("CORRIGENDA_BENCH_INDEX") or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        made = _vectors(folder, Embedder())
        path, stamp = _snapshot(folder, made)
        before, begun = _resident(), time.perf_counter()
        index = ScopeIndex(made.shape[1])
        index_files.read(path, index)
        started = time.perf_counter() - begun
        queries = np.load(folder / "queries.npy")
        for query in queries:
            index.search(query, 10)
        resident = _resident() - before
        figures: dict[str, object] = {
            "lessons": len(index),
            "kind": index.kind,
            "start_from_snapshot_s": round(started, 2),
            "made": stamp,
            **_searched(index, made, queries),
            "resident_mb": round(resident),
            "add_1000_s": _added(index, made),
        }
        return figures


def _resident() -> float:
    """Memory of this process in MB, pages of mapped files that it has touched included."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1000


def sentences() -> list[str]:
    shared = Path(os.environ.get("CORRIGENDA_SHARED") or Path(__file__).parents[3] / "shared")
    texts = {
        " ".join(piece.split())
        for path in sorted((shared / "data").rglob("*.jsonl"))
        for line in path.read_text("utf-8").split("\n")
        for said in _strings(json.loads(line) if line.strip() else None)
        for piece in re.split(r"(?<=[.!?])\s+|\n+", said)
        if 6 <= len(piece.split()) <= 22
    }
    chosen = sorted(texts)
    random.Random(0).shuffle(chosen)
    return chosen[:SENTENCES]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)


def _vectors(folder: Path, embedder: Embedder) -> Any:
    """(LESSONS, d) as float16, mapped; the queries are kept beside them."""
    path = folder / "vectors.npy"
    if not path.exists():
        real = embedder.embed(sentences())
        np.save(folder / "queries.npy", real[:QUERIES])
        real = real[QUERIES:]
        near = np.concatenate(
            [np.argsort(-(part @ real.T), axis=1)[:, 1 : NEAR + 1] for part in np.array_split(real, 20)]
        )
        chance = np.random.default_rng(0)
        every = np.empty((LESSONS, real.shape[1]), np.float16)
        for start in range(0, LESSONS, PIECE):
            one = np.arange(start, start + PIECE) % len(real)
            other = near[one, chance.integers(0, NEAR, PIECE)]
            way = chance.uniform(0, 0.5, (PIECE, 1)).astype(np.float32)
            moved = _unit((1 - way) * real[one] + way * real[other])
            every[start : start + PIECE] = _unit(
                moved + chance.standard_normal(moved.shape).astype(np.float32) * NOISE / moved.shape[1] ** 0.5
            )
        np.save(path, every)
    return np.load(path, mmap_mode="r")


def _unit(rows: Any) -> Any:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _snapshot(folder: Path, made: Any) -> tuple[Path, dict[str, float]]:
    """Where the snapshot is, and what making it took, if that was now."""
    path = index_files.path_of(folder, 1, SCOPE, MODEL)
    if path.exists():
        return path, {}
    begun, index = time.perf_counter(), ScopeIndex(made.shape[1])
    for start in range(0, len(made), PIECE):
        index.add(range(start + 1, start + PIECE + 1), made[start : start + PIECE].astype(np.float32))
    added = time.perf_counter()
    while index.kind == "flat" or index._mover is not None:
        index.settle()
    moved = time.perf_counter()
    index_files.write(folder, index_files.Stamp(MODEL, index.dim, "bench", 1, SCOPE, 0, 0), index.state())
    written = time.perf_counter() - moved
    return path, {"flat_s": added - begun, "moved_s": moved - added, "written_s": written}


def _searched(index: ScopeIndex, made: Any, queries: Any) -> dict[str, object]:
    """Times of both, one after the other for each query, and what share of the true ten nearest was found."""
    import faiss

    raw = _raw(index._index)
    chosen = faiss.IndexRefineSearchParameters(
        k_factor=CANDIDATES / 10, base_index_params=faiss.IVFSearchParameters(nprobe=PROBES)
    )
    for query in queries[:20]:
        index.search(query, 10), raw.search(query[None], 10, params=chosen)
    ours, theirs = Times(), Times()
    found, found_raw = [], []
    for turn, query in enumerate(queries):
        for mine in (turn % 2 == 0, turn % 2 == 1):
            if mine:
                found.append({key for key, _ in ours.of(lambda query=query: index.search(query, 10))})
            else:
                hits = theirs.of(lambda query=query: raw.search(query[None], 10, params=chosen))[1][0]
                found_raw.append(set((hits + 1).tolist()))
    true = _nearest(made, queries)
    return {
        "search_ms": ours.told(),
        "raw_faiss_ms": theirs.told(),
        "ratio_p50": round(float(np.median(ours.processor) / np.median(theirs.processor)), 2),
        "recall_at_10": _recall(found, true),
        "raw_recall_at_10": _recall(found_raw, true),
    }


class Times:
    """By the clock and of the processor, in ms: on a machine that others use too the two differ."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.processor: list[float] = []

    def of(self, do: Callable[[], Any]) -> Any:
        clock, processor = time.perf_counter(), time.process_time()
        result = do()
        self.processor.append((time.process_time() - processor) * 1000)
        self.clock.append((time.perf_counter() - clock) * 1000)
        return result

    def told(self, passed_over: int = 0) -> dict[str, object]:
        """Without the first so many, which warm up."""
        return {"clock": summary(self.clock[passed_over:]), "processor": summary(self.processor[passed_over:])}


def _raw(inverted: Any) -> Any:
    """FAISS's own refinement over the same lists, by its own byte codes of the same vectors."""
    import faiss

    base = inverted._base
    refine = faiss.IndexScalarQuantizer(base.d, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    codes = inverted._codes.parts()[0]
    for start in range(0, len(codes), PIECE):
        decoded = inverted.coder.decode(codes[start : start + PIECE])
        if not start:
            refine.train(decoded)
        refine.add(decoded)
    refine.this.disown()
    both = faiss.IndexRefine(base, refine)  # the lists are borrowed, and outlive it
    both.own_refine_index = True
    return both


def _nearest(made: Any, queries: Any) -> list[set[int]]:
    best = np.full((len(queries), 10), -np.inf, np.float32)
    keys = np.zeros((len(queries), 10), np.int64)
    for start in range(0, len(made), PIECE):
        scores = queries @ made[start : start + PIECE].astype(np.float32).T
        place = np.argpartition(-scores, 10, axis=1)[:, :10]
        both = np.concatenate([best, np.take_along_axis(scores, place, 1)], 1)
        ids = np.concatenate([keys, place + start + 1], 1)
        order = np.argsort(-both, axis=1)[:, :10]
        best, keys = np.take_along_axis(both, order, 1), np.take_along_axis(ids, order, 1)
    return [set(row.tolist()) for row in keys]


def _recall(found: Sequence[set[int]], true: Sequence[set[int]]) -> float:
    return round(sum(len(a & b) for a, b in zip(found, true, strict=True)) / sum(map(len, true)), 4)


def _added(index: ScopeIndex, made: Any) -> float:
    new = np.asarray(made[:1000], np.float32)[:, ::-1]
    begun = time.perf_counter()
    index.add(range(LESSONS + 1, LESSONS + 1001), new)
    return round(time.perf_counter() - begun, 3)
