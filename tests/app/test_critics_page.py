"""What the critics page says, and that only admins change which version is in force."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.pages.critics import use
from app.view import critics as view
from app.worker import engine
from app.worker.heads import CRITIC
from store import critic_models, projects
from store.engine import Database
from store.tables import AuditEvent, Job, Review
from tests.critic_rows import reviewed_steps
from tests.factories import build


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_an_empty_project_says_what_is_missing(db: Database) -> None:
    with db.write() as session:
        project_id = projects.create(session, slug="p", name="P", item_type="reasoning").id
        book = view.read(session, project_id)
        assert "Nothing to compare yet" in text(view.summary(book))
        assert "Nothing was compared in this time" in text(view.mistakes(session, book, "", "7"))
        assert "No error has a kind yet" in text(view.types(book))
        assert "No answer was reviewed by two people yet" in text(view.people(session, book))
        assert "Nothing to compare yet" in text(view.influence(book))
        said = text(view.versions(session, project_id, admin=True))
        assert view.too_few(session, project_id).startswith(
            "Too few answers to learn from yet: 0 with a wrong step and 0"
        )
        assert "as delivered in force" in said and "does not use the critic" in said and "it needs 10" in said


def test_figures_mistakes_and_filters(db: Database) -> None:
    with db.write() as session:
        project_id, _ = reviewed_steps(session)
    with db.read() as session:
        book = view.read(session, project_id)
        assert book.critics == ["arithmetic", "step_head"]
        assert view.too_few(session, project_id) == ""
        said = text(view.summary(book))
        assert "Of 80 reviews" in said and "arithmetic 80 41 % [28 % to 56 %] of 44 100 %" in said
        week, everything = (view.mistakes(session, book, "", days) for days in ("7", ""))
        assert 0 < week.count('class="critic-note"') < everything.count('class="critic-note"') == view.SHOWN
        assert "The newest 30 are shown" in text(everything)
        only = view.mistakes(session, book, "arithmetic", "")
        assert "<strong>arithmetic</strong>" in only and "<strong>step head</strong>" not in only
        assert f"/app/review?project={project_id}&amp;item=" in only
        assert "False alarm" in week and "Miss" in week and "cleo-fruit said" in week


def test_types_people_and_influence(db: Database) -> None:
    with db.write() as session:
        project_id, _ = reviewed_steps(session, n=120)
    with db.read() as session:
        book = view.read(session, project_id)
        types, people, influence = text(view.types(book)), text(view.people(session, book)), text(view.influence(book))
    assert "large-model" in types and "small-model" in types and "Calculation error" in types and "suggested" in types
    assert "All pairs 40" in people and "cleo-fruit and dana-fruit 40" in people and "Where they differ" in people
    assert "points" in influence and "all critics together" in influence


def test_a_type_of_the_project_s_own_has_its_title(db: Database) -> None:
    own = {"key": "wrong_tone", "title": "Rudeness", "definition": "The step is rude."}
    with db.write() as session:
        project_id, (first, *_) = reviewed_steps(session, n=3, settings={"error_types": [own]})
        build(session, Review, output_id=first, first_wrong_step=0, error_type="wrong_tone")
        assert "Rudeness" in text(view.types(view.read(session, project_id)))


def test_text_of_people_and_models_is_escaped(db: Database) -> None:
    from core import steps
    from store import items, outputs

    with db.write() as session:
        made = projects.create(session, slug="x", name="X", item_type="reasoning")
        (item,) = items.add_many(session, made.id, [items.NewItem("<b>id</b>", "<script>alert(1)</script>")]).ids
        answer = "1. <img src=x onerror=alert(2)>\n2. So 4."
        output = outputs.add(session, outputs.NewOutput(item, answer, "m", steps=steps.split(answer)))
        build(session, Review, output_id=output.id, first_wrong_step=0, shown={"critiques": [["<i>c</i>", 1, -1]]})
        book = view.read(session, made.id)
        html = view.mistakes(session, book, "", "") + view.summary(book) + view.influence(book)
    assert "<script" not in html and "<img" not in html and "<b>id" not in html and "<i>c" not in html
    assert "&lt;script&gt;" in html


def test_using_a_version_is_on_record_and_lets_it_speak(db: Database) -> None:
    engine.prepare(db.engine.url.render_as_string(hide_password=False), 1)
    with db.write() as session:
        project_id, _ = reviewed_steps(session, n=3)
        user = session.scalars(select(Review.user_id)).first()
        assert user is not None
        model = critic_models.save(
            session, project_id, CRITIC, version="v1", state={}, figures={}, labels=3, current=False
        )
        use(session, project_id, str(model.id), user)
        assert critic_models.current(session, project_id, CRITIC) is model
        job = session.scalars(select(Job)).one()
        assert (job.kind, job.payload) == ("fit_critic", {"project_id": project_id, "train": False})
        use(session, project_id, "", user)
        assert critic_models.current(session, project_id, CRITIC) is None
        assert len(session.scalars(select(AuditEvent).where(AuditEvent.action == "critic_model.choose")).all()) == 2
        for wrong in ("one", "999"):
            with pytest.raises(LookupError):
                use(session, project_id, wrong, user)
