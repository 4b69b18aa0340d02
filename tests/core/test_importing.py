"""People's files, good and broken: every bad row is an error that says what to do, and every good row around it arrives."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import table_files
from core.importing import ColumnMapping, NewRow, columns, guess_mapping, preview, read_rows
from core.table_files import RowError, sniff
from tests.pictures import file as picture

PROMPT = ColumnMapping("prompt", context="context", external_id="id", meta=("topic",))


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def split(path: Path, mapping: ColumnMapping = PROMPT, **more: Any) -> tuple[list[NewRow], list[RowError]]:
    rows = list(read_rows(path, mapping, **more))
    return [r for r in rows if isinstance(r, NewRow)], [r for r in rows if isinstance(r, RowError)]


def parquet(path: Path, table: dict[str, list[Any]], **more: Any) -> Path:
    import pyarrow as pa
    from pyarrow import parquet as pq

    pq.write_table(pa.table(table), path, **more)
    return path


# --- good files


def test_jsonl_with_bom_blank_lines_and_crlf(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"id": "a", "prompt": "Eins \\u00fc", "topic": {"x": [1]}}\r\n\r\n  \r\n'
    data += b'{"id": 7, "prompt": "2 \xf0\x9f\x91\x8d", "context": "c"}'
    good, bad = split(write(tmp_path, "x.jsonl", data))
    assert bad == []
    assert [(r.number, r.external_id, r.prompt, r.context, r.meta) for r in good] == [
        (1, "a", "Eins ü", "", {"topic": {"x": [1]}}),
        (2, "7", "2 👍", "c", {}),
    ]


def test_json_array_and_wrapped_array(tmp_path: Path) -> None:
    for text in ('[{"prompt": "a"}, {"prompt": "b"}]', '{\n "rows": [{"prompt": "a"},\n {"prompt": "b"}], "n": 2}'):
        good, bad = split(write(tmp_path, "x.json", text))
        assert [r.prompt for r in good] == ["a", "b"]
        assert bad == []


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_with_quotes_newlines_and_any_delimiter(tmp_path: Path, mark: str) -> None:
    lines = [
        mark.join(("id", "prompt", "context")),
        mark.join(("1", f'"two\r\nlines{mark} ""quoted"""', "c; d, e" if mark == "\t" else "c")),
        "",
        mark.join(("2", "x", "")),
    ]
    good, bad = split(write(tmp_path, "x.csv", "\ufeff" + "\r\n".join(lines)))
    assert bad == []
    assert [(r.external_id, r.prompt) for r in good] == [("1", f'two\nlines{mark} "quoted"'), ("2", "x")]


def test_parquet(tmp_path: Path) -> None:
    table = {"id": [1, 2, 3], "prompt": ["a", "b", None], "topic": [[1, 2], None, [3]]}
    good, bad = split(parquet(tmp_path / "x.parquet", table))
    assert [(r.external_id, r.prompt, r.meta) for r in good] == [
        ("1", "a", {"topic": [1, 2]}),
        ("2", "b", {"topic": None}),
    ]
    assert [(e.number, "missing or empty" in e.message) for e in bad] == [(3, True)]


def test_existing_answers_come_along(tmp_path: Path) -> None:
    path = write(
        tmp_path, "x.jsonl", '{"question": "q", "model_output": "42", "model": "tiny", "gold": 41, "label": "ham"}'
    )
    mapping = guess_mapping(columns(path))
    assert mapping == ColumnMapping("question", reference="gold", answer="model_output", model="model", label="label")
    (row,) = split(path, mapping)[0]
    assert (row.answer, row.model, row.reference, row.label) == ("42", "tiny", "41", "ham")


def test_without_an_id_the_hash_of_prompt_and_context_stands_in(tmp_path: Path) -> None:
    text = '{"prompt": "a"}\n{"prompt": "a"}\n{"prompt": "a", "context": "b"}'
    good, _ = split(write(tmp_path, "x.jsonl", text))
    ids = [r.external_id for r in good]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith("sha256:")


