"""Files of rows that are taken up again: same bytes from any checkpoint, and from the beginning where the half is not what it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from core.exporters import REGISTRY, containers, lines
from core.exporters.base import ExportRecord
from core.exporters.lines import Checkpoint, LineFile, typed_lines_first, write_records
from core.exporters.writing import Manifest, typed_first, write_export
from tests.core.exporters.records import RICH

NAMES = REGISTRY.names()
LOCAL = [name for name in NAMES if REGISTRY.make(name).local]


class Killed(Exception):
    pass


def write(path: Path, name: str, records: list[ExportRecord], taken_up: LineFile | None = None) -> Manifest:
    exporter = REGISTRY.make(name)
    return write_export(path, exporter, records, filters={}, licence="", created_at="", taken_up=taken_up)


@pytest.mark.parametrize("name", LOCAL)
def test_taken_up_anywhere_the_bytes_are_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "STRIDE", 2)
    whole = write(tmp_path / "whole", name, list(RICH))
    seen: list[Checkpoint] = []
    file = LineFile(tmp_path / "half")
    write_records(file, REGISTRY.make(name), RICH, on_checkpoint=lambda make: seen.append(make()))
    file.close()
    assert len(seen) == -(-len(RICH) // 2)
    for point in seen:
        assert Checkpoint.from_json(orjson.loads(orjson.dumps(point.to_json()))) == point
        again = LineFile.take_up(tmp_path / "again", tmp_path / "half", point)
        assert (again.rows, again.after, again.sha256) == (point.rows, point.after, point.sha256)
        rest = [record for record in RICH if record.item_id > point.after]
        made = write(tmp_path / "made", name, rest, again)
        assert made == whole and (tmp_path / "made").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("name", [name for name in NAMES if not REGISTRY.make(name).steps])
def test_formats_that_say_so_need_no_steps(name: str) -> None:
    bare = [
        replace(
            record,
            attempts=tuple(
                replace(a, steps=(), step_labels=(), alternatives=(), seconds=None, reviewed_at=None)
                for a in record.attempts
            ),
        )
        for record in RICH
    ]
    assert list(REGISTRY.make(name).rows(bare)) == list(REGISTRY.make(name).rows(RICH))


def test_a_half_that_is_not_what_it_was_is_begun_anew(tmp_path: Path) -> None:
    seen: list[Checkpoint] = []
    file = LineFile(tmp_path / "half")
    write_records(file, REGISTRY.make("sft"), RICH, on_checkpoint=lambda make: seen.append(make()))
    file.close()
    data = (tmp_path / "half").read_bytes()
    for damage in (data[:-1], data.replace(b"Think", b"Blink"), None):
        (tmp_path / "half").unlink() if damage is None else (tmp_path / "half").write_bytes(damage)
        again = LineFile.take_up(tmp_path / "again", tmp_path / "half", seen[-1])
        assert (again.rows, again.after, again.size) == (0, 0, 0) and (tmp_path / "again").read_bytes() == b""
        again.close()
    with pytest.raises(ValueError, match="no checkpoint"):
        Checkpoint.from_json({"rows": 1})


def test_lines_are_put_first_as_rows_are(tmp_path: Path) -> None:
    shows = (lambda r: r["b"] is not None, lambda r: r["c"] is not None)
    for many in ([3, 5], [0, 1], [0], [6, 2], []):
        rows = [{"a": i, "b": 1 if i in many[:1] else None, "c": 2 if i in many[1:] else None} for i in range(7)]
        (tmp_path / "in").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        changed = typed_lines_first(tmp_path / "in", tmp_path / "out", shows)
        got = (tmp_path / ("out" if changed else "in")).read_bytes().splitlines()
        assert [orjson.loads(line) for line in got] == list(typed_first(rows, shows))
        assert changed == (many in ([3, 5], [6, 2]))


def test_texts_that_look_like_times_stay_texts_in_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "BLOCK", 40)  # so that the types of several blocks must be joined
    rows = [
        {"a": "2026-01-31", "b": [{"c": None, "d": 1}]},
        {"a": "2026-01-31T10:00:00", "b": [{"c": "2026-02-01", "d": 2}]},
    ]
    rows += [{"a": "no day", "b": [{"c": "none", "d": 2.5}]}, {"a": None, "b": []}]
    (tmp_path / "in").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    containers.to_parquet(tmp_path / "in", tmp_path / "out")
    assert list(containers.from_parquet(tmp_path / "out")) == rows
