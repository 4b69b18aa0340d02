"""Finding the lessons of a prompt by the product's own way, embedding included, and its full-text search by itself.

Lessons are pairs of real sentences of the shared data; prompts are other real sentences. Full-text search is measured on SQLite and on
PostgreSQL (``CORRIGENDA_TEST_POSTGRES_URL``, or the local server) with 10,000 and 100,000 lessons; the whole look-up on SQLite with
10,000, and with the 1,000,000 whose vectors and snapshot ``bench_index`` has left in ``CORRIGENDA_BENCH_INDEX``, if it has.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import insert, text

from app.settings import Settings
from app.worker import retrieval
from app.worker.indexing import WorkerIndex
from app.worker.models import Models
from core.embedding import Embedder
from core.lessons import index_files
from core.lessons.retrieve import TOP
from core.types import ItemType
from store import lesson_search, migrate, projects, tables
from store import vectors as stored
from store.engine import Database
from tests.benchmarks.bench_index import MODEL, QUERIES, SCOPE, Times, sentences
from tests.benchmarks.bench_jobs import database

FEW, MANY, MOST = 10_000, 100_000, 1_000_000
PIECE, ROUNDS, WARM = 20_000, 200, 10


def run() -> dict[str, object]:
    known = sentences()
    asked, known = known[:QUERIES], known[QUERIES:]
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder)) as urls:
        for url in urls:
            for lessons in (FEW, MANY):
                figures[f"full_text_{url.split(':')[0]}_{lessons}"] = _by_words(url, lessons, known, asked)
    embedder = Embedder()
    places = np.arange(FEW) % len(known)
    figures[f"look_up_{FEW}"] = _whole(FEW, known, asked, embedder, embedder.embed(known)[places])
    kept = Path(os.environ.get("CORRIGENDA_BENCH_INDEX") or "nowhere") / "vectors.npy"
    if kept.exists():
        figures[f"look_up_{MOST}"] = _whole(MOST, known, asked, embedder, np.load(kept, mmap_mode="r"))
    return figures


@contextmanager
def _servers(folder: Path) -> Iterator[list[str]]:
    """URLs of databases to be filled: SQLite, and PostgreSQL where there is a server."""
    server = os.environ.get("CORRIGENDA_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
    local = f"sqlite:///{folder / 'words.sqlite'}"
    try:
        with database(server) as url:
            yield [local, url]
    except psycopg.OperationalError:
        yield [local]


def fill(db: Database, lessons: int, known: Sequence[str], vectors: Any = None) -> int:
    """A project with so many active lessons, ids from 1, with their vectors if given; returns its id."""
    chance = random.Random(0)
    with db.write() as session:
        project = projects.create(session, slug=f"bench-{lessons}", name="Bench", item_type=ItemType.REASONING).id
    for start in range(0, lessons, PIECE):
        numbers = range(start, min(start + PIECE, lessons))
        rows = [
            {"project_id": project, "kind": SCOPE, "status": "active", "text": known[n % len(known)]}
            | {"applicability": chance.choice(known)}
            for n in numbers
        ]
        with db.write() as session:
            ids = session.scalars(insert(tables.Lesson).returning(tables.Lesson.id, sort_by_parameter_order=True), rows)
            owners = ids.all()
            if vectors is not None:
                whole = {"project_id": project, "scope": SCOPE, "owner_kind": "lesson", "model": MODEL}
                held = [
                    whole | {"owner_id": owner, "dim": vectors.shape[1], "vector": row.tobytes()}
                    for owner, row in zip(owners, np.asarray(vectors[start : numbers.stop], "<f2"), strict=True)
                ]
                session.execute(insert(tables.Embedding), held)
    if db.dialect == "postgresql":
        with db.write() as session:
            session.execute(text("ANALYZE"))  # as autovacuum does soon after so many rows
    return project


def _by_words(url: str, lessons: int, known: Sequence[str], asked: Sequence[str]) -> dict[str, object]:
    migrate.upgrade(url, None)
    db = Database(url)
    times, found = Times(), 0
    try:
        project = fill(db, lessons, known)
        for query in [*asked[:WARM], *asked[:ROUNDS]]:
            with db.read() as session:
                found += len(times.of(lambda q=query, s=session: lesson_search.search(s, project, q, TOP)))
    finally:
        db.dispose()
    return times.told(WARM) | {"found_per_query": round(found / (WARM + ROUNDS), 1)}


def _whole(lessons: int, known: Sequence[str], asked: Sequence[str], embedder: Any, vectors: Any) -> dict[str, object]:
    """``find_for`` as the gateway calls it, on SQLite."""
    with tempfile.TemporaryDirectory() as temporary:
        url = f"sqlite:///{Path(temporary) / 'bench.sqlite'}"
        migrate.upgrade(url, None)
        db = Database(url)
        embedder.model_id = MODEL
        try:
            project = fill(db, lessons, known, vectors)
            reading = Times()
            with db.read() as session:
                reading.of(lambda: sum(len(ids) for ids, _ in stored.in_pieces(session, project, SCOPE, MODEL)))
            models = Models(Settings(data_dir=temporary), db, make_embedder=lambda _: embedder)
            if lessons == MOST:
                _take_snapshot(db, models, project)
            times, encoding = Times(), Times()
            for prompt in [*asked[:WARM], *asked[:ROUNDS]]:
                encoding.of(lambda prompt=prompt: embedder.embed([prompt]))
                times.of(lambda prompt=prompt: retrieval.find_for(db, models, project, prompt, ""))
            return {
                "whole_ms": times.told(WARM),
                "encoder_ms": encoding.told(WARM),
                "read_all_vectors_s": round(reading.clock[0] / 1000, 2),
            }
        finally:
            db.dispose()


def _take_snapshot(db: Database, models: Models, project: int) -> None:
    """Put the index that ``bench_index`` has made in the place of the one that would be read from the database."""
    worker = WorkerIndex(db, Path("nowhere"), MODEL, models.embedder.dim)
    path = index_files.path_of(Path(os.environ["CORRIGENDA_BENCH_INDEX"]), 1, SCOPE, MODEL)
    worker._set._saved = lambda project_id, scope, index: (
        [] if scope == SCOPE and index_files.read(path, index) else None
    )
    models._index = worker
    models.index.scope(project, SCOPE)
