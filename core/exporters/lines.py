"""A file of JSON lines that can be taken up again after a kill: cut back to its last checkpoint, checked, and carried on.

Each row gets what its item carries for the way back (``core.exporters.carrying``) just before it is written. Lines are hashed while
they are written. Whoever takes a file up copies it, so that a process that was only believed dead writes to a file of its own.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

import orjson

from core.exporters.base import Exporter, ExportRecord
from core.exporters.carrying import COLUMN, encode, numbers_of, renumber

Row = dict[str, Any]
OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
STRIDE = 1000  # records between two checkpoints
_BUFFER = 1 << 20  # bytes


class Unwritable(ValueError):
    """A row that JSON cannot hold."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a file can be taken up: all records up to the item ``after`` are in its first ``size`` bytes, whose hash is ``sha256``.

    ``items`` of them gave ``rows`` rows.
    """

    after: int
    items: int
    rows: int
    size: int
    sha256: str
    dropped: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Raises ``ValueError`` when this is no checkpoint."""
        try:
            return cls(**told)
        except TypeError as problem:
            raise ValueError("this is no checkpoint of an export") from problem


class LineFile:
    """Rows as JSON lines in a file, buffered, with how many there are and the hash of them so far."""

    def __init__(self, path: Path) -> None:
        self.path, self.items, self.rows, self.size, self.after = path, 0, 0, 0, 0
        self.dropped: Mapping[str, int] = {}
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._bytes = 0

    @classmethod
    def take_up(cls, path: Path, old: Path, checkpoint: Checkpoint) -> LineFile:
        """A copy of ``old`` up to the checkpoint, to be carried on; an empty file where ``old`` is not what the checkpoint says."""
        made = cls(path)
        left = checkpoint.size
        try:
            with old.open("rb") as source:
                while left and (part := source.read(min(left, _BUFFER))):
                    made._put(part)
                    left -= len(part)
        except OSError:
            left = -1
        if left or made.sha256 != checkpoint.sha256:
            made.close()
            return cls(path)
        made.items, made.rows, made.after = checkpoint.items, checkpoint.rows, checkpoint.after
        made.dropped = checkpoint.dropped
        return made

    @property
    def sha256(self) -> str:
        """Of everything that was flushed."""
        return self._digest.copy().hexdigest()

    def add(self, row: Mapping[str, Any]) -> None:
        """Raises ``Unwritable`` naming the row."""
        self.rows += 1
        line = _line(row, self.rows)
        self._waiting.append(line)
        self._bytes += len(line)
        if self._bytes >= _BUFFER:
            self.flush()

    def flush(self) -> None:
        """To the operating system: what is flushed outlives this process."""
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting, self._bytes = [], 0
            self._put(data)
        self._file.flush()

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def checkpoint(self, dropped: Mapping[str, int]) -> Checkpoint:
        """Where the file stands now, with all records up to ``self.after`` in it."""
        self.flush()
        return Checkpoint(self.after, self.items, self.rows, self.size, self.sha256, dict(dropped))

    def close(self) -> None:
        self.flush()
        self._file.close()


def _line(row: Mapping[str, Any], number: int) -> bytes:
    try:
        return orjson.dumps(row, option=OPTIONS)
    except TypeError as problem:
        raise Unwritable(f"row {number} cannot be written as JSON: {problem}") from problem


def _source(record: ExportRecord, exporter: Exporter, row: int, with_project: bool) -> str:
    try:
        return encode(record, exporter, with_project)
    except TypeError as problem:
        which = f"row {row}" if row else f"item {record.external_id!r}"
        raise Unwritable(f"{which} cannot be written as JSON: {problem}") from problem


def write_records(
    file: LineFile,
    exporter: Exporter,
    records: Iterable[ExportRecord],
    on_row: Callable[[int], None] | None = None,
    on_checkpoint: Callable[[Callable[[], Checkpoint]], None] | None = None,
) -> None:
    """Add the rows of the records, which begin after ``file.after``, and offer a checkpoint every ``STRIDE`` of them.

    A format whose rows depend on other records than their own has none. ``on_row`` hears the count so far and may raise to stop.
    """
    if not exporter.local:
        _add_waiting(file, exporter, records, on_row)
        return
    exporter.dropped.update(file.dropped)
    rest = iter(records)
    while True:
        before = file.after
        _add(file, exporter, islice(rest, STRIDE), on_row)
        if file.after == before:
            return
        if on_checkpoint is not None:
            on_checkpoint(lambda: file.checkpoint(exporter.dropped))


