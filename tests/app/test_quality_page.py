"""The quality page on rows of the real store: what it says, and who may read it."""

from __future__ import annotations

import re

import pytest

from app.view import quality as view
from core.types import Role
from store import outputs, projects, reviews
from store.engine import Database
from store.tables import Assignment, Item, Review, User
from tests.app.conftest import Web
from tests.conftest import Clock
from tests.factories import ANSWER, STEPS, build, scene


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def _shown(db: Database, project_id: int) -> dict[str, str]:
    with db.read() as session:
        return dict(zip(view.PARTS, view.parts(view.read(session, project_id)), strict=True))


def test_an_empty_project_says_what_to_do(db: Database) -> None:
    with db.write() as session:
        project = projects.create(session, slug="p", name="P", item_type="reasoning").id
    shown = _shown(db, project)
    assert "People per item" in shown["agreement"] and "eight points" in shown["curve"]
    assert shown["people"].strip() == shown["steps"].strip() == ""


def test_two_people_and_an_expert(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=12, n_users=3, queued=False)
        ann, bob, eve = made.users
        expert = projects.queue_of(session, made.project_id, "expert").id
        for n, output in enumerate(made.outputs):
            for user, verdict in ((ann, "faulty"), (bob, "faulty" if n < 9 else "acceptable")):
                first = 1 if verdict == "faulty" else None
                build(
                    session,
                    Review,
                    output_id=output,
                    user_id=user,
                    verdict=verdict,
                    first_wrong_step=first,
                    seconds=30.0,
                )
            if n < 4:
                slot = build(
                    session, Assignment, queue_id=expert, item_id=made.items[n], output_id=output, state="submitted"
                )
                build(
                    session,
                    Review,
                    output_id=output,
                    user_id=eve,
                    verdict="faulty",
                    first_wrong_step=1,
                    assignment_id=slot.id,
                )
    shown = {name: text(html) for name, html in _shown(db, made.project_id).items()}
    assert "over 12 answers" in shown["agreement"] and "75 %" in shown["agreement"]
    assert re.search(r"person-\S+ 12 100 % 81 % \[53 % to 94 %\] of 12 100 % \[51 % to 100 %\] of 4", shown["people"]), shown["people"]
    assert "Wrong outcome" in shown["steps"] and re.search(r"test 12 100 %", shown["steps"]), shown["steps"]


def test_the_curve_counts_random_first_answers_by_corrections_before_them(db: Database, clock: Clock) -> None:
    with db.write() as session:
        made = scene(session, n_items=1, n_users=1, queued=False)
        annotate = projects.queue_of(session, made.project_id).id
        for n in range(240):
            item = build(session, Item, project_id=made.project_id, external_id=f"c{n}")
            clock.forward(60)
            output = outputs.add(session, outputs.NewOutput(item.id, ANSWER, "test", steps=STEPS))
            slot = build(
                session,
                Assignment,
                queue_id=annotate,
                item_id=item.id,
                output_id=output.id,
                state="submitted",
                audit=n % 2 == 0,
            )
            fine = n % 2 == 0 and n % 20 >= 120 / (n + 10)
            build(
                session,
                Review,
                output_id=output.id,
                user_id=made.users[0],
                assignment_id=slot.id,
                verdict="acceptable" if fine else "faulty",
            )
            reviews.add_correction(session, reviews.NewCorrection(made.users[0], output.id, "no"))
    with db.read() as session:
        report = view.read(session, made.project_id)["curve"]
    assert [point.x for point in report["points"]] == [39, 79, 119, 159, 199, 239]
    assert all(point.n == 20 for point in report["points"])
    assert report["points"][0].score < report["points"][-1].score
    shown = _shown(db, made.project_id)["curve"]
    assert shown.count("<circle") == 6


def test_only_experts_read_it(web: Web) -> None:
    assert web.client("eve", Role.EXPERT).get("/app/quality").status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_names_are_escaped(db: Database) -> None:
    with db.write() as session:
        made = scene(session, n_items=1, n_users=1, queued=False)
        session.get_one(User, made.users[0]).name = "<img src=x>"
        build(session, Review, output_id=made.outputs[0], user_id=made.users[0], verdict="acceptable")
    assert "<img" not in _shown(db, made.project_id)["people"]
