"""The quality page on rows of the real store: what it says, and who may read it."""

from __future__ import annotations

import re

import pytest

from app.view import languages
from app.view import quality as view
from app.worker.handlers.fit_drivers import BLOCKS, BY_MODEL, BY_RISK, BY_TIME, ORDER, OWN_TEXT
from core.types import Role
from store import label_drivers, outputs, projects, reviews
from store.engine import Database
from store.tables import Assignment, Correction, Item, Review, User
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
    assert re.search(
        r"person-\S+ 12 100 % 81 % \[53 % to 94 %\] of 12 100 % \[51 % to 100 %\] of 4", shown["people"]
    ), shown["people"]
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


def _many(db: Database, clock: Clock, *, n: int = 80) -> int:
    """Answers of two weeks, each judged by two people; every fourth item is blind. Both mark the same words of the first half."""
    with db.write() as session:
        made = scene(session, n_items=n, n_users=2, queued=False)
        queue = projects.queue_of(session, made.project_id).id
        for place, (item, output) in enumerate(zip(made.items, made.outputs, strict=True)):
            if place == n // 2:
                clock.forward(8 * 86_400)
            blind, risk = place % 4 == 0, 0.9 if place % 2 else 0.1
            for slot, user in enumerate(made.users):
                # Where the risk is shown they follow it; blind they find every fifth faulty.
                wrong = place % 5 == 0 if blind else risk > 0.5
                wrong = wrong if slot == 0 or place % 10 else not wrong
                assignment = build(
                    session,
                    Assignment,
                    queue_id=queue,
                    item_id=item,
                    output_id=output,
                    slot=slot,
                    state="submitted",
                )
                build(
                    session,
                    Review,
                    output_id=output,
                    user_id=user,
                    assignment_id=assignment.id,
                    verdict="faulty" if wrong else "acceptable",
                    first_wrong_step=1 if wrong else None,
                    step_labels=[],
                    seconds=20.0 + place,
                    blind=blind,
                    shown={"risk": {"value": risk}},
                )
                if place < n // 2:
                    span = (11, 13 if slot == 0 else 15)
                    build(
                        session,
                        Correction,
                        output_id=output,
                        user_id=user,
                        assignment_id=assignment.id,
                        span_start=span[0],
                        span_end=span[1],
                    )
        return made.project_id


def test_pairs_have_first_errors_and_spans(db: Database, clock: Clock) -> None:
    project = _many(db, clock)
    with db.read() as session:
        (pair,) = view.read(session, project)["agreement"]["pairs"]
    assert pair["n"] == 80 and pair["same"] == pytest.approx(72 / 80)
    assert pair["first"]["n"] == 80 and pair["first"]["same"] == pytest.approx(72 / 80)
    # On each of 40 answers two characters of two and four are common: 2 * 2 / (2 + 4).
    assert pair["spans"]["n"] == 40 and pair["spans"]["f1"] == pytest.approx(2 / 3) and pair["spans"]["exact"] == 0
    shown = text(_shown(db, project)["agreement"])
    assert "67 % [67 % to 67 %] of 40" in shown and "90 % [81 % to 95 %] of 80" in shown


def test_what_was_decided_over_is_still_what_people_said(db: Database, clock: Clock) -> None:
    """Disagreements go to adjudication: left out afterwards, those who disagree would seem to agree."""
    project = _many(db, clock, n=20)
    with db.write() as session:
        expert = build(session, User).id
        output = session.query(Review.output_id).first()[0]
        build(session, Review, output_id=output, user_id=expert, verdict="faulty", decides=True)
    with db.read() as session:
        pairs = view.read(session, project)["agreement"]["pairs"]
    assert max(pair["n"] for pair in pairs) == 20


def test_time_per_person(db: Database, clock: Clock) -> None:
    project = _many(db, clock)
    shown = text(_shown(db, project)["times"])
    # 20 to 99 seconds, twice each: the middle is 59.5.
    assert re.search(r"Half of 160 reviews took less than (59|60) seconds", shown), shown
    assert re.search(r"person-\S+ 80 40 (59|60) \[\d+ to \d+\] 79", shown), shown


def test_what_showing_risk_does(db: Database, clock: Clock) -> None:
    project = _many(db, clock, n=120)
    shown = text(_shown(db, project)["anchoring"])
    # Blind: places 0, 4, 8 ...: their risk is low, every fifth is found faulty: 24 of 30 go with it. Shown: all of 90.
    assert "100 % of 90 80 % of 30 +20 points" in shown, shown
    assert "People follow the risk that they see: 20 points more" in shown


