"""200 of 10,000 lessons taken back at random: none is found again, whatever dies in between (paper 29's first check, design rule 4)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.cli.data import verify_index
from app.retrieving import confirmed
from app.settings import Settings
from app.worker.client import LookedUp
from app.worker.models import Models
from app.worker.retrieval import find_for
from store import exports, lessons, vectors
from store.engine import Database
from store.lessons import Filter
from tests.app.worker.slow_worker import settings_for
from tests.taking_back_rows import MODEL, FakeNamesEmbedder, Many, many, name

# The figure in BENCHMARKS.md is of 10,000, of which 200 go: CORRIGENDA_TEST_LESSONS=10000 pytest tests/concurrency/test_taking_back.py
LESSONS = int(os.environ.get("CORRIGENDA_TEST_LESSONS", "1500"))
RETRACTED = LESSONS // 50
ONE_BY_ONE = RETRACTED // 5
ROOT = Path(__file__).parents[2]


class Bench:
    """Many lessons, one in fifty of which is to go, and an index that knows them all."""

    def __init__(self, db: Database, url: str, folder: Path) -> None:
        self.db, self.url, self.folder = db, url, folder
        folder.mkdir(exist_ok=True)
        self.settings: Settings = settings_for(url, folder)
        with db.write() as session:
            self.made: Many = many(session, LESSONS, answers=LESSONS // 10)
        places = random.Random(29).sample(range(LESSONS), RETRACTED)
        self.places = sorted(places)

    @property
    def ids(self) -> list[int]:
        return [self.made.lessons[place] for place in self.places]

    def models(self) -> Models:
        return Models(self.settings, self.db, make_embedder=lambda _: FakeNamesEmbedder())  # type: ignore[arg-type, return-value]

    def found(self, models: Models, places: Sequence[int]) -> set[int]:
        """Places whose lesson or correction the index proposes when it is asked for exactly that vector."""
        again = set()
        for place in places:
            hits = models.search(self.made.project_id, ["rule", "correction"], self.made.vectors[place], 1)
            near = {(hit.scope, hit.owner_id) for hit in hits}
            if near & {("rule", self.made.lessons[place]), ("correction", self.made.corrections[place])}:
                again.add(place)
        return again

    def prompted(self, models: Models, places: Sequence[int]) -> set[int]:
        """Places whose lesson comes into the prompt of a question that names it."""
        asked = {place: find_for(self.db, models, self.made.project_id, f"{name(place)}", "")[0] for place in places}
        return {place for place, found in asked.items() if self.made.lessons[place] in {one.id for one in found}}

    def killed(self, when: str) -> None:
        """A worker with its own index takes them back and is killed, before or after the transaction ends."""
        command = [sys.executable, "-m", "tests.concurrency.retracting_process", self.url, str(self.folder)]
        command += [str(self.made.project_id), str(self.made.user), when]
        told, env = "\n".join(map(str, self.ids)).encode(), os.environ | {"HF_HUB_OFFLINE": "1"}
        ended = subprocess.run(command, check=False, input=told, cwd=ROOT, capture_output=True, timeout=120, env=env)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]

    def check_gone(self, models: Models) -> None:
        """Not in the index, not by words, not in a prompt; and nothing else went."""
        ids = set(self.ids)
        assert not self.found(models, self.places)
        others = random.Random(1).sample(sorted(set(range(LESSONS)) - set(self.places)), 50)
        assert self.found(models, others) == set(others)
        project = self.made.project_id
        with self.db.read() as session:
            assert not lessons.active_texts(session, sorted(ids))
            for place in self.places[:ONE_BY_ONE]:
                assert not lessons.page(session, project, status="active", text=f"{name(place)}.")
            kept = [row.id for row in lessons.page(session, project, status="active", limit=LESSONS)]
            assert len(kept) == LESSONS - RETRACTED and not ids & set(kept)
            assert len(vectors.all_in(session, project, "rule", MODEL)[0]) == LESSONS - RETRACTED
        assert not confirmed(self.db, project, LookedUp(tuple((id_, 1.0) for id_ in sorted(ids)))).lessons
        assert not self.prompted(models, self.places[:ONE_BY_ONE]) and self.prompted(models, others[:5]) == set(
            others[:5]
        )
        assert verify_index(self.settings), "corrigenda index verify"

    def check_export(self) -> None:
        """A new export has everything but what was taken back."""
        with self.db.read() as session:
            found = list(exports.records(session, self.made.project_id, filters={}, extras=("lessons",)))
        said = {correction.id for record in found for attempt in record.attempts for correction in attempt.corrections}
        told = {text.id for record in found for text in record.lessons}
        assert said == set(self.made.corrections) - {self.made.corrections[place] for place in self.places}
        assert told == set(self.made.lessons) - set(self.ids)


@pytest.fixture
def bench(db: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("app.cli.data.embedding.model_id_of", lambda _: MODEL)
    return Bench(db, database_url, tmp_path / "data")


def test_none_of_what_was_taken_back_is_found_again(bench: Bench) -> None:
    models = bench.models()
    assert bench.found(models, bench.places) == set(bench.places), "before, each is found"
    assert bench.prompted(models, bench.places[:5]) == set(bench.places[:5])
    one_by_one, together = bench.ids[:ONE_BY_ONE], bench.ids[ONE_BY_ONE:]
    for lesson_id in one_by_one:
        with bench.db.write() as session:
            lessons.retract(session, lesson_id, bench.made.user, "wrong")
    with bench.db.write() as session:
        wanted = Filter(lesson_ids=tuple(together))
        row, _ = lessons.retract_many(session, bench.made.project_id, wanted, bench.made.user, "wrong")
        number = row.id
    bench.check_gone(models)
    bench.check_export()
    with bench.db.write() as session:
        assert len(lessons.undo(session, number, bench.made.user, "it was right").lessons) == len(together)
    with bench.db.read() as session:
        assert set(lessons.active_texts(session, bench.ids)) == set(together)


def test_a_worker_killed_between_the_two_halves(bench: Bench) -> None:
    fellow = bench.models()
    assert bench.found(fellow, bench.places[:5]) == set(bench.places[:5])
    bench.killed("before")  # the transaction never ended: nothing is true of it
    with bench.db.read() as session:
        assert len(lessons.active_texts(session, bench.ids)) == RETRACTED
    assert bench.found(fellow, bench.places) == set(bench.places) and verify_index(bench.settings)
    bench.killed("after")  # the rows say so, and the dead worker's index never heard of it
    bench.check_gone(fellow)  # another worker, whose index follows the feed
    bench.check_gone(bench.models())  # the one that takes the dead one's place
    bench.check_export()
