"""Failures that other tools are known for, done to ours over its API: bulks at once on SQLite, many rows, the same ones again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from sqlalchemy import event

from store import tables
from tests.app.programs import Api

BULKS, ROWS = 20, 50


def _items(first: int, count: int, prompt: str = "What is {n} + {n}?") -> list[dict[str, Any]]:
    return [{"external_id": f"k{n}", "prompt": prompt.format(n=n)} for n in range(first, first + count)]


def test_twenty_bulks_at_once_are_all_taken(api: Api) -> None:
    """argilla#5213: with 20 parallel bulks its SQLite said that the database is locked, and rows were missing."""
    address = f"/api/v1/projects/{api.project}/items"
    programs = [api.program("items:write") for _ in range(BULKS)]

    def push(number: int) -> int:
        return programs[number].post(address, json={"items": _items(number * ROWS, ROWS)}).status_code

    with ThreadPoolExecutor(BULKS) as pool:
        answers = list(pool.map(push, range(BULKS)))
    assert answers == [201] * BULKS
    with api.web.db.read() as session:
        names = [row[0] for row in session.query(tables.Item.external_id).filter_by(project_id=api.project)]
    assert len(names) == len(set(names)) == BULKS * ROWS


def test_the_same_rows_from_many_at_once_are_there_once(api: Api) -> None:
    """argilla#5699: what was brought in again was there twice."""
    address = f"/api/v1/projects/{api.project}/items"
    programs = [api.program("items:write") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: one.post(address, json={"items": _items(0, ROWS)}).json(), programs))
    assert sum(answer["added"] for answer in answers) == ROWS
    assert sum(answer["unchanged"] for answer in answers) == 7 * ROWS
    assert all(answer["ids"] == answers[0]["ids"] for answer in answers)


def test_a_bulk_of_hundreds_is_not_read_row_by_row(api: Api) -> None:
    """argilla#4449: a hundred rows took six seconds, each looked up and written by itself."""
    address = f"/api/v1/projects/{api.project}/items"
    program = api.program("items:write")
    seen: list[str] = []
    event.listen(api.web.db.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    for first, prompt in ((0, "What is {n}?"), (0, "Now: {n}?")):  # new ones, then changed ones
        seen.clear()
        began = perf_counter()
        assert program.post(address, json={"items": _items(first, 1000, prompt)}).status_code == 201
        assert perf_counter() - began < 6, "ten times as many as took that long there"
        reads = [one for one in seen if one.startswith("SELECT")]
        assert len(reads) <= 20, "rows are looked up by the hundred"


def test_rows_with_commas_quotes_and_line_ends_come_out_as_they_went_in(api: Api) -> None:
    """label-studio#4033: a comma in a text moved its columns."""
    odd = 'a, "b"; c\nd\te,,\r\n,"'
    made = api.program("items:write").post(
        f"/api/v1/projects/{api.project}/items", json={"items": [{"external_id": 'x,"y"', "prompt": odd}]}
    )
    (id_,) = made.json()["ids"]
    told = api.program("items:read").get(f"/api/v1/items/{id_}").json()
    assert (told["external_id"], told["prompt"].replace("\r\n", "\n")) == ('x,"y"', odd.replace("\r\n", "\n"))
