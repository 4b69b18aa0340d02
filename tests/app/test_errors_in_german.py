"""What the stores refuse, raised for real, is German where a page shows it, with the values that the English message has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import trouble
from app.view import languages, review_steps
from core import critics, error_types, patterns, policies
from core.signals import rule_file
from store import (
    drafts,
    edit_suites,
    exports,
    items,
    jobs,
    lesson_merging,
    lessons,
    outputs,
    projects,
    queue,
    reviews,
    subtasks,
    teams,
    tokens,
    users,
    webhooks,
)
from store.engine import Database
from tests.factories import Scene, review_of, scene

Act = Callable[[Session, Scene], Any]


@pytest.fixture
def made(sqlite_url: str) -> Iterator[tuple[Session, Scene]]:
    db = Database(sqlite_url)
    with db.write() as session:
        yield session, scene(session, n_items=3)
        session.rollback()
    db.dispose()


def _claim(session: Session, made: Scene, person: int = 0) -> queue.Claim:
    got = queue.claim_next(session, made.users[person], made.project_id)
    assert got is not None
    return got


def _skip_wordless(session: Session, made: Scene) -> None:
    got = _claim(session, made)
    queue.flag(session, got.assignment_id, got.token, made.users[0], " ")


def _twice(session: Session, made: Scene) -> None:
    got = _claim(session, made)
    reviews.submit(session, review_of(got, made.users[0], "acceptable"), None, got.token)
    queue.extend(session, got.assignment_id, got.token)


def _somebody_elses(session: Session, made: Scene) -> None:
    got = _claim(session, made)
    drafts.save(session, got.assignment_id, made.users[1], {"text": "x"}, 1)


def _steps(session: Session, made: Scene) -> None:
    got = _claim(session, made)
    reviews.submit(session, review_of(got, made.users[0], first_wrong_step=7), None, got.token)


def _wordless(session: Session, made: Scene) -> None:
    reviews.add_correction(session, reviews.NewCorrection(made.users[0], made.outputs[0], " "))


def _labels(session: Session, made: Scene) -> None:
    projects.create(session, slug="labels", name="L", item_type="label", labels=["one"])


def _token(session: Session, made: Scene) -> None:
    tokens.create(session, made.users[0], "p", ["everything"], days=30)


REFUSALS: dict[str, tuple[Act, str]] = {
    "no project": (lambda s, m: projects.get(s, 987), "es gibt kein Projekt 987"),
    "no user": (lambda s, m: users.get(s, 987), "es gibt kein Konto 987"),
    "no team": (lambda s, m: teams.get(s, 987), "es gibt kein Team 987"),
    "no job": (lambda s, m: jobs.get(s, 987), "es gibt keinen Auftrag 987"),
    "no item": (lambda s, m: items.get(s, 987), "es gibt keine Aufgabe 987"),
    "no output": (lambda s, m: outputs.get(s, 987), "es gibt keine Ausgabe 987"),
    "no lesson": (lambda s, m: lessons.get(s, 987), "es gibt keine Lektion 987"),
    "no export": (lambda s, m: exports.get(s, 987), "es gibt keinen Export 987"),
    "no webhook": (lambda s, m: webhooks.get(s, 987), "es gibt keinen Webhook 987"),
    "no probe": (lambda s, m: edit_suites.remove(s, 987, m.users[0]), "es gibt keine Probe 987"),
    "no retrieval": (lambda s, m: outputs.vote_chip(s, 987, "used", m.users[0]), "es gibt keinen Abruf 987"),
    "a name": (lambda s, m: users.create(s, "", "admin"), "ein Name hat 1 bis 80 Zeichen"),
    "a name twice": (
        lambda s, m: [users.create(s, "Ada", "admin") for _ in "12"],
        "jemand heißt schon Ada: Wählen Sie einen anderen Namen",
    ),
    "a team": (lambda s, m: teams.create(s, "", by=None), "der Name eines Teams hat 1 bis 80 Zeichen"),
    "a team twice": (
        lambda s, m: [teams.create(s, "Red", by=None) for _ in "12"],
        "es gibt schon ein Team Red: Wählen Sie einen anderen Namen",
    ),
    "an address": (
        lambda s, m: projects.create(s, slug="No!", name="N", item_type="reasoning"),
        "'No!' kann keine Adresse eines Projekts sein: Nutzen Sie kleine Buchstaben, Ziffern und Bindestriche",
    ),
    "one label": (_labels, "ein Projekt mit Labels braucht mindestens zwei verschiedene Labels"),
    "an event": (
        lambda s, m: webhooks.add(s, "https://a.example/x", [], project_id=None, user_id=None),
        "wählen Sie mindestens ein Ereignis",
    ),
    "a link": (
        lambda s, m: webhooks.add(s, "ftp://a.example", ["review.submitted"], project_id=None, user_id=None),
        "schreiben Sie eine Adresse wie https://host/path mit höchstens ",
    ),
    "one piece": (
        lambda s, m: subtasks.split(s, m.items[0], ["one"], m.users[0]),
        "schreiben Sie mindestens zwei Teilaufgaben, mit einer leeren Zeile dazwischen",
    ),
    "one lesson": (
        lambda s, m: lesson_merging.merge(s, [1], m.users[0], kind="rule", text="t", applicability="a"),
        "wählen Sie 2 bis 20 Lektionen zum Zusammenführen",
    ),
    "no reason": (_skip_wordless, "sagen Sie in wenigen Worten, warum"),
    "submitted twice": (_twice, "Diese Aufgabe wurde schon abgesendet."),
    "not yours": (_somebody_elses, "nur wer eine Aufgabe hat oder hatte, kann dazu einen Entwurf aufbewahren"),
    "no such step": (_steps, "die Antwort hat 2 Schritte und keinen Schritt 8"),
    "no words": (_wordless, "sagen Sie in Worten, was falsch ist, oder schreiben Sie die Antwort neu"),
    "not yours to reopen": (
        lambda s, m: queue.reopen(s, _claim(s, m).assignment_id, m.users[1]),
        "nur was Sie selbst abgesendet haben, lässt sich wieder öffnen",
    ),
    "not set aside": (
        lambda s, m: queue.put_back(s, _claim(s, m).assignment_id, m.users[1]),
        "nur eine beiseitegelegte Aufgabe lässt sich zurücklegen",
    ),
    "a scope": (_token, "Diesen Bereich gibt es nicht: everything. Es gibt: "),
    "a kind of error": (
        lambda s, m: error_types.parse("one part"),
        "'one part' ist keine Fehlerart: Schreiben Sie key | Title | Definition, eine je Zeile",
    ),
    "a critic": (lambda s, m: critics.REGISTRY.make("nobody"), "kein critic heißt 'nobody'; es gibt: "),
    "a policy": (lambda s, m: policies.REGISTRY.make("nobody"), "kein policy heißt 'nobody'; es gibt: "),
    "a pattern": (lambda s, m: patterns.compile_pattern(""), "Ein Muster hat 1 bis "),
    "a file of rules": (lambda s, m: rule_file.load("name: x"), "eine Regeldatei ist eine Liste: "),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_reads_german(what: str, made: tuple[Session, Scene]) -> None:
    act, german = REFUSALS[what]
    with pytest.raises((ValueError, LookupError, PermissionError, queue.LostClaim)) as refused:
        act(*made)
    english = str(refused.value.args[-1] if isinstance(refused.value, queue.LostClaim) else refused.value.args[0])
    assert languages.of_error(english) == english
    with languages.using("de"):
        assert languages.of_error(english).startswith(german), languages.of_error(english)
        assert languages.of_error(english) != english


def test_what_the_page_says_of_the_database_reads_german() -> None:
    english = trouble.in_words(SQLAlchemyError("gone"))
    with languages.using("de"):
        assert languages.of_error(english).startswith("Die Datenbank hat nicht geantwortet.")


def test_every_kind_of_error_has_a_german_title_and_definition() -> None:
    english = review_steps.in_words(error_types.ERROR_TYPES)
    assert english == error_types.ERROR_TYPES
    with languages.using("de"):
        german = review_steps.in_words(error_types.ERROR_TYPES)
    assert [one.key for one in german] == [one.key for one in english]
    assert all(g.title != e.title and g.definition != e.definition for g, e in zip(german, english, strict=True))
