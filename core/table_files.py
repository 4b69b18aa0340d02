"""Raw rows of people's files: JSONL, a JSON array, CSV or Parquet; what cannot be read becomes an error, never a stop.

Memory is bounded by one row (one batch for Parquet) except for a JSON array, which is read whole up to a limit.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import orjson

Format = Literal["jsonl", "json", "csv", "parquet"]

MAX_LINE_BYTES = 50_000_000
PIECE_BYTES = 1_000_000
MAX_ARRAY_BYTES = 500_000_000
BATCH_ROWS = 256
_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was left out; ``message`` says what to do. Number 0 is the file as a whole."""

    number: int
    message: str


Raw = tuple[int, Mapping[str, Any] | RowError]


def sniff(path: Path) -> Format:
    """The format by content, or else by suffix; raises ``ValueError`` when neither tells."""
    with path.open("rb") as file:
        head = file.read(65536)
    if head[:4] == b"PAR1":
        return "parquet"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"[":
        return "json"
    if start == b"{":
        return "jsonl" if path.suffix.lower() != ".json" or _is_json(head.lstrip().split(b"\n")[0]) else "json"
    if (by_suffix := _SUFFIXES.get(path.suffix.lower())) is not None:
        return by_suffix
    first = head.split(b"\n")[0]
    if any(mark in first for mark in (b",", b";", b"\t")):
        return "csv"
    raise ValueError(
        f"{path.name}: neither JSONL, JSON, CSV nor Parquet; name the file .jsonl, .json, .csv or .parquet"
    )


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line.removeprefix(b"\xef\xbb\xbf")), dict)
    except orjson.JSONDecodeError:
        return False


def raw_rows(path: Path, format: Format | None = None) -> Iterator[Raw]:
    """(number from 1, row or error) in the file's order; a file that cannot be read gives one error with the number 0."""
    try:
        kind = format or sniff(path)
        if kind == "parquet":
            yield from _parquet(path)
        else:
            with path.open("rb") as file:
                yield from {"jsonl": _jsonl, "json": _array, "csv": _csv}[kind](file)
    except (OSError, ValueError) as problem:
        yield 0, RowError(0, f"The file cannot be read: {problem}")


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Lines without their end; ``None`` for one above ``MAX_LINE_BYTES``, which is read past piece by piece."""
    pieces: list[bytes] = []
    size = 0
    while piece := file.readline(PIECE_BYTES):
        size += len(piece)
        if size <= MAX_LINE_BYTES:
            pieces.append(piece)
        else:
            pieces.clear()
        if piece.endswith(b"\n"):
            yield b"".join(pieces).rstrip(b"\r\n") if pieces else None
            pieces, size = [], 0
    if size:
        yield b"".join(pieces).rstrip(b"\r\n") if pieces else None


def _jsonl(file: BinaryIO) -> Iterator[Raw]:
    number = 0
    for place, line in enumerate(_lines(file)):
        if line is not None and not (line := line.removeprefix(b"\xef\xbb\xbf") if place == 0 else line).strip():
            continue
        number += 1
        yield number, _too_long(number) if line is None else _json_row(number, line)


def _too_long(number: int) -> RowError:
    return RowError(
        number, f"The line is longer than {MAX_LINE_BYTES // 1_000_000} MB; split it or shorten its fields."
    )


def _json_row(number: int, line: bytes) -> Mapping[str, Any] | RowError:
    try:
        row = _loads(line)
    except orjson.JSONDecodeError as problem:
        if (at := _bad_byte(line)) is not None:
            return RowError(number, f"Byte {at + 1} of the line is not UTF-8; save the file as UTF-8.")
        return RowError(number, f"Not valid JSON ({problem}); correct the line.")
    return _object(number, row)


def _loads(data: bytes) -> Any:
    """JSON whose texts may hold halves of surrogate pairs (cut emoji): they become U+FFFD."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as problem:
        if "surrogate" not in str(problem) or _bad_byte(data) is not None:
            raise
    text = json.dumps(json.loads(data), ensure_ascii=False)
    return orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _bad_byte(line: bytes) -> int | None:
    try:
        line.decode()
    except UnicodeDecodeError as problem:
        return problem.start
    return None


def _object(number: int, row: object) -> Mapping[str, Any] | RowError:
    if isinstance(row, dict):
        return row
    return RowError(number, f'The row is {called(row)}, not an object; write it as {{"prompt": ...}}.')


