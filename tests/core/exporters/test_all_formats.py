"""Every format: golden rows, the columns that its trainer asks for, loaded by ``datasets`` from every container, and read back."""

from __future__ import annotations

import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.exporters import REGISTRY
from core.exporters.base import EXTRAS, Need
from core.exporters.card import Annotator, People, Source, card
from core.exporters.carrying import COLUMN
from core.exporters.containers import DATA_FILE, SUFFIXES, Container
from core.exporters.writing import BadExport, Manifest, read_export, read_rows, write_export
from core.types import Verdict
from tests.core.exporters.records import RICH, attempt, item

DATA = Path(__file__).parents[2] / "data"
NAMES = REGISTRY.names()
CHAT = [{"role": str, "content": str}]
TURN = {"from": str, "value": str}
PAIR = {"prompt": CHAT, "completion": CHAT}
MASKED = {**PAIR, "segments": [{"text": str, "train": bool}], "train_spans": [[int]]}
# what the trainers' own documentation asks for (TRL: dataset formats; LLaMA-Factory: data/README), or the paper's repository
COLUMNS: dict[str, dict[str, Any]] = {
    "sft": {"messages": CHAT},
    "sft_llamafactory": {"instruction": str, "input": str, "output": str, "system": str},
    "dpo": {"prompt": CHAT, "chosen": CHAT, "rejected": CHAT},
    "dpo_llamafactory": {"conversations": [TURN], "chosen": TURN, "rejected": TURN, "system": str},
    "kto": {**PAIR, "label": bool},
    "kto_llamafactory": {"messages": CHAT, "label": bool},
    "prm800k": {"question": dict, "label": dict},
    "prm_chat": {"messages": CHAT, "train": [bool]},
    "prm_stepwise": {"prompt": str, "completions": [str], "labels": [bool]},
    "math_shepherd": {"input": str, "label": str, "task": str},
    "critique_initial": PAIR,
    "critique_in_depth": {**PAIR, "step": int},
    "critique_sft": {**PAIR, "label": int},
    "critique_rl": {"prompt": CHAT, "label": int, "steps": int},
    "critique_refine": PAIR,
    "cross_dpo": {"prompt": str, "chosen": str, "rejected": str, "first_error_step": int, "inspector": dict},
    "thought_template": PAIR,
    "fix_continue": {"messages": CHAT, "transition": str, "first_error_step": int, "error_type": str},
    "fresh_restart": {"messages": CHAT, "transition": str, "first_error_step": int, "error_type": str},
    "intervention": {**MASKED, "location": int, "intervention": str, "add_eos": bool},
    "draft_to_reference": {**MASKED, "draft": str, "kind": str},
    "draft_to_fix": {**MASKED, "drafts": [str]},
    "revise": {"draft": str, "revise": [{"org": str, "target": str, "kind": str}], "result": str, "loss_spans": [[int]], "round": int},
    "revise_equal": {"draft": str, "revise": [{"org": str, "target": str, "kind": str}], "result": str, "loss_spans": [[int]]},
    "cct": {**PAIR, "kind": str},
    "orpo": {"prompt": CHAT, "chosen": CHAT, "rejected": CHAT, "scores": dict},
    "orm": {"prompt": str, "solution": str, "label": int},
    "sorm": {"prompt": str, "prefix": str, "k": int, "n": int, "n_success": int, "label": int},
    "refine_global": PAIR,
    "refine_local": {**PAIR, "first_error_step": int},
    "edit_spans": {**PAIR, "mode": str, "source": str, "target": str, "m2": str},
    "edit_pairs": {"doc_id": str, "segment_id": int, "source": str, "edits": [dict], "target": str},
    "synthetic_errors": {"source": str, "target": str, "edits": [dict], "errors": int, "seed": int},
    "two_attempts": {"prompt": CHAT, "first": CHAT, "second": CHAT, "r1": int, "r2": int, "shaped": float, "on_policy": bool},
}  # fmt: skip
WHAT: dict[str, Any] = {"filters": {}, "licence": "CC0", "created_at": "2026-03-01T10:00:00+00:00"}


def rows(name: str) -> list[dict[str, Any]]:
    return list(REGISTRY.make(name).rows(RICH))