def test_too_few_are_refused_in_words(db: Database, clock: Clock) -> None:
    project = _many(db, clock, n=8)
    shown = {name: text(html) for name, html in _shown(db, project).items()}
    assert "Nothing can be said yet: it needs 20 answers" in shown["anchoring"]
    assert "not enough: 20 on either side" in shown["anchoring"]
    assert "A line over time follows" in shown["agreement"] and "An interval needs ten answers" in shown["agreement"]
    assert "A plot of people follows" in shown["people"]
    assert "points [" not in shown["anchoring"]


def test_plots_have_names_descriptions_and_tables(db: Database, clock: Clock) -> None:
    project = _many(db, clock)
    shown = _shown(db, project)
    for part, name in (("agreement", "alpha-weeks"), ("people", "people-quality")):
        html = shown[part]
        assert f'aria-labelledby="{name}-name {name}-desc"' in html
        assert f'<title id="{name}-name">' in html and f'<desc id="{name}-desc">' in html
        assert "<table" in html and 'class="whisker' in html
        assert re.search(r"<title>[^<]*n = \d+</title>", html), "each mark says its n"
    assert shown["agreement"].count("<circle") == 2, "one dot a week"


def test_german(db: Database, clock: Clock) -> None:
    project = _many(db, clock)
    with languages.using("de"):
        shown = {name: text(html) for name, html in _shown(db, project).items()}
    assert "Krippendorffs Alpha" in shown["agreement"] and "Zeit je Aufgabe" in shown["times"]
    assert "Punkte" in shown["anchoring"] and "People" not in shown["people"]


def test_drivers_are_translated_word_by_word() -> None:
    """Every reason and name that the job gives has its words here."""
    assert {ORDER, OWN_TEXT, BY_MODEL, BY_TIME, BY_RISK, *BLOCKS} < set(view.DRIVER_WORDS)


def test_the_random_draw_stands_beside_what_drives_labels(db: Database) -> None:
    """Which slots were drawn is read from the store; the page says what they give alone, or how many are missing."""
    with db.write() as session:
        made = scene(session, n_items=4, n_users=1, queued=False)
        queue = projects.queue_of(session, made.project_id).id
        for place, (item, output) in enumerate(zip(made.items, made.outputs, strict=True)):
            slot = build(
                session, Assignment, queue_id=queue, item_id=item, output_id=output, state="submitted", audit=place < 3
            )
            build(session, Review, output_id=output, user_id=made.users[0], assignment_id=slot.id)
        assert [row.drawn for row in label_drivers.judged(session, made.project_id)] == [True, True, True, False]
        effect = {
            "driver": "length",
            "level": "twice as many words",
            "effect": 0.1,
            "low": 0.05,
            "high": 0.15,
            "n": 200,
        }
        part = {"n": 120, "least": 30, "enough": True, "acceptable": 0.75, "low": 0.66, "high": 0.82}
        part |= {"raw": -0.5, "adjusted": -0.25, "effects": [{**effect, "effect": 0.02, "low": -0.03, "high": 0.07}]}
        report = {"status": "fitted", "n": 200, "effects": [{**effect, "removed": True}], "refused": [], "warnings": []}
        report |= {"removed": ["length"], "moved": 0.1, "pairs": 9, "flips": 1, "unexplained": None, "limits": "L."}
        for found in ({**report, "slice": part}, report):  # fitted now, and by an older version
            label_drivers.save(session, made.project_id, report=found, scores={}, in_force=True, reviewed=4)
            session.flush()
            html = text(view.parts(view.read(session, made.project_id))[view.PARTS.index("drivers")])
            assert ("Against the random draw" in html) == ("slice" in found)
            if "slice" in found:
                assert "75 % say “acceptable” [66 % to 82 %]" in html and "-50.0 points from it" in html
                assert "+10.0 [+5.0 to +15.0] +2.0 [-3.0 to +7.0] yes" in html
                with languages.using("de"):
                    german = text(view.parts(view.read(session, made.project_id))[view.PARTS.index("drivers")])
                assert "Länge doppelt so viele Wörter" in german and "Verglichen mit der zufälligen Ziehung" in german
