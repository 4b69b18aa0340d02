"""What the calibration page says, and that setting the threshold does what the slider said it would."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.pages.calibration import set_threshold
from app.view import calibration as view
from store import queue, tables
from store.engine import Database
from tests.calibration_rows import judged_project


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def project(db: Database, **more: object) -> int:
    with db.write() as session:
        return judged_project(session, **more)  # type: ignore[arg-type]


def read(db: Database, project_id: int) -> view.History:
    with db.read() as session:
        return view.read(session, project_id)


def test_nothing_is_claimed_before_there_are_reviews(db: Database) -> None:
    made = project(db, answers=20, reviewed=0, calibrated=False)
    history = read(db, made)
    with db.read() as session:
        assert "Not enough history" in text(view.summary(session, history))
        assert view.home_line(session, made) == ""
    assert "there are 0" in text(view.figures_table(history, intervals=True))
    assert view.charts(history) == ""


def test_below_the_minimum_it_says_so_plainly(db: Database) -> None:
    made = project(db, answers=30, reviewed=12, calibrated=False)
    history = read(db, made)
    with db.read() as session:
        said = text(view.summary(session, history))
    assert "Risk is not calibrated yet: 12 answers are reviewed" in said
    assert "30 reviews with both verdicts are needed" in said
    assert "may have learned from" in said


def test_figures_before_and_after_with_intervals(db: Database) -> None:
    history = read(db, project(db, answers=400, reviewed=300))
    quick, full = (text(view.figures_table(history, intervals=on)) for on in (False, True))
    assert "being computed" in quick and "being computed" not in full
    found = re.search(r"ECE\).*?ideal\. ([\d.]+) \[([\d.]+) to ([\d.]+)\] ([\d.]+) \[", full)
    assert found is not None
    before, low, high, after = map(float, found.groups())
    assert low <= before <= high
    assert after < before, "the fixture's raw risk is too sure of itself"


def test_four_plots_with_words_for_those_who_cannot_see_them(db: Database) -> None:
    html = view.charts(read(db, project(db)))
    assert (
        html.count("<svg")
        == html.count('role="img"')
        == html.count("aria-label=") - html.count('aria-label="Table"')
        == 4
    )
    assert "nan" not in html.casefold().replace("nano", "")


def test_the_risk_that_was_shown_is_judged_and_not_what_it_became(db: Database) -> None:
    made = project(db, answers=200, reviewed=150)
    before = text(view.figures_table(read(db, made), intervals=False))
    with db.write() as session:
        wrong = {r.output_id: r.verdict == "faulty" for r in session.scalars(select(tables.Review))}
        for risk in session.scalars(select(tables.Risk)):  # a model that has learned the verdicts by heart
            risk.value = 0.99 if wrong.get(risk.output_id) else 0.01
    assert text(view.figures_table(read(db, made), intervals=False)) == before


def test_what_the_slider_says_is_what_happens(db: Database) -> None:
    made = project(db, answers=300, reviewed=100)
    history = read(db, made)
    with db.read() as session:
        known = view.threshold(session, history)
    said = text(view.threshold_said(known, 0.4))
    found = re.search(r"Of those that wait now, ([\d,]+) go to people and ([\d,]+) need nobody", said)
    assert found is not None
    with db.write() as session:
        moved = set_threshold(session, made, 0.4, True, 1)
        lanes = queue.lane_counts(session, made)
        event = session.scalars(select(tables.AuditEvent).order_by(tables.AuditEvent.id.desc()).limit(1)).one()
    assert (int(found[1]), int(found[2])) == (lanes["risky"], lanes["passed"])
    assert moved == lanes["passed"] > 0
    assert (event.action, event.new["settings"]["risk_threshold"], event.user_id) == ("project.update", 0.4, 1)
    with db.read() as session:
        again = view.threshold(session, view.read(session, made))
    assert (again.value, again.only_risky) == (0.4, True)
    assert "answers with a risk below 40 % need nobody" in text(view.threshold_said(again, 0.5))


def test_an_uncalibrated_risk_lets_nothing_pass_and_the_page_says_so(db: Database) -> None:
    made = project(db, answers=30, reviewed=0, calibrated=False)
    with db.read() as session:
        known = view.threshold(session, view.read(session, made))
    said = text(view.threshold_said(known, 0.9))
    assert "Need nobody 0" in said and "a risk that is not calibrated" in said
    with db.write() as session:
        assert set_threshold(session, made, 0.9, True, 1) == 0


def test_a_drift_is_told_on_the_page_and_at_home(db: Database) -> None:
    calm, shifted = (
        project(db, answers=700, reviewed=500),
        project(db, answers=700, reviewed=500, shift=0.3, slug="shifted"),
    )
    with db.read() as session:
        quiet, loud = view.home_line(session, calm), view.home_line(session, shifted)
    assert "The calibration holds" in text(quiet) and 'class="banner ok"' in quiet
    assert "More is wrong than risk says" in text(loud) and 'class="banner bad"' in loud
    assert re.search(
        r"Risk was calibrated on \d+ \w+ \d{4} .* from 500 reviews\. The last 40 random draws say", text(loud)
    )
    with db.read() as session:
        assert "More is wrong" in text(view.summary(session, view.read(session, shifted)))


def test_tables_show_sources_models_and_versions(db: Database) -> None:
    made = project(db, answers=60, reviewed=40)
    with db.read() as session:
        said = text(view.tables(session, view.read(session, made)))
    for part in ("arithmetic", "logprob", "small-model", "large-model", "polar-7 in use", "AUROC 0.780"):
        assert part in said


def test_the_census_is_kept_while_nothing_happens_and_no_longer(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made = project(db, answers=20, reviewed=0)
    asked: list[int] = []
    real = view.risk_history.census
    monkeypatch.setattr(view.risk_history, "census", lambda s, p: asked.append(p) or real(s, p))
    read(db, made)
    read(db, made)
    assert asked == [made]
    with db.write() as session:
        user = session.scalars(select(tables.User.id)).first()
        assert user is not None and queue.claim_next(session, user, made)
    read(db, made)
    assert asked == [made, made]