def written(name: str, folder: Path) -> list[dict[str, Any]]:
    """The rows as they stand in a file: those of the format, with what they carry for the way back."""
    path = folder / "plain.jsonl"
    write_export(path, REGISTRY.make(name), RICH, **WHAT)
    found = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    told = {"item", "output", "outputs", "source"}
    bare = [{**row, COLUMN: {k: v for k, v in row[COLUMN].items() if k not in told}} for row in found]
    assert bare == [{**row, COLUMN: {k: v for k, v in row[COLUMN].items() if k not in told}} for row in rows(name)]
    return found


def golden(name: str) -> Path:
    plain = DATA / f"export_{name}.jsonl"
    return plain if plain.exists() else DATA / "exports" / f"{name}.jsonl"


def fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, list):
        return isinstance(value, list) and all(fits(one, kind[0]) for one in value)
    if isinstance(kind, dict):
        return isinstance(value, dict) and all(name in value and fits(value[name], k) for name, k in kind.items())
    return type(value) is kind


def test_every_format_is_checked() -> None:
    assert set(NAMES) == set(COLUMNS)
    assert all(golden(name).stat().st_size for name in NAMES)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"sft", "dpo", "prm800k"}))  # those have a file of fewer records
def test_golden_rows(name: str) -> None:
    assert rows(name) == [orjson.loads(line) for line in golden(name).read_bytes().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_columns_and_types_are_the_trainers(name: str) -> None:
    got = rows(name)
    assert got and all(fits(row, COLUMNS[name]) for row in got)
    assert all(list(row) == list(got[0]) for row in got)  # one schema for all rows
    for row in got:
        for column in ("prompt", "completion", "messages", "chosen", "rejected"):
            if fits(row.get(column), CHAT):
                assert row[column] and row[column][-1]["content"].strip()
                roles = [m["role"] for m in row[column] if m["role"] != "system"]
                assert all(a != b for a, b in pairwise(roles)), "turns alternate"


@pytest.mark.parametrize("name", NAMES)
def test_members_say_what_they_are_and_need(name: str) -> None:
    exporter = REGISTRY.make(name)
    assert exporter.name == name and len(exporter.title) > 5
    assert exporter.needs and all(isinstance(need, Need) for need in exporter.needs)
    assert exporter.extras <= set(EXTRAS)
    assert list(exporter.rows([])) == [] and not exporter.dropped
    if not exporter.readable:
        with pytest.raises(ValueError, match="cannot be read back"):
            exporter.read(rows(name)[0])


def test_titles_are_all_different() -> None:
    titles = [REGISTRY.make(name).title for name in NAMES]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", [n for n in NAMES if REGISTRY.make(n).readable])
def test_what_is_read_and_written_again_is_the_same(name: str) -> None:
    exporter = REGISTRY.make(name)
    for row in rows(name):
        back = exporter.read(orjson.loads(orjson.dumps(row)))
        again = list(REGISTRY.make(name).rows([back]))
        assert len(again) == 1
        apart = {"corrigenda", "doc_id", "segment_id"}
        same = {k: v for k, v in again[0].items() if k not in apart}
        assert same == {k: v for k, v in row.items() if k not in apart}
        kept = {k: row["corrigenda"][k] for k in ("item", "external_id") if k in row["corrigenda"]}
        assert kept == {k: again[0]["corrigenda"][k] for k in kept}


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        ("kto", {"label": "yes"}, "'label' must be true or false"),
        ("kto", {"completion": []}, "'completion'"),
        ("kto_llamafactory", {"messages": [{"role": "user", "content": "x"}]}, "end with a message of the assistant"),
        ("sft_llamafactory", {"output": 3}, "must be texts"),
        ("dpo_llamafactory", {"chosen": "x"}, "'chosen'"),
        ("math_shepherd", {"label": "x"}, "'label' must be 'input' with"),
        ("math_shepherd", {"input": "no steps", "corrigenda": {}}, "Step 1"),
        ("edit_spans", {"target": "x"}, "not what 'edits' make"),
        ("edit_pairs", {"edits": [{"error": "zebra", "correction": "x"}]}, "does not stand in the text"),
        ("edit_pairs", {"source": None}, "'source' must be a text"),
    ],
)
def test_a_wrong_field_is_named(name: str, damage: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        REGISTRY.make(name).read({**rows(name)[0], **damage})


def test_no_reference_answer_is_written_but_where_it_belongs() -> None:
    with_gold = {name for name in NAMES if b"GOLD" in orjson.dumps(rows(name))}
    assert with_gold == {"prm800k"}


# --- containers


@pytest.mark.parametrize("container", ["jsonl", "parquet", "csv", "dataset"])
@pytest.mark.parametrize("name", NAMES)
def test_every_container_brings_the_rows_back(name: str, container: Container, tmp_path: Path) -> None:
    path = tmp_path / f"x{SUFFIXES[container]}"
    made = write_export(path, REGISTRY.make(name), RICH, **WHAT, container=container)
    assert made.container == container and made.rows == len(rows(name))
    back = [without_nulls(row) for row in read_rows(path, made)]
    assert back == [without_nulls(row) for row in written(name, tmp_path)]
    (tmp_path / "plain.jsonl").unlink()
    again = write_export(tmp_path / "again", REGISTRY.make(name), RICH, **WHAT, container=container)
    assert again == made and (tmp_path / "again").read_bytes() == path.read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def without_nulls(value: Any) -> Any:
    """Parquet has every field of an object in every row, null where there was none."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", NAMES)
def test_datasets_loads_every_format(name: str, tmp_path: Path) -> None:
    from datasets import load_dataset

    got = written(name, tmp_path)
    for container in ("jsonl", "parquet"):
        path = tmp_path / f"{name}{SUFFIXES[container]}"  # type: ignore[index]
        write_export(path, REGISTRY.make(name), RICH, **WHAT, container=container)  # type: ignore[arg-type]
        kind = "json" if container == "jsonl" else "parquet"
        loaded = load_dataset(kind, data_files=str(path), cache_dir=str(tmp_path / "cache"), split="train")
        assert [without_nulls(row) for row in loaded] == [without_nulls(row) for row in got]
        assert set(COLUMNS[name]) <= set(loaded.column_names)


def test_a_data_set_folder_loads_as_its_card_says(tmp_path: Path) -> None:
    from datasets import load_dataset

    exporter, path = REGISTRY.make("kto_llamafactory"), tmp_path / "x.zip"
    source = Source(
        "Prices | sums", People((Annotator(1, 3, 4.5, {"faulty": 3}),), 4, 3), "A summary.", {"too short": 2}
    )
    manifest = write_export(
        path, exporter, RICH, **{**WHAT, "filters": {"verdict": "faulty"}}, container="dataset",
        card=lambda made: card(made, exporter, source, DATA_FILE),
    )  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["README.md", "manifest.json", DATA_FILE]
        archive.extractall(tmp_path / "folder")
    loaded = load_dataset(str(tmp_path / "folder"), cache_dir=str(tmp_path / "cache"), split="train")
    assert len(loaded) == manifest.rows == len(rows("kto_llamafactory"))
    text = (tmp_path / "folder/README.md").read_text()
    inner = Manifest(**orjson.loads((tmp_path / "folder/manifest.json").read_bytes()))
    for said in (
        "Prices \\| sums", "verdict: faulty", "CC0", inner.sha256, str(manifest.rows_sha256), "schema version 1",
        "| 1 | 3 | 4.5 | faulty 3 |", "0.75 of 4 pairs", "- 2: too short", '"kto_tag": "label"', "license_name",
    ):  # fmt: skip
        assert said in text, said
    assert list(read_export(path, exporter))


def test_what_a_container_cannot_hold_is_said(tmp_path: Path) -> None:
    record = item(1, attempt(1, steps=("a\0b",), verdict=Verdict.ACCEPTABLE))
    with pytest.raises(BadExport, match="CSV cannot hold the NUL character; choose JSON lines"):
        write_export(tmp_path / "x", REGISTRY.make("sft_llamafactory"), [record], **WHAT, container="csv")
    assert list(tmp_path.iterdir()) == []


def test_a_changed_container_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    made = write_export(path, REGISTRY.make("sft"), RICH, **WHAT, container="csv")
    path.write_text(path.read_text() + "x")
    with pytest.raises(BadExport, match="not the file its manifest describes"):
        list(read_rows(path, made))


def test_no_rows_fit_in_every_container(tmp_path: Path) -> None:
    for container in SUFFIXES:
        made = write_export(tmp_path / container, REGISTRY.make("sft"), [], **WHAT, container=container)
        assert made.rows == 0
        if container == "m2":  # which is no way back
            assert (tmp_path / container).read_bytes() == b""
        else:
            assert list(read_rows(tmp_path / container, made)) == []


def test_the_manifest_says_what_was_left_out(tmp_path: Path) -> None:
    made = write_export(tmp_path / "x", REGISTRY.make("intervention"), RICH, **WHAT)
    assert made.dropped == {"the step gives the final answer away": 3}
