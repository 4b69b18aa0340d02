"""What the self-correction page says, that it says what the command says, and who may read it."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr
import pytest
from sqlalchemy.orm import Session

from app import auth
from app.pages import layout
from app.view import calibration
from app.view import self_correction as view
from app.web import _pages
from core.lessons.prompt import estimate_tokens
from core.types import Role
from store import projects, second_tries, tables
from store.engine import Database
from tests.app.conftest import Web
from tests.app.test_refusals import call, handlers, request_of
from tests.factories import build


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def shown(session: Session, project_id: int) -> dict[str, str]:
    return dict(zip(view.PARTS, view.parts(view.read(session, project_id)), strict=True))


def tries(session: Session, project_id: int, refiner: str, outcomes: str, *, risks: bool = False) -> None:
    """Pairs such as ``10``: right at first and wrong then."""
    for k, (first, second) in enumerate(outcomes.split()):
        item = build(session, tables.Item, project_id=project_id, reference="7")
        made: list[tables.Output] = []
        for number, right in ((1, first), (2, second)):
            more: dict[str, Any] = {"parent_id": made[0].id, "refiner": refiner} if made else {}
            words = f"We add the two, in way {k} of many.\nSo the answer is {7 if right == '1' else 8}."
            made.append(
                build(
                    session,
                    tables.Output,
                    item_id=item.id,
                    attempt=number,
                    text=words,
                    messages=[["user", "What is 3 + 4?"]],
                    **more,
                )
            )
            if risks:
                build(session, tables.Risk, output_id=made[-1].id, value=0.1 if right == "1" else 0.9)
        if second == "0" and k % 2:
            build(session, tables.Review, output_id=made[1].id, error_type="calculation_error")


def project(session: Session) -> int:
    return projects.create(session, slug="sums", name="Sums", item_type="reasoning").id


def test_an_empty_project_says_what_to_do(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        found = shown(session, made)
        assert "No answer was asked about again yet" in text(found["scorecard"])
        assert all(html == "" for name, html in found.items() if name != "scorecard")
        item = build(session, tables.Item, project_id=made, reference=None)
        first = build(session, tables.Output, item_id=item.id)
        build(session, tables.Output, item_id=item.id, attempt=2, parent_id=first.id, refiner="feedback")
        assert "1 second answer was made, but of none is it known" in text(shown(session, made)["scorecard"])


def test_figures_by_hand(db: Database) -> None:
    """20 items: 8 kept right, 2 broken, 4 put right, 6 left wrong: 50 % to 60 %, CL .8, CS .4, RSS (.6 - .25) / .5 = .7."""
    with db.write() as session:
        made = project(session)
        tries(session, made, "self_examination", "11 " * 8 + "10 " * 2 + "01 " * 4 + "00 " * 6, risks=True)
    with db.read() as session:
        found = {name: text(html) for name, html in shown(session, made).items()}
    assert re.search(
        r"self examination 20 20 items 50 % 60 % \+10 points \[.*?\] 20 % 10 % only on request", found["scorecard"]
    )
    assert "self examination 80 % [" in found["profile"] and "20 % 2 of 10 right 40 % [" in found["profile"]
    assert "4 of 10 wrong 0.70 [" in found["profile"]
    assert "hardly changes anything" in found["changes"], "only the answer differs"
    assert (
        "self examination 20 50 % 60 % 70 % 70 %" in found["policies"]
    )  # the gate keeps the right ones and retries the wrong
    assert "Calculation error (4)" in found["failures"]


def test_marks_of_refiners(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        tries(session, made, "feedback", "11 " * 10 + "01 " * 5)
        tries(session, made, "self_examination", "10 " * 4 + "01 " * 2 + "11 " * 6)
        tries(session, made, "self_supervision", "11 " * 3)
    with db.read() as session:
        rows = {
            text(row).split(" ")[0] + " " + text(row).split(" ")[1]: text(row)
            for row in re.findall(r"<tr>.*?</tr>", shown(session, made)["scorecard"].split("What it costs")[0], re.S)
        }
    assert "may run by itself" in rows["feedback 15"]
    assert "harmful" in rows["self examination"] and "keep it off" in rows["self examination"]
    assert "too few: 10 items are needed" in rows["self supervision"]


def test_overlap_and_costs_and_people(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        for k in range(3):
            item = build(session, tables.Item, project_id=made, reference="7")
            first = build(session, tables.Output, item_id=item.id, text="So 8.", messages=[["user", "Add."]])
            for name, answer in (("self_examination", "So 7."), ("self_supervision", f"So {7 + k}.")):
                build(
                    session,
                    tables.Output,
                    item_id=item.id,
                    text=answer,
                    parent_id=first.id,
                    refiner=name,
                    messages=[["user", "Add."], ["user", "Sure?"]],
                )
            build(session, tables.Correction, output_id=first.id, rewrite="So 7.")
        found = {name: text(html) for name, html in shown(session, made).items()}
        (card,) = (row for row in view.read(session, made)["refiners"] if row["refiner"] == "self_examination")
    assert "self examination and self supervision 3 1 2 0 0" in found["policies"]
    assert second_tries.PEOPLE in found["scorecard"].replace("&#39;", "'")
    first, second = (sum(map(estimate_tokens, texts)) for texts in (("Add.", "So 8."), ("Add.", "Sure?", "So 7.")))
    assert card["tokens_per_fix"] == card["tokens"] == second
    assert card["efficiency"] == pytest.approx(100 / ((first + second) * 2)) and card["first_efficiency"] == 0


def test_names_are_escaped(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        tries(session, made, "<script>x</script>", "00 " * 12)
        html = "".join(shown(session, made).values())
    assert "<script" not in html and "&lt;script&gt;" in html


def test_the_calibration_page_leads_there_and_only_experts_may_open_it(db: Database) -> None:
    (page,) = (page for page in _pages() if page.path == "self-correction")
    assert (page.role, page.listed, page.url) == (Role.EXPERT, False, "/app/self-correction")
    header = layout.render("header.html", pages=_pages(), current=page)
    assert "/app/self-correction" not in header and "/app/critics" in header
    with db.write() as session:
        made = project(session)
        tries(session, made, "self_examination", "01")
        html = calibration.tables(session, calibration.read(session, made))
    assert f'href="/app/self-correction?project={made}"' in html


def test_each_handler_refuses_annotators_and_serves_experts(web: Web) -> None:
    mine = [
        one
        for one in handlers(web, "/app")
        if any(str(block.elem_id).startswith("self-correction-") for block in one.outputs)
    ]
    assert {one.fn.__name__ for one in mine} == {"page_opened", "project_chosen"}
    annotator, expert = (
        auth.open_session(web.state, auth.make_user(web.db, name, None, role))
        for name, role in (("bob", Role.ANNOTATOR), ("eve", Role.EXPERT))
    )
    for handler in mine:
        with pytest.raises(gr.Error) as refused:
            call(handler, request_of(web, annotator))
        assert refused.value.title == "Not allowed"
        call(handler, request_of(web, expert))
