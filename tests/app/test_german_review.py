"""What the review and queue pages show in German: our texts alone are translated, never a key, an id or a word of people."""

from __future__ import annotations

import re

from app.pages import review_reply
from app.view import languages, queue, review, review_steps
from core.types import Critique, LessonKind, QueueKind, StepLabel, Verdict, Vote
from tests import i18n
from tests.app.conftest import Web
from tests.browser import seeding

AREAS = (
    "assets/templates/review",
    "assets/templates/queue",
    "app/view/review.py",
    "app/view/review_steps.py",
    "app/view/queue.py",
    "app/view/adjudication.py",
    "app/view/transcript.py",
    "app/reviewing.py",
    "assets/js",
    *(
        f"app/pages/{path.name}"
        for path in (i18n.ROOT / "app/pages").glob("*.py")
        if path.name.startswith(("review", "queue"))
    ),
)


def test_every_text_of_these_pages_has_a_german_one() -> None:
    assert [one.key for one in i18n.missing(i18n.texts(AREAS))] == []


def test_a_lesson_keeps_its_keys_and_words() -> None:
    lesson = review.LessonView(7, "rule", "x", "Subtract <b>once</b>.", "money", "", "proposed", "x", "warn", False)
    with languages.using("de"):
        html = review_reply.lessons_block(review.LessonsCard("i1", "", True, (lesson,)))
    assert re.findall(r'<option value="(\w+)"', html) == [kind.value for kind in LessonKind]
    assert ">Regel</option>" in html and ">Annehmen</button>" in html and "Subtract &lt;b&gt;once&lt;/b&gt;." in html


def test_queues_keep_their_keys_and_have_two_names() -> None:
    english = [("Annotation", "annotate"), ("Experts", "expert"), ("Adjudication", "adjudicate"), ("Audit", "audit")]
    assert queue.kind_choices() == english
    with languages.using("de"):
        german = queue.kind_choices()
    assert [key for _, key in german] == [kind for _, kind in english] and dict(german)[
        "Stichproben"
    ] == QueueKind.AUDIT
    with languages.using("de"):
        assert queue.lasts(5, [5]) == "etwa 1 Stunde Arbeit bei diesem Tempo"
        assert queue.lasts(12_000, [1]) == "etwa 12.000 Stunden Arbeit bei diesem Tempo"


def test_votes_say_in_german_what_signals_said() -> None:
    votes = (
        Vote("agreement", Verdict.ACCEPTABLE, evidence='2 of 3 further answers also end in "4".'),
        Vote("annotators", Verdict.FAULTY, evidence="3 of 4 people said faulty."),
        Vote("judge", details={"chips": ("length-driven",), "orders": ("1", "2")}),
        Vote("mine", label="spam", evidence="Words of a person, {n} of them."),
    )
    with languages.using("de"):
        shown = {view.source: view for view in review.vote_views(votes, "ham", None)}
        said = {view.evidence: view.says for view in shown.values()}
    assert said["2 von 3 weiteren Antworten enden ebenfalls mit „4“."] == "dafür"
    assert said["3 von 4 Menschen sagten: fehlerhaft."] == "dagegen"
    assert said["Words of a person, {n} of them."] == "sagt spam"
    (judge,) = (view for view in shown.values() if view.chips)
    assert judge.chips[0][0] == "hängt von der Länge ab"
    assert (
        judge.orders == "Stand diese Antwort zuerst, wählte es: diese Antwort; stand sie an zweiter Stelle: die andere."
    )


def test_a_finding_keeps_the_capitals_of_german_nouns() -> None:
    critiques = [Critique(1, "arithmetic", StepLabel.WRONG, "20 - 17 is 3.", 0.99, "calculation_error")]
    english = review_steps.finding(critiques)
    with languages.using("de"):
        german = review_steps.finding(critiques)
        assert german is not None and german.inline == "Rechenfehler"
    assert english is not None and english.inline == "calculation error"
    assert (german.error_type, german.explanation) == (english.error_type, english.explanation)


def test_what_is_left_to_do_counts_as_germans_do() -> None:
    with languages.using("de"):
        empty = review.empty_view({"submitted": 12_345}, worker="", may_reopen=False)
    assert empty.causes == ("12.345 geprüft",) and empty.title == "Nichts wartet auf Sie."
    assert review.empty_view({"submitted": 12_345}, worker="", may_reopen=False).causes == ("12,345 reviewed",)


def test_a_program_reads_english_whatever_its_person_reads(web: Web) -> None:
    seeded = seeding.project(web.db, [seeding.ANSWER])
    client = web.client("uta")
    client.headers.update({"accept-language": "de", "origin": "http://127.0.0.1"})
    client.cookies.set("language", "de")
    held = client.post(f"/api/v1/projects/{seeded.project_id}/claims", json={}).json()
    sent = {"token": held["token"], "output_id": held["output"]["id"], "action": "submit"}
    refused = client.post(f"/api/v1/claims/{held['assignment_id']}/submit", json=sent)
    assert refused.status_code >= 400 and "Nothing is marked or typed yet." in refused.text, refused.text
