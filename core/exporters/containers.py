"""The files that rows travel in: JSON lines, Parquet, CSV, a zipped folder that ``datasets`` loads, with its card, and M2.

Each is made from a finished file of JSON lines in two passes with a bounded number of rows in memory; equal lines give equal bytes.
"""

from __future__ import annotations

import csv
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import orjson

Container = Literal["jsonl", "parquet", "csv", "dataset", "m2"]
SUFFIXES: dict[Container, str] = {
    "jsonl": ".jsonl",
    "parquet": ".parquet",
    "csv": ".csv",
    "dataset": ".zip",
    "m2": ".m2",
}
TITLES: dict[Container, str] = {
    "jsonl": "JSON lines",
    "parquet": "Parquet",
    "csv": "CSV",
    "dataset": "data set folder with its card (zip)",
    "m2": "M2, of edit spans alone",
}
MEDIA: dict[str, str] = {
    ".jsonl": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv; charset=utf-8",
    ".zip": "application/zip",
    ".m2": "text/plain; charset=utf-8",
}
DATA_FILE = "data/train-00000-of-00001.parquet"
BATCH = 1000  # rows
BLOCK = 4 << 20  # bytes
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of every entry of a zip, so that equal rows give equal bytes


class Unfit(ValueError):
    """Rows that a kind of file cannot hold; the message says which column."""


def batches(lines: Path, size: int = BATCH) -> Iterator[list[dict[str, Any]]]:
    with lines.open("rb") as file:
        while rows := [orjson.loads(line) for line in islice(file, size)]:
            yield rows


def to_parquet(lines: Path, path: Path) -> None:
    """Columns get the widest type that any row needs; a column that is null throughout is text. Raises ``Unfit``.

    Mostly the first block shows every type, and one pass is enough; where a later one does not fit, or the first has only nulls
    somewhere, the types of all blocks are joined first.
    """
    import pyarrow as pa

    try:
        first = next(_blocks(lines), None)
        shown = pa.schema([]) if first is None else _shown(first)
        if not any(map(_unknown, shown.types)):
            try:
                _pack(lines, path, shown)
                return
            except pa.ArrowException:
                pass
        schema = pa.schema([])
        for block in _blocks(lines):
            schema = pa.unify_schemas([schema, _shown(block)], promote_options="permissive")
        _pack(lines, path, pa.schema([pa.field(f.name, _settled(f.type, pa.string())) for f in schema]))
    except pa.ArrowException as problem:
        raise Unfit(f"Parquet cannot hold these rows ({problem}); choose JSON lines") from problem


def _pack(lines: Path, path: Path, schema: Any) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in _blocks(lines):
            writer.write_table(_table(block, schema))


def _shown(block: bytes) -> Any:
    """The types that the rows of a block show; null where they show none."""
    import pyarrow as pa

    return pa.schema([pa.field(f.name, _settled(f.type, pa.null())) for f in _table(block).schema])


def _unknown(kind: Any) -> bool:
    """Whether a type is null, or holds one that is."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return _unknown(kind.value_type)
    if pa.types.is_struct(kind):
        return any(_unknown(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pa.types.is_null(kind))


def _blocks(lines: Path) -> Iterator[bytes]:
    """Whole lines, about ``BLOCK`` bytes at a time."""
    with lines.open("rb") as file:
        while block := file.read(BLOCK):
            yield block + file.readline()


def _table(block: bytes, schema: Any = None) -> Any:
    """Rows of JSON lines as an Arrow table, in one piece; without a schema, of the types that they show."""
    import pyarrow as pa
    from pyarrow import json

    found = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "error")
    read = json.ReadOptions(use_threads=False, block_size=len(block) + 1)
    table = json.read_json(pa.BufferReader(block), read_options=read, parse_options=found)
    return table if schema is None else table.select(schema.names).cast(schema)


def _settled(kind: Any, unknown: Any) -> Any:
    """The type with ``unknown`` where only nulls were seen, and text where the reader took texts such as 2026-01-31 for times."""
    import pyarrow as pa

    if pa.types.is_null(kind):
        return unknown
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_settled(kind.value_type, unknown))
    if pa.types.is_struct(kind):
        fields = [kind.field(i) for i in range(kind.num_fields)]
        return pa.struct([pa.field(f.name, _settled(f.type, unknown)) for f in fields]) if fields else unknown
    return kind


def from_parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH):
            yield from batch.to_pylist()


def to_csv(lines: Path, path: Path) -> tuple[str, ...]:
    """Texts as they are, everything else as JSON; returns the columns that hold JSON. Raises ``Unfit`` on NUL."""
    names: dict[str, bool] = {}  # whether it holds JSON
    for rows in batches(lines):
        for row in rows:
            for name, value in row.items():
                names[name] = names.get(name, False) or not isinstance(value, str)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for rows in batches(lines):
            for row in rows:
                cells = [_cell(row.get(name), as_json) for name, as_json in names.items()]
                if any("\0" in cell for cell in cells):
                    raise Unfit("CSV cannot hold the NUL character; choose JSON lines")
                writer.writerow(cells)
    return tuple(name for name, as_json in names.items() if as_json)


def _cell(value: Any, as_json: bool) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() if as_json else str(value or "")


def from_csv(path: Path, json_columns: Iterable[str]) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(max(csv.field_size_limit(), 100_000_000))
    decoded = frozenset(json_columns)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {name: orjson.loads(cell) if name in decoded else cell for name, cell in row.items()}


def to_m2(lines: Path, path: Path) -> None:
    """The M2 blocks of the rows one after the other, which scorers read; raises ``Unfit`` for rows without them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for rows in batches(lines):
            for row in rows:
                if not isinstance(row.get("m2"), str):
                    raise Unfit("only the rows of edit_spans have an M2 form; choose that format, or JSON lines")
                file.write(row["m2"])


def to_zip(path: Path, card: str, data: Path, manifest: bytes) -> None:
    """A folder with README.md, the Parquet file and the manifest; the Parquet file is packed already."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("README.md", _EPOCH), card)
        archive.writestr(zipfile.ZipInfo("manifest.json", _EPOCH), manifest)
        with (
            data.open("rb") as source,
            archive.open(zipfile.ZipInfo(DATA_FILE, _EPOCH), "w", force_zip64=True) as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)


def from_zip(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of such a folder; they pass through a temporary file, as Parquet is read from its end."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        target = Path(folder) / "rows.parquet"
        with archive.open(DATA_FILE) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        yield from from_parquet(target)