@pytest.mark.parametrize(
    ("names", "mapping"),
    [
        (["Question", "ID", "Extra"], ColumnMapping("Question", external_id="ID", meta=("Extra",))),
        (["text", "class"], ColumnMapping("text", label="class")),
        (["prompt", "text"], ColumnMapping("prompt", meta=("text",))),
        (["foo", "bar"], None),
        ([], None),
    ],
)
def test_columns_are_guessed(names: list[str], mapping: ColumnMapping | None) -> None:
    assert guess_mapping(names) == mapping


def test_preview_is_the_head_as_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path, "x.jsonl", "\n".join(['{"a": 1}', "broken", *['{"b": 2}'] * 50]))
    head = preview(path)
    assert len(head) == 20
    assert head[0] == {"a": 1}
    assert isinstance(head[1], RowError)
    assert columns(path) == ["a", "b"]


# --- what kind of file


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("x.txt", b'  {"a": 1}\n', "jsonl"),
        ("x.csv", b'{"a": 1}\n{"a": 2}', "jsonl"),
        ("x.json", b'{"a": 1}\n{"a": 2}', "jsonl"),
        ("x.json", b'{\n"a": 1}', "json"),
        ("x", b"\xef\xbb\xbf [1]", "json"),
        ("x.csv", b"a\n1\n", "csv"),
        ("x.dat", b"a;b\n1;2\n", "csv"),
        ("x.bin", b"PAR1....", "parquet"),
    ],
)
def test_sniffing(tmp_path: Path, name: str, data: bytes, kind: str) -> None:
    assert sniff(write(tmp_path, name, data)) == kind


def test_an_unknown_file_says_which_are_known(tmp_path: Path) -> None:
    good, bad = split(write(tmp_path, "x.bin", b"\x00\x01"))
    assert good == []
    assert bad[0].number == 0
    assert ".parquet" in bad[0].message


# --- broken files


def test_bad_jsonl_rows_do_not_stop_the_good_ones(tmp_path: Path) -> None:
    lines = [
        b'{"prompt": "one"}',
        b'{"prompt": "cut',
        b"[1, 2]",
        b'{"prompt": "caf\xe9"}',
        b'{"prompt": ""}',
        b'{"prompt": ["x"]}',
        b'{"other": "x"}',
        b'{"prompt": "two", "context": {"a": 1}}',
        b"NaN",
        b'{"prompt": "last"}',
    ]
    good, bad = split(write(tmp_path, "x.jsonl", b"\n".join(lines)))
    assert [r.prompt for r in good] == ["one", "last"]
    says = {e.number: e.message for e in bad}
    assert sorted(says) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert "Not valid JSON" in says[2]
    assert "a list, not an object" in says[3]
    assert "Byte 16 of the line is not UTF-8" in says[4]
    assert "missing or empty" in says[5] and "missing or empty" in says[7]
    assert "is a list; it must be text" in says[6]
    assert "context (column “context”) is an object" in says[8]


def test_bad_csv_rows_do_not_stop_the_good_ones(tmp_path: Path) -> None:
    data = b'id,prompt\n1,one\n2,a,b\n3\n4,caf\xe9\n5,"x"y\n6,last\n'
    good, bad = split(write(tmp_path, "x.csv", data))
    assert [r.prompt for r in good] == ["one", "last"]
    says = {e.number: e.message for e in bad}
    assert "3 fields, the header 2" in says[2]
    assert "1 fields, the header 2" in says[3]
    assert "not UTF-8" in says[4]
    assert "double every quote" in says[5]