def _array(file: BinaryIO) -> Iterator[Raw]:
    data = file.read(MAX_ARRAY_BYTES + 1)
    if len(data) > MAX_ARRAY_BYTES:
        raise ValueError(
            f"a JSON array above {MAX_ARRAY_BYTES // 1_000_000} MB does not fit in memory; save it as JSONL"
        )
    try:
        rows = _loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as problem:
        if (at := _bad_byte(data)) is not None:
            raise ValueError(f"byte {at + 1} is not UTF-8; save the file as UTF-8") from problem
        raise ValueError(
            f"not valid JSON ({problem}); a file with one object per line must be named .jsonl"
        ) from problem
    if isinstance(rows, dict):
        lists = [value for value in rows.values() if isinstance(value, list)]
        rows = lists[0] if len(lists) == 1 else [rows]
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        yield number, _object(number, row)


class _CsvLines(Iterator[str]):
    """Decoded lines for the csv module; notes bytes that are not UTF-8 and lines that are too long."""

    def __init__(self, file: BinaryIO) -> None:
        self._lines = _lines(file)
        self._first = True
        self.problem: str | None = None

    def __next__(self) -> str:
        line = next(self._lines)
        if line is None:
            self.problem = f"A line is longer than {MAX_LINE_BYTES // 1_000_000} MB; split it or shorten its fields."
            return "\n"
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        try:
            return line.decode() + "\n"
        except UnicodeDecodeError as problem:
            self.problem = f"Byte {problem.start + 1} of a line is not UTF-8; save the file as CSV UTF-8."
            return line.decode(errors="replace") + "\n"


def _csv(file: BinaryIO) -> Iterator[Raw]:
    head = file.read(65536).decode(errors="replace")
    file.seek(0)
    lines = _CsvLines(file)
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(lines, delimiter=_delimiter(head), strict=True)
    first = _next_cells(reader) or []
    if isinstance(first, csv.Error):
        raise ValueError(f"the header line cannot be split into fields ({first}); save the file as CSV UTF-8")
    if not (header := [name.strip() for name in first]):
        return
    if not any(header):
        raise ValueError("the header line names no columns; write the column names in the first line")
    header = [name or f"column {place}" for place, name in enumerate(header, 1)]
    if lines.problem or len(set(header)) < len(header):
        raise ValueError(lines.problem or "two columns have the same name; rename one")
    number = 0
    while (cells := _next_cells(reader)) is not None:
        if cells == [] and lines.problem is None:
            continue
        number += 1
        problem, lines.problem = lines.problem, None
        yield number, _csv_row(number, header, cells, problem)


def _next_cells(reader: Any) -> list[str] | csv.Error | None:
    try:
        return cast(list[str], next(reader))
    except StopIteration:
        return None
    except csv.Error as problem:
        return problem


def _csv_row(
    number: int, header: list[str], cells: list[str] | csv.Error, problem: str | None
) -> Mapping[str, Any] | RowError:
    if problem is not None:
        return RowError(number, problem)
    if isinstance(cells, csv.Error):
        return RowError(
            number, f"The row cannot be split into fields ({cells}); double every quote inside a quoted field."
        )
    if len(cells) != len(header):
        return RowError(
            number, f"The row has {len(cells)} fields, the header {len(header)}; quote fields that hold the delimiter."
        )
    return dict(zip(header, cells, strict=True))


def _delimiter(head: str) -> str:
    """The one of tab, semicolon and comma that parts the header into most fields and whose count the next rows share."""
    scores = {}
    for mark in (",", ";", "\t"):
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=mark)
        cells = islice(iter(lambda reader=reader: _next_cells(reader), None), 20)  # type: ignore[misc]
        rows = [row for row in cells if isinstance(row, list) and row]
        width = len(rows[0]) if rows else 0
        scores[mark] = (width > 1, sum(len(row) == width for row in rows) if width > 1 else 0, width)
    return max(scores, key=lambda mark: scores[mark])


def _parquet(path: Path) -> Iterator[Raw]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except pa.ArrowException as problem:
        raise ValueError(f"not a whole Parquet file ({problem}); copy it again") from problem
    number = 0
    with file:
        for group in range(file.num_row_groups):
            try:
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[group]):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row
            except (pa.ArrowException, OSError, ValueError) as problem:
                number += 1
                yield number, RowError(number, f"Row group {group + 1} is damaged ({problem}); copy the file again.")


def called(value: object) -> str:
    """The kind of a JSON value in plain words."""
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "empty",
        bytes: "binary data",
    }
    return names.get(type(value), "a number" if isinstance(value, int | float) else f"a {type(value).__name__}")
