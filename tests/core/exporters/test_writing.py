"""Files of rows beside their manifests: same bytes every time, whole or not there, and changed files are noticed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from core.exporters import REGISTRY
from core.exporters.writing import BadExport, Manifest, manifest_path, read_export, read_manifest, write_export
from tests.core.exporters.records import RECORDS, attempt, item

WHAT = {"filters": {"verdict": "acceptable"}, "licence": "MIT", "created_at": "2026-03-01T10:00:00+00:00"}


def write(path: Path, name: str = "sft", records: object = RECORDS, **more: object) -> Manifest:
    return write_export(path, REGISTRY.make(name), records, **{**WHAT, **more})  # type: ignore[arg-type]


def test_rows_and_manifest(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    manifest = write(path)
    data = path.read_bytes()
    assert data.endswith(b"}\n") and not data.endswith(b"\n\n")
    assert len(data.splitlines()) == manifest.rows == 3
    assert manifest.sha256 == hashlib.sha256(data).hexdigest()
    assert all(list(row) == sorted(row) for row in map(orjson.loads, data.splitlines()))
    meta = orjson.loads((tmp_path / "out.jsonl.meta.json").read_bytes())
    assert meta == {"format": "sft", "schema_version": 1, "rows": 3, "sha256": manifest.sha256, **WHAT}
    assert read_manifest(path) == manifest
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.jsonl", "out.jsonl.meta.json"]


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a").sha256 == write(tmp_path / "b").sha256


def test_no_rows_is_an_empty_file(tmp_path: Path) -> None:
    assert write(tmp_path / "a", records=[]).rows == 0
    assert (tmp_path / "a").read_bytes() == b""


@pytest.mark.parametrize("name", ["sft", "dpo", "prm800k"])
def test_an_export_is_read_back(name: str, tmp_path: Path) -> None:
    manifest = write(tmp_path / "a", name)
    back = list(read_export(tmp_path / "a", REGISTRY.make(name)))
    assert len(back) == manifest.rows
    assert {r.external_id for r in back} <= {r.external_id for r in RECORDS}


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write(path)
    path.write_bytes(path.read_bytes().replace(b"Think", b"Blink"))
    with pytest.raises(BadExport, match="not the file its manifest describes"):
        list(read_export(path, REGISTRY.make("sft")))
    manifest_path(path).write_bytes(b"[]")
    with pytest.raises(BadExport, match="export again"):
        read_manifest(path)
    manifest_path(path).unlink()
    with pytest.raises(BadExport, match="export again"):
        read_manifest(path)


def test_an_export_that_is_stopped_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    before = write(path)

    def stop(count: int) -> None:
        if count == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, records=RECORDS[::-1], on_row=stop)
    assert read_manifest(path) == before
    assert len(list(read_export(path, REGISTRY.make("sft")))) == 3
    assert not list(tmp_path.glob("*.partial"))


def test_what_json_cannot_hold_names_the_row(tmp_path: Path) -> None:
    broken = item(9, replace(attempt(91), text="half \ud83d", verdict=RECORDS[0].attempts[0].verdict))
    with pytest.raises(BadExport, match="row 2 cannot be written"):
        write(tmp_path / "a", records=[RECORDS[0], broken])
    assert not (tmp_path / "a").exists()


def test_records_are_streamed(tmp_path: Path) -> None:
    taken: list[int] = []

    def records():
        for number in range(5):
            taken.append(number)
            yield RECORDS[0]

    write(tmp_path / "a", records=records(), on_row=lambda count: taken.append(-count))
    assert taken == [0, -1, 1, -2, 2, -3, 3, -4, 4, -5]
