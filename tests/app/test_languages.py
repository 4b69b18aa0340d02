"""Pages in the reader's language: catalogues, which language a request is in, and how it is chosen."""

from __future__ import annotations

import threading
from pathlib import Path

import gradio as gr
import pytest
from pydantic import ValidationError
from starlette.requests import Request

from app import auth, language_choice
from app.language_choice import in_language, of_path
from app.settings import Settings
from app.view import languages, words
from app.view.languages import N_, _, choices, ngettext, using
from app.view.render import age, count, environment, render
from core.types import Role
from tests import i18n
from tests.app.conftest import PASSWORD, Web

HTML = {"accept": "text/html", "accept-language": "de-AT,de;q=0.9,en;q=0.5"}


def test_texts_are_looked_up_when_they_are_shown() -> None:
    label = N_("Sign in")
    assert _(label) == "Sign in"
    with using("de"):
        assert _(label) == "Anmelden" and _("no such text") == "no such text" and _("") == ""
        assert choices([(label, "in")]) == [("Anmelden", "in")]
        assert ngettext("1 day ago", "{n} days ago", 1) == "vor 1 Tag"
        assert ngettext("1 day ago", "{n} days ago", 3).format(n=3) == "vor 3 Tagen"
        with using("xx"):
            assert _(label) == "Sign in"
    assert _(label) == "Sign in" and ngettext("one", "many", 2) == "many"


def test_a_thread_begins_in_english() -> None:
    said = []
    with using("de"):
        thread = threading.Thread(target=lambda: said.append(_("Sign in")))
        thread.start()
        thread.join()
    assert said == ["Sign in"]


def test_figures_and_stored_words_have_the_marks_of_the_language() -> None:
    assert (count(1234, "item"), words.decimal(1.25, 2), words.words("missing_step")) == (
        "1,234 items",
        "1.25",
        "missing step",
    )
    with using("de"):
        assert count(1234, "item") == "1.234 Aufgaben" and count(1, "item") == "1 Aufgabe"
        assert words.decimal(1.25, 2) == "1,25" and words.words("missing_step") == "fehlender Schritt"
        assert words.job_name("generate") == "Aufgaben beantworten" and age(None) == "nie"


def test_templates_escape_values_in_every_language() -> None:
    template = environment().from_string("{% trans name=given %}only {{ name }}{% endtrans %}")
    with using("de"):
        assert template.render(given="<b>") == "nur &lt;b&gt;"
    assert template.render(given="<b>") == "only &lt;b&gt;"


def test_messages_of_the_core_are_known_by_their_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [("no {} with the number {}", "kein {0} mit der Nummer {1}"), ("{{}} is {}", "{{}} ist {}")]
    patterns = [(languages._pattern(msgid), msgstr) for msgid, msgstr in known]
    monkeypatch.setattr(languages, "_patterns", lambda language: patterns)
    with using("de"):
        assert languages.of_error("No lesson with the number 7.") == "kein lesson mit der Nummer 7"
        assert languages.of_error("{} is {odd}") == "{} ist {odd}"
        assert languages.of_error("something else") == "something else"
    assert languages.of_error("no lesson with the number 7") == "no lesson with the number 7"


def test_an_address_names_its_language() -> None:
    assert [of_path(path) for path in ("/de/app/review", "/app", "/admin/", "/login", "/de", "/application", "/fr/app/")] == [
        "de", "en", "en", None, None, None, None,
    ]  # fmt: skip
    assert in_language("/app/review?queue=3", "de") == "/de/app/review?queue=3"
    assert in_language("/de/admin/", "en") == "/admin/"
    assert in_language("/login?next=%2Fde%2Fapp%2F%3Fa%3D1", "en") == "/login?next=%2Fapp%2F%3Fa%3D1"
    assert in_language("/account", "de") == "/account"


@pytest.mark.parametrize(
    ("header", "codes"),
    [("en;q=0.5, de-AT", ["de", "en"]), ("", []), ("de;q=0", []), ("fr, de;q=x, en;q=0.1", ["fr", "en"])],
)
def test_what_a_browser_asks_for(header: str, codes: list[str]) -> None:
    assert [code for code in language_choice._accepted(header) if code] == codes


def test_a_page_without_a_language_leads_to_the_readers(web: Web) -> None:
    ada = web.client("ada", Role.ADMIN)
    answer = ada.get("/app/review?queue=3", headers=HTML)
    assert answer.status_code == 303 and answer.headers["location"] == "/de/app/review?queue=3"
    assert ada.get("/app/review", headers={"accept": "text/html"}).status_code == 200
    assert ada.get("/app/config", headers=HTML).status_code == 200  # no page: what the page asks for stays where it is
    ada.cookies.set(language_choice.COOKIE, "en")
    assert ada.get("/app/review", headers=HTML).status_code == 200
    assert ada.get("/de/app/review", headers=HTML).status_code == 200  # an address with a language is that language's