def _add(
    file: LineFile, exporter: Exporter, records: Iterable[ExportRecord], on_row: Callable[[int], None] | None
) -> None:
    """The rows of records of which each gives its own at once; ``file.after`` is the last item whose rows are all there."""
    current: ExportRecord | None = None
    last = file.after

    def noted() -> Iterator[ExportRecord]:
        nonlocal current, last
        for record in records:
            current = record
            yield record
            last = record.item_id

    written: ExportRecord | None = None
    numbers: Mapping[int, int] = {}
    for row in exporter.each(noted()):
        if current is None or row[COLUMN]["item"] != current.item_id:
            raise RuntimeError(f"a row of {exporter.name} does not belong to the record that was read last")
        source = ""
        if current is not written:
            written, numbers = current, numbers_of(current)
            file.items += 1
            source = _source(current, exporter, file.rows + 1, with_project=file.items == 1)
        renumber(row[COLUMN], file.items, numbers, source)
        file.add(row)
        if on_row is not None:
            on_row(file.rows)
    file.after = last


def _add_waiting(
    file: LineFile, exporter: Exporter, records: Iterable[ExportRecord], on_row: Callable[[int], None] | None
) -> None:
    """Rows that wait for other records and come in any order: they are numbered once all are there, and until then lie on disk."""
    with closing(sqlite3.connect("", isolation_level=None)) as store, tempfile.TemporaryFile() as waiting:
        store.execute("CREATE TABLE source (item INTEGER PRIMARY KEY, text TEXT, numbers TEXT)")
        store.execute("CREATE TABLE used (item INTEGER PRIMARY KEY)")
        store.execute("BEGIN")

        def kept() -> Iterator[ExportRecord]:
            for record in records:
                numbers = orjson.dumps(list(numbers_of(record).items())).decode()
                told = (record.item_id, _source(record, exporter, 0, with_project=True), numbers)
                store.execute("INSERT INTO source VALUES (?, ?, ?)", told)
                yield record

        for count, row in enumerate(exporter.rows(kept()), 1):
            store.execute("INSERT OR IGNORE INTO used VALUES (?)", (row[COLUMN]["item"],))
            waiting.write(_line(row, count))
            if on_row is not None:
                on_row(count)
        store.execute("CREATE TABLE place AS SELECT item, row_number() OVER (ORDER BY item) AS number FROM used")
        store.execute("CREATE UNIQUE INDEX by_item ON place (item)")
        waiting.seek(0)
        for line in waiting:
            row = orjson.loads(line)
            item = row[COLUMN]["item"]
            found = store.execute(
                "SELECT number, text, numbers FROM place JOIN source USING (item) WHERE item = ?", (item,)
            )
            number, text, numbers = found.fetchone()
            renumber(row[COLUMN], number, dict(orjson.loads(numbers)), text)
            file.add(row)
            if text:
                store.execute("UPDATE source SET text = '' WHERE item = ?", (item,))


def typed_lines_first(lines: Path, to: Path, shows: Sequence[Callable[[Row], bool]]) -> bool:
    """``typed_first`` of a file of lines, in two passes with one line in memory; false where they stand in that order already."""
    front: list[int] = []
    natural = True
    missing = list(shows)
    with lines.open("rb") as source:
        at = end = 0
        for line in source:
            row = orjson.loads(line)
            if any(show(row) for show in missing):
                missing = [show for show in missing if not show(row)]
                natural = natural and at == end
                front.append(at)
                end = at + len(line)
            if not missing:
                break
            at += len(line)
        if natural:
            return False
        with to.open("wb") as target:
            for at in front:
                source.seek(at)
                target.write(source.readline())
            source.seek(0)
            at, ahead = 0, set(front)
            while ahead and (line := source.readline()):
                if at not in ahead:
                    target.write(line)
                ahead.discard(at)
                at += len(line)
            shutil.copyfileobj(source, target, _BUFFER)
    return True
