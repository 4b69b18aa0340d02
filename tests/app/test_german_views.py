"""Calibration, critics, self-correction, jobs and people in German: none of our texts in English, numbers as Germans write them."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.orm import Session

from app.pages import calibration as calibration_page
from app.view import calibration, critics, jobs, judges, self_correction
from app.view.languages import using
from app.view.render import render
from app.view.words import decimal
from core.critics.step_head_retraining import FEWEST
from store import projects
from store.engine import Database
from tests import i18n
from tests.app.test_self_correction_page import tries
from tests.browser.shell_rows import fill
from tests.calibration_rows import judged_project
from tests.critic_rows import reviewed_steps

AREAS = ("calibration", "critics", "self_correction", "jobs", "people")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def everything(session: Session, project_id: int) -> str:
    """All that the pages of a project show, in the language in force."""
    history, book = calibration.read(session, project_id), critics.read(session, project_id)
    known = calibration.threshold(session, history)
    parts = [
        calibration.summary(session, history),
        calibration.home_line(session, project_id),
        calibration.figures_table(history, intervals=True),
        calibration.charts(history),
        calibration.tables(session, history),
        *(calibration.threshold_said(known, risk) for risk in (0.1, 0.6)),
        judges.section(session, project_id),
        critics.summary(book),
        critics.mistakes(session, book, "", ""),
        critics.versions(session, project_id, admin=True),
        critics.too_few(session, project_id),
        critics.types(book),
        critics.people(session, book),
        critics.influence(book),
        *self_correction.parts(self_correction.read(session, project_id)),
        *jobs.parts(session, 60.0).values(),
        render("people/add_head.html", least=10),
        render("people/teams_head.html"),
        render("people/members.html", members=[], restricted=True),
    ]
    return "\n".join(parts)


def test_no_text_of_ours_stays_english(db: Database) -> None:
    with db.write() as session:
        made = [judged_project(session, answers=400, reviewed=300, shift=0.3), reviewed_steps(session, n=30)[0]]
        made.append(projects.create(session, slug="sums", name="Sums", item_type="reasoning").id)
        tries(session, made[-1], "feedback", "11 " * 8 + "10 " * 2 + "01 " * 4, risks=True)
        made.append(projects.create(session, slug="empty", name="Empty", item_type="reasoning").id)
    fill(db, "xyz")
    with using("de"), db.read() as session:
        shown = "\n".join(everything(session, project_id) for project_id in made)
    german = {message.id: message.string for _, message in i18n.entries()}
    ours = {one.key for one in i18n.texts([f"assets/templates/{area}" for area in AREAS])}
    sentences = [key for key in ours if isinstance(key, str) and " " in key and "%(" not in key and german[key] != key]
    assert len(sentences) > 100
    assert [key for key in sentences if key.replace("%%", "%") in shown] == []
    assert sum(str(german[key]).replace("%%", "%") in shown for key in sentences) > 60, "they are shown, and in German"


def test_figures_and_dates_are_german(db: Database) -> None:
    with db.write() as session:
        made = judged_project(session, answers=400, reviewed=300)
    with using("de"), db.read() as session:
        history = calibration.read(session, made)
        figures, drift = text(calibration.figures_table(history, intervals=True)), calibration.home_line(session, made)
    assert re.search(r"\(ECE\).*? 0,\d{3} \[0,\d{3} bis 0,\d{3}\]", figures) and not re.search(r"\d\.\d", figures)
    assert re.search(r"Das Risiko wurde am \d+\. \w+ \d{4} \(.*?\) aus 300 Prüfungen kalibriert\.", text(drift))
    with using("de"):
        assert (decimal(0.5), decimal(1234.5, ",.0f"), decimal(2, "g")) == ("0,50", "1.234", "2")
    assert (decimal(0.5), decimal(1234.5, ",.0f"), decimal(0.123456, 4)) == ("0.50", "1,234", "0.1235")


def test_one_and_many_differ(db: Database) -> None:
    with using("de"):
        assert [calibration_page._moved(n) for n in (0, 1, 2345)] == [
            "Gesetzt. Keine wartende Antwort hat die Seite gewechselt.",
            "Gesetzt. 1 wartende Antwort hat die Seite gewechselt.",
            "Gesetzt. 2.345 wartende Antworten haben die Seite gewechselt.",
        ]
    with db.write() as session:
        made = projects.create(session, slug="p", name="P", item_type="reasoning").id
        with using("de"):
            assert f"nötig sind {FEWEST}" in critics.too_few(session, made)
            assert critics.choices(["step_head"])[0] == ("Alle Kritiker", "")


def test_what_workers_stored_is_told_in_german_and_data_is_left_alone() -> None:
    with using("de"):
        assert jobs.said("2 running; takes what asks the model") == "2 laufend; nimmt, was das Modell fragt"
        assert jobs.said("fold 3 of 5") == "Teil 3 von 5"
        assert jobs.said("{0.x} <b>; 12 pears") == "{0.x} <b>; 12 pears"
    assert jobs.said("2 running; fold 3 of 5") == "2 running; fold 3 of 5"


def test_labels_that_a_sentence_names_are_those_of_their_page() -> None:
    """“People per item” in a sentence is what the field is called in German, too."""
    found, german = 0, {str(m.id): str(m.string) for _, m in i18n.entries() if isinstance(m.id, str)}
    for path, message in i18n.entries():
        if path.stem in AREAS and isinstance(message.id, str):
            for label in re.findall(r"“([^”]+)”", message.id):
                found += label in german
                assert german.get(label, label) in str(message.string)
    assert found > 4
