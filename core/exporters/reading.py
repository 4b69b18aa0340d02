"""Files of exports on their way back: whatever the format and the container, one record per item, in the order in which items stood.

A row that carries its item (``core.exporters.carrying``) is read by that alone, so that every format comes back by the same way. A row
that carries nothing, of an older file or of another program, is read by its format's own ``read`` where it has one. Rows lie on disk in
between: files may be larger than memory, and in any order.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from core.exporters import REGISTRY
from core.exporters.base import ExportAttempt, Exporter, ExportRecord
from core.exporters.carrying import COLUMN, decode, encode
from core.exporters.containers import DATA_FILE
from core.table_files import RowError, raw_rows
from core.types import Verdict

LOOK_AT = 20  # rows
MOST_UNPACKED = 50_000_000_000  # bytes of the rows of a zipped folder
_JSON = re.compile(r"\s*[\[{]|(?:true|false|null)\Z|-?\d{1,15}(?:\.\d{1,15})?\Z")
# of formats that other programs write too: the columns by which a row without ours is known, most telling first
_KNOWN_BY: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (name, frozenset(columns))
    for name, columns in (
        ("dpo_llamafactory", ("conversations", "chosen", "rejected")),
        ("dpo", ("prompt", "chosen", "rejected")),
        ("kto", ("prompt", "completion", "label")),
        ("kto_llamafactory", ("messages", "label")),
        ("sft_llamafactory", ("instruction", "output")),
        ("sft", ("messages",)),
        ("prm800k", ("question", "label")),
        ("math_shepherd", ("input", "label", "task")),
        ("edit_pairs", ("source", "edits", "target")),
    )
)


def recognised(path: Path) -> str | None:
    """The format of a file of exported rows, by what its first rows carry or else by their columns; ``None`` for any other file."""
    try:
        with _table(path) as table:
            rows = [row for _, row in islice(raw_rows(table), LOOK_AT) if not isinstance(row, RowError)]
    except (OSError, ValueError):
        return None
    return next((name for row in rows if (name := _format_of(row)) is not None), None)


def _format_of(row: Mapping[str, Any]) -> str | None:
    source = _info(row).get("source")
    if isinstance(source, str) and source:
        try:
            name = orjson.loads(source).get("format")
        except (orjson.JSONDecodeError, AttributeError):
            return None
        return name if isinstance(name, str) and name in REGISTRY else None
    present = {name for name, value in row.items() if value is not None}
    return next((name for name, columns in _KNOWN_BY if columns <= present), None)


def _info(row: Mapping[str, Any]) -> Mapping[str, Any]:
    value = _cell(row.get(COLUMN))
    return value if isinstance(value, Mapping) else {}


def _cell(value: Any) -> Any:
    """What a cell of a CSV file holds, which is JSON where a text would not do."""
    if isinstance(value, str) and _JSON.match(value):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


@contextmanager
def _table(path: Path) -> Iterator[Path]:
    """The file of rows itself: a zipped folder is unpacked for as long as the block lasts. Raises ``ValueError``."""
    if not zipfile.is_zipfile(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "rows.parquet"
        try:
            with zipfile.ZipFile(path) as archive:
                if DATA_FILE not in archive.namelist():
                    raise ValueError(f"the folder {path.name} has no {DATA_FILE}: it is no exported data set")
                if archive.getinfo(DATA_FILE).file_size > MOST_UNPACKED:
                    raise ValueError(f"the rows of {path.name} are too large to unpack; import them as JSON lines")
                with archive.open(DATA_FILE) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
            raise ValueError(f"{path.name} is no whole zip file ({problem}); download it again") from None
        yield target


class Records:
    """The items of a file of which ``rows`` rows were read: ``each`` gives every item once, as a record or as an error."""

    def __init__(self, store: sqlite3.Connection, rows: int) -> None:
        self._store, self.rows = store, rows

    def each(self, after: int = 0) -> Iterator[ExportRecord | RowError]:
        """In the order of the items in the file, without the first ``after``."""
        query = "SELECT external, MIN(row) FROM part GROUP BY external ORDER BY MIN(item), MIN(row) LIMIT -1 OFFSET ?"
        for external, first in self._store.execute(query, (after,)):
            parts = self._store.execute(
                "SELECT text FROM part WHERE external = ? AND text != '' ORDER BY row", (external,)
            )
            try:
                records = [decode(text) for (text,) in parts]
                if not records:
                    raise ValueError("the row that carries this item is missing: import the whole file")
                yield merged(records)
            except ValueError as problem:
                yield RowError(first, str(problem))


@contextmanager
def records(path: Path, format: str, on_error: Callable[[RowError], None]) -> Iterator[Records]:
    """Read a file through once; rows that cannot be read are told to ``on_error``. Raises ``ValueError`` on an unknown format."""
    if format not in REGISTRY:
        raise ValueError(f"there is no format {format!r}; there are: {', '.join(REGISTRY.names())}")
    exporter = REGISTRY.make(format)
    with closing(sqlite3.connect("", isolation_level=None)) as store:
        store.execute("CREATE TABLE part (external TEXT, item INTEGER, row INTEGER, text TEXT)")
        store.execute("BEGIN")
        yield Records(store, _gather(store, path, exporter, on_error))


def _gather(store: sqlite3.Connection, path: Path, exporter: Exporter, on_error: Callable[[RowError], None]) -> int:
    count = 0
    try:
        with _table(path) as table:
            for number, row in raw_rows(table):
                count += number > 0
                try:
                    if isinstance(row, RowError):
                        on_error(row)
                        continue
                    store.execute("INSERT INTO part VALUES (?, ?, ?, ?)", _part(exporter, row, number))
                except (ValueError, TypeError, AttributeError, KeyError, OverflowError, UnicodeEncodeError) as problem:
                    on_error(RowError(number, _said(problem)))
    except (OSError, ValueError) as problem:
        on_error(RowError(0, f"The file cannot be read: {problem}"))
    store.execute("CREATE INDEX by_external ON part (external)")
    return count


def _said(problem: Exception) -> str:
    return str(problem) if type(problem) is ValueError else f"the row is not of this format ({problem})"


def _part(exporter: Exporter, row: Mapping[str, Any], number: int) -> tuple[str, int, int, str]:
    """(external id, place of the item, number of the row, what the row carries) of a row."""
    info = _info(row)
    item = info.get("item")
    place = item if isinstance(item, int) and not isinstance(item, bool) and abs(item) < 2**62 else number
    source = info.get("source")
    if isinstance(source, str):
        external = info.get("external_id")
        if not isinstance(external, str) or not external:
            raise ValueError("field 'corrigenda.external_id' must be a text that names the item")
        if source and (told := decode(source)).external_id != external:
            raise ValueError(f"the row is of item {external!r} and carries item {told.external_id!r}")
        if source and orjson.loads(source).get("format") != exporter.name:
            raise ValueError(f"the row is of the format {orjson.loads(source).get('format')!r}, not {exporter.name!r}")
        return external, place, number, source
    if not exporter.readable:
        raise ValueError(
            f"the row carries no item (field 'corrigenda.source'), and {exporter.name} rows alone leave out what an item needs"
        )
    record = _read(exporter, {name: _cell(value) if name in _STRUCTURED else value for name, value in row.items()})
    return record.external_id, place, number, encode(record, exporter, with_project=True)


_STRUCTURED = frozenset(
    (COLUMN, "messages", "prompt", "chosen", "rejected", "completion", "conversations", "question", "edits", "label")
)


def _read(exporter: Exporter, row: Mapping[str, Any]) -> ExportRecord:
    """A row that carries nothing, by its format; an item without an id of its own gets one from what it asks."""
    own = _without_nulls({name: value for name, value in row.items() if value is not None})
    if not isinstance(own.get(COLUMN), Mapping) and exporter.name in _NEEDS_COLUMN:
        plain = {"schema": 1, "item": 0, "external_id": "", "outputs": [1, 2], "context_chars": 0}
        own[COLUMN] = {**plain, "outputs": plain["outputs"] if exporter.name.startswith("dpo") else [1]}
    record = exporter.read(own)
    asked = record.question
    key = "\0".join((asked.guidelines, asked.context, asked.prompt)).encode("utf-8", "surrogatepass")
    external = record.external_id or f"imported-{hashlib.sha256(key).hexdigest()[:24]}"
    attempts = tuple(replace(attempt, number=0) for attempt in record.attempts)
    return replace(record, external_id=external, attempts=attempts)


_NEEDS_COLUMN = frozenset(
    {"sft", "sft_llamafactory", "dpo", "dpo_llamafactory", "kto", "kto_llamafactory", "edit_spans"}
)


def _without_nulls(value: Any) -> Any:
    """Parquet gives every object the fields of all."""
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items()}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def merged(parts: Sequence[ExportRecord]) -> ExportRecord:
    """One record of all that a file says of an item: each answer once, accepted ones after those that have no number.

    Raises ``ValueError`` where two rows ask different things.
    """
    first = parts[0]
    asked = {(one.question.prompt, one.question.context, one.question.item_type) for one in parts}
    if len(asked) > 1:
        raise ValueError(f"rows of item {first.external_id!r} ask different things: give them ids of their own")
    known: dict[tuple[int, str, str], ExportAttempt] = {}
    for part in parts:
        for attempt in part.attempts:
            known.setdefault((attempt.number, attempt.text, attempt.model), attempt)
    attempts = sorted(known.values(), key=lambda a: (a.number == 0, a.number, a.verdict is Verdict.ACCEPTABLE))
    return replace(first, attempts=tuple(attempts)) if len(parts) > 1 else first
