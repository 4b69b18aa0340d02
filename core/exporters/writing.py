"""Writes rows to a file beside a manifest that says what they are: schema version, filters, licence notes, count and hash."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from core.exporters import containers
from core.exporters.base import Exporter, ExportRecord
from core.exporters.containers import Container
from core.exporters.lines import OPTIONS, Checkpoint, LineFile, Row, Unwritable, typed_lines_first, write_records


class BadExport(ValueError):
    """A row that JSON cannot hold, or a file that does not match its manifest."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """``sha256`` is of the file's bytes; ``filters`` and ``licence`` say what may be in it and what may be done with it.

    ``rows_sha256`` is of the rows as JSON lines, whatever the container: equal rows have equal ones. It is empty for JSON lines, whose
    file hash it would be. ``dropped`` counts rows that could have been, by why they are not there.
    """

    format: str
    schema_version: int
    rows: int
    sha256: str
    filters: dict[str, Any]
    licence: str
    created_at: str  # ISO 8601
    container: Container = "jsonl"
    rows_sha256: str = ""
    json_columns: tuple[str, ...] = ()  # of a CSV file
    dropped: dict[str, int] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """As JSON, without what has its default."""
        told = asdict(self)
        rare = {"container": "jsonl", "rows_sha256": "", "json_columns": (), "dropped": {}}
        plain = {name: value for name, value in told.items() if name not in rare or value != rare[name]}
        return orjson.dumps(plain, option=OPTIONS | orjson.OPT_INDENT_2)


def typed_first(rows: Iterable[Row], shows: Sequence[Callable[[Row], bool]]) -> Iterator[Row]:
    """The same rows with one in front for which each of ``shows`` holds, if there is one; the others keep their order.

    ``datasets`` infers types from the first 10 MB and then refuses a value where it saw only null. Rows wait on disk, not in memory.
    """
    missing = list(shows)
    with tempfile.SpooledTemporaryFile(max_size=1_000_000) as waiting:
        rest = iter(rows)
        while missing and (row := next(rest, None)) is not None:
            if any(show(row) for show in missing):
                missing = [show for show in missing if not show(row)]
                yield row
            else:
                waiting.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        waiting.seek(0)
        yield from (orjson.loads(line) for line in waiting)
        yield from rest


def manifest_path(path: Path) -> Path:
    return path.with_name(path.name + ".meta.json")


def write_export(
    path: Path,
    exporter: Exporter,
    records: Iterable[ExportRecord],
    *,
    filters: Mapping[str, Any],
    licence: str,
    created_at: str,
    on_row: Callable[[int], None] | None = None,
    container: Container = "jsonl",
    card: Callable[[Manifest], str] | None = None,
    taken_up: LineFile | None = None,
    on_checkpoint: Callable[[Callable[[], Checkpoint]], None] | None = None,
) -> Manifest:
    """Stream the rows to ``path`` and the manifest to ``path.meta.json``; a half-written file never stands under ``path``.

    ``on_row`` hears the count so far and may raise to stop. ``card`` writes the card of a data set from its manifest. ``taken_up``
    holds the rows of all records before these; it then is the caller's to delete where this fails. Raises ``BadExport`` naming the
    row that JSON cannot hold, or the column that the container cannot.
    """
    partial = taken_up.path if taken_up else path.with_name(path.name + ".partial")
    packed = path.with_name(path.name + ".packed.partial")
    lines = taken_up or LineFile(partial)
    done = False
    try:
        try:
            write_records(lines, exporter, records, on_row, on_checkpoint)
        finally:
            lines.close()
        digest = _in_order(partial, packed, exporter) or lines.sha256
        manifest = Manifest(
            exporter.name, exporter.schema_version, lines.rows, digest, dict(filters), licence, created_at
        )
        manifest = replace(manifest, dropped=dict(sorted(exporter.dropped.items())))
        if container != "jsonl":
            manifest = _pack(partial, packed, manifest, container, card)
            os.replace(packed, partial)
        os.replace(partial, path)
        done = True
    except (containers.Unfit, Unwritable) as problem:
        raise BadExport(str(problem)) from problem
    finally:
        packed.unlink(missing_ok=True)
        if done or taken_up is None:
            partial.unlink(missing_ok=True)
    meta = manifest_path(path).with_suffix(".partial")
    meta.write_bytes(manifest.to_bytes())
    os.replace(meta, manifest_path(path))
    return manifest


def _in_order(lines: Path, other: Path, exporter: Exporter) -> str:
    """Put those rows first that show every type, where the format asks for it; the new hash, or nothing where all stays as it is."""
    if not (exporter.local and exporter.shows and typed_lines_first(lines, other, exporter.shows)):
        return ""
    os.replace(other, lines)
    return file_hash(lines)


def _pack(
    lines: Path, packed: Path, manifest: Manifest, container: Container, card: Callable[[Manifest], str] | None
) -> Manifest:
    """The same rows in another container, and what the manifest says of them."""
    manifest = replace(manifest, container=container, rows_sha256=manifest.sha256)
    if container == "csv":
        manifest = replace(manifest, json_columns=containers.to_csv(lines, packed))
    elif container == "parquet":
        containers.to_parquet(lines, packed)
    elif container == "m2":
        containers.to_m2(lines, packed)
    else:
        data = packed.with_suffix(".parquet.partial")
        try:
            containers.to_parquet(lines, data)
            inner = replace(manifest, container="parquet", sha256=file_hash(data))
            containers.to_zip(packed, card(inner) if card else "", data, inner.to_bytes())
        finally:
            data.unlink(missing_ok=True)
    return replace(manifest, sha256=file_hash(packed))


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(path: Path) -> Manifest:
    """The manifest beside ``path``; raises ``BadExport`` when there is none or it is not one."""
    try:
        told = orjson.loads(manifest_path(path).read_bytes())
        return Manifest(**{**told, "json_columns": tuple(told.get("json_columns", ()))})
    except (OSError, TypeError, AttributeError, orjson.JSONDecodeError) as problem:
        raise BadExport(f"{manifest_path(path).name} is missing or not a manifest; export again") from problem


def read_rows(path: Path, manifest: Manifest) -> Iterator[Row]:
    """The rows of a written file; raises ``BadExport`` when the file was changed after it was written."""
    changed = BadExport(f"{path.name} is not the file its manifest describes; export again")
    if manifest.container == "m2":
        raise BadExport(
            f"{path.name} holds words without their spacing and comes back as no rows; export JSON lines too"
        )
    if manifest.container != "jsonl":
        if file_hash(path) != manifest.sha256:
            raise changed
        yield from (
            containers.from_csv(path, manifest.json_columns)
            if manifest.container == "csv"
            else containers.from_parquet(path)
            if manifest.container == "parquet"
            else containers.from_zip(path)
        )
        return
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for line in file:
            digest.update(line)
            yield orjson.loads(line)
    if digest.hexdigest() != manifest.sha256:
        raise changed


def read_export(path: Path, exporter: Exporter) -> Iterator[ExportRecord]:
    """The records of an export; raises ``BadExport`` when the file was changed after it was written."""
    for row in read_rows(path, read_manifest(path)):
        yield exporter.read(row)