def test_german_pages_are_built_in_german_and_guarded_as_the_english_ones(web: Web) -> None:
    ann, nobody = web.client("ann"), web.client()
    page = ann.get("/de/app/", headers=HTML)
    assert (
        page.status_code == 200
        and 'lang="de"' in page.text.partition("<head>")[0]
        and "Zum Inhalt springen" in page.text
    )
    refused = ann.get("/de/admin/", headers=HTML)
    assert refused.status_code == 403 and '<html lang="de">' in refused.text and "Nicht für Ihre Rolle" in refused.text
    assert ann.get("/de/admin/config").status_code == 401
    sent = nobody.get("/de/app/lessons?project=1", headers=HTML)
    assert sent.status_code == 303 and sent.headers["location"] == "/login?next=/de/app/lessons%3Fproject%3D1"
    form = nobody.get(sent.headers["location"], headers={"accept-language": "en"})
    assert "<h1>Anmelden</h1>" in form.text and 'value="/de/app/lessons?project=1"' in form.text
    english = ann.get("/app/", headers={"accept": "text/html"})
    assert "Zum Inhalt springen" not in english.text and 'lang="en"' in english.text.partition("<head>")[0]


def test_german_events_are_refused_to_another_site_and_too_large_ones_too(web: Web) -> None:
    ann = web.client("ann", Role.ADMIN)
    foreign = ann.post("/de/app/gradio_api/queue/join", headers={"origin": "http://evil.example"}, json={})
    assert foreign.status_code == 403
    large = {"content-length": str(9 * 1024 * 1024)}
    assert ann.post("/de/app/gradio_api/queue/join", headers=large, content=b"{}").status_code == 413
    assert ann.post("/de/admin/gradio_api/upload", headers=large, content=b"{}").status_code != 413


def test_wrong_sign_in_is_told_in_the_language_of_the_page_wanted(web: Web) -> None:
    auth.make_user(web.db, "ada", PASSWORD)
    answer = web.client().post("/login", data={"name": "ada", "password": "wrong", "next": "/de/app/"})
    assert answer.status_code == 401 and "Name oder Passwort ist falsch" in answer.text


def test_the_choice_is_kept_and_leads_back_to_the_page(web: Web) -> None:
    ann = web.client("ann")
    referer = {"referer": "http://127.0.0.1/app/lessons?project=2", "origin": "http://127.0.0.1"}
    answer = ann.post("/language", data={"to": "de"}, headers=referer)
    assert answer.status_code == 303 and answer.headers["location"] == "/de/app/lessons?project=2"
    assert "language=de" in answer.headers["set-cookie"] and "SameSite=lax" in answer.headers["set-cookie"]
    assert "<h1>Ihr Konto</h1>" in ann.get("/account").text
    assert ann.get("/app/", headers={"accept": "text/html"}).headers["location"] == "/de/app/"


@pytest.mark.parametrize(
    "referer",
    ["http://evil.example/app/", "http://127.0.0.1//evil.example/", "http://127.0.0.1/\\evil.example", "", "x"],
)
def test_the_choice_leads_nowhere_else(web: Web, referer: str) -> None:
    answer = web.client("ann").post("/language", data={"to": "de"}, headers={"referer": referer})
    assert answer.status_code == 303 and answer.headers["location"] == "/de/app/"
    other = web.client().post("/language", data={"to": "de"}, headers={"origin": "http://evil.example"})
    assert other.status_code == 403 and "set-cookie" not in other.headers


def test_an_unknown_choice_is_the_first_language(web: Web) -> None:
    assert "language=en" in web.client().post("/language", data={"to": "xx"}).headers["set-cookie"]


def test_programs_read_english(web: Web) -> None:
    ann = web.client("ann")
    ann.cookies.set(language_choice.COOKIE, "de")
    assert ann.get("/api/v1/projects/999", headers=HTML).json()["detail"] == "There is no project 999."


def test_an_event_speaks_the_language_of_its_page(web: Web) -> None:
    """A handler that Gradio runs knows nothing of the request but its scope."""
    scope = {"type": "http", "path": "/de/app/gradio_api/queue/join", "headers": [], "corrigenda.state": web.state}
    with using("en"), pytest.raises(gr.Error, match="Sie sind abgemeldet"):
        auth.require(gr.Request(Request(scope)))


def test_languages_are_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).languages == ["en", "de"]
    monkeypatch.setenv("CORRIGENDA_LANGUAGES", "de, en")
    assert Settings(data_dir=tmp_path).languages == ["de", "en"]
    monkeypatch.setenv("CORRIGENDA_LANGUAGES", "en,xx")
    with pytest.raises(ValidationError, match="CORRIGENDA_LANGUAGES takes en, de"):
        Settings(data_dir=tmp_path)


def test_one_language_offers_no_choice() -> None:
    with using("en", ["en"]):
        assert "/language" not in render("language.html")
    with using("de", ["en", "de"]):
        assert 'lang="en"' in render("language.html") and "English" in render("language.html")


def test_scripts_are_given_what_they_say() -> None:
    texts = languages.script_texts("de")
    assert '"next step": "nächster Schritt"' in texts and "<" not in texts
    assert languages.script_texts("en") == "{}"
    assert languages.said_in("say('it\\'s', x) sayCount(n, 'one', 'many') said: 'no'") == ["it's", ("one", "many")]


def test_catalogues_have_the_placeholders_and_forms_of_the_source() -> None:
    assert i18n.faults() == []


def test_every_marked_text_has_a_translation() -> None:
    assert [f"{one.place}: {one.key}" for one in i18n.missing(i18n.texts())] == []