def test_a_quote_that_never_ends_is_an_error(tmp_path: Path) -> None:
    good, bad = split(write(tmp_path, "x.csv", 'prompt\none\n"two\nthree'))
    assert [r.prompt for r in good] == ["one"]
    assert "double every quote" in bad[0].message


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.jsonl", b"", "holds no rows"),
        ("x.csv", b"", "holds no rows"),
        ("x.csv", b"id,prompt\n", "holds no rows"),
        ("x.csv", b" , \n1,2\n", "names no columns"),
        ("x.csv", b"prompt,prompt\n1,2\n", "same name"),
        ("x.csv", b"caf\xe9,prompt\n1,2\n", "not UTF-8"),
        ("x.json", b"[]", "holds no rows"),
        ("x.json", b'[{"prompt": "a"},', "not valid JSON"),
        ("x.json", b'[{"prompt": "\xe9"}]', "byte 14 is not UTF-8"),
        ("x.parquet", b"", "Parquet"),
        ("x.parquet", b"PAR1 nonsense PAR1", "Parquet"),
    ],
)
def test_a_file_without_rows_says_why(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    good, bad = split(write(tmp_path, name, data))
    assert good == []
    assert [e.number for e in bad] == [0]
    assert says in bad[0].message


def test_a_truncated_parquet_file_says_so(tmp_path: Path) -> None:
    whole = parquet(tmp_path / "whole.parquet", {"prompt": ["a"] * 1000})
    good, bad = split(write(tmp_path, "cut.parquet", whole.read_bytes()[:-20]))
    assert good == []
    assert "copy it again" in bad[0].message


def test_a_damaged_row_group_costs_only_itself(tmp_path: Path) -> None:
    table = {"prompt": [f"{i} " + "x" * 50 for i in range(300)]}
    path = parquet(tmp_path / "x.parquet", table, row_group_size=100, compression="gzip", use_dictionary=False)
    data = bytearray(path.read_bytes())
    import pyarrow.parquet as pq

    chunk = pq.read_metadata(path).row_group(1).column(0)
    start = chunk.data_page_offset + 60
    data[start : start + 200] = b"\xff" * 200
    path.write_bytes(data)
    good, bad = split(path)
    assert [r.prompt.split()[0] for r in good] == [str(i) for i in [*range(100), *range(200, 300)]]
    assert len(bad) == 1
    assert "Row group 2 is damaged" in bad[0].message


def test_no_such_file(tmp_path: Path) -> None:
    good, bad = split(tmp_path / "none.jsonl")
    assert good == []
    assert "cannot be read" in bad[0].message


# --- odd values


def test_nul_and_half_emoji_and_wrong_types(tmp_path: Path) -> None:
    rows = (
        r'{"prompt": "a\u0000b", "topic": "n\u0000\\u0000"}'
        + "\n"
        + r'{"prompt": "cut \ud83d"}'
        + "\n"
        + '{"prompt": 3.5}\n{"prompt": true}'
    )
    good, bad = split(write(tmp_path, "x.jsonl", rows))
    assert bad == []
    assert [r.prompt for r in good] == ["ab", "cut \ufffd", "3.5", "true"]
    assert good[0].meta == {"topic": "n\\u0000"}


def test_huge_fields_are_refused_with_their_size(tmp_path: Path) -> None:
    rows = [
        {"prompt": "x" * 1_000_001},
        {"prompt": "x" * 1_000_000},
        {"prompt": "y", "topic": "z" * 1_000_001},
        {"prompt": "y", "id": "i" * 201},
    ]
    good, bad = split(write(tmp_path, "x.jsonl", "\n".join(map(json.dumps, rows))))
    assert [len(r.prompt) for r in good] == [1_000_000]
    assert [e.number for e in bad] == [1, 3, 4]
    assert "1,000,001 characters" in bad[0].message
    assert "1 MB" in bad[1].message
    assert "200 characters" in bad[2].message


@pytest.fixture
def csv_limit() -> Iterator[None]:
    """Reading sets the limit of the whole process, which other readers of this one must not feel."""
    before = csv.field_size_limit()
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("csv_limit")
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
def test_a_line_beyond_the_limit_is_skipped_in_pieces(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "MAX_LINE_BYTES", 100)
    long = "x" * 1000
    text = (
        f"prompt\none\n{long}\nlast\n"
        if name.endswith("csv")
        else f'{{"prompt": "one"}}\n{{"prompt": "{long}"}}\n{{"prompt": "last"}}'
    )
    good, bad = split(write(tmp_path, name, text))
    assert [r.prompt for r in good] == ["one", "last"]
    assert [(e.number, "longer than" in e.message) for e in bad] == [(2, True)]


def test_fifty_megabyte_line_needs_little_more_than_itself(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with path.open("wb") as file:
        file.write(b'{"prompt": "one"}\n{"prompt": "')
        for _ in range(160):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"prompt": "last"}\n')
    tracemalloc.start()
    try:
        good, bad = split(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [r.prompt for r in good] == ["one", "last"]
    assert "longer than 50 MB" in bad[0].message
    assert peak < 120_000_000


def test_many_rows_are_streamed(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with path.open("w") as file:
        file.write("prompt\n")
        file.writelines(f"{i} {'word ' * 200}\n" for i in range(20_000))
    tracemalloc.start()
    try:
        count = sum(isinstance(row, NewRow) for row in read_rows(path, ColumnMapping("prompt")))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 5_000_000


def test_an_array_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "MAX_ARRAY_BYTES", 10)
    _, bad = split(write(tmp_path, "x.json", '[{"prompt": "aaaa"}]'))
    assert "save it as JSONL" in bad[0].message


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["x.jsonl", "x.json", "x.csv", "x.parquet", "x.bin"]))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str) -> None:
    path = write(tmp_path_factory.mktemp("any"), name, data)
    rows = list(read_rows(path, PROMPT))
    assert rows
    preview(path)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), min_size=1).filter(str.strip),
        min_size=1,
        max_size=8,
    )
)
def test_every_text_arrives_as_it_is(tmp_path_factory: pytest.TempPathFactory, prompts: list[str]) -> None:
    import csv

    folder = tmp_path_factory.mktemp("same")
    lines = "\n".join(json.dumps({"prompt": p, "id": str(i)}) for i, p in enumerate(prompts))
    assert [r.prompt for r in split(write(folder, "x.jsonl", lines))[0]] == prompts
    with (folder / "x.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([("id", "prompt"), *enumerate(prompts)])
    assert [r.prompt for r in split(folder / "x.csv")[0]] == prompts


def test_pictures_come_with_their_rows_and_a_bad_one_costs_its_row_alone(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(picture(1))
    path = tmp_path / "rows.jsonl"
    rows = [{"question": f"q{n}", "image": name} for n, name in enumerate(["one.png", "no.png", ""])]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapping = guess_mapping(columns(path))
    assert mapping is not None and mapping.images == "image"
    good, bad, none = read_rows(path, mapping, folder=tmp_path)
    assert isinstance(good, NewRow) and good.images is not None and good.images[0].width == 240
    assert isinstance(bad, RowError) and "no file no.png" in bad.message and "choose no column" in bad.message
    assert isinstance(none, NewRow) and none.images == ()
    assert isinstance(next(iter(read_rows(path, mapping))), RowError), "no folder, no files"
    without = replace(mapping, images=None)
    assert [row.images for row in read_rows(path, without) if isinstance(row, NewRow)] == [None] * 3


def test_a_list_of_hypotheses_gives_the_best_as_the_prompt_and_keeps_all(tmp_path: Path) -> None:
    path = write(tmp_path, "x.jsonl", '{"id": 1, "hypotheses": ["a gunner", "a gunnar"], "reference": "a Gunnar"}')
    mapping = guess_mapping(columns(path))
    assert mapping == ColumnMapping("hypotheses", reference="reference", external_id="id")
    (row,) = split(path, mapping)[0]
    assert (row.prompt, row.reference, row.meta) == ("a gunner", "a Gunnar", {"hypotheses": ["a gunner", "a gunnar"]})
