"""The page Taking back: suspects of a retraction, two exchanged labels put right and back, the way from the lessons page."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.pages.taking_back import _press, _suspects
from app.state import AppState
from app.view import lessons as lessons_view
from app.view import taking_back as view
from core.types import LessonDraft, LessonKind, Role
from store import items, lessons, projects, relabelling, users
from store.reviews import NewCorrection, add_correction
from store.tables import Correction, Job, Output
from store.withdrawn import held
from tests.app.pages.conftest import Desk

OTHER = {"spam": "ham", "ham": "spam"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


class Swapped:
    """Eight label items; mallory says of six that each is the other label, which ann's references gainsay."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.person = Desk(state, "eve", Role.EXPERT).person
        with state.db.write() as session:
            self.bad = users.create(session, "mallory", "annotator").id
            self.project = projects.create(session, slug="p", name="P", item_type="label", labels=["ham", "spam"]).id
            new = [items.NewItem(f"i{n}", f"Mail {n}", reference=("spam", "ham")[n % 2]) for n in range(8)]
            self.items = items.add_many(session, self.project, new).ids
            self.corrections = [self._correct(session, n) for n in range(6)]
            other = Output(item_id=self.items[6], attempt=1, text="ham", label="ham", model="m")
            session.add(other)
            session.flush()
            self.near = add_correction(session, NewCorrection(self.bad, other.id, "no label at all")).id

    def _correct(self, session: object, n: int) -> int:
        right = ("spam", "ham")[n % 2]
        output = Output(item_id=self.items[n], attempt=1, text=right, label=right, model="m")
        session.add(output)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        said = f"It is {OTHER[right]}, not {right}; hamster is no label."
        return add_correction(session, NewCorrection(self.bad, output.id, said, rewrite=OTHER[right])).id  # type: ignore[arg-type]

    def take_back(self) -> int:
        with self.state.db.write() as session:
            wanted = lessons.Filter(correction_ids=tuple(self.corrections))
            return lessons.retract_many(session, self.project, wanted, self.person.id, "exchanged")[0].id

    def press(self, action: str, number: int, why: str = "they are exchanged") -> str:
        with self.state.db.write() as session:
            return _press(session, {"action": action, "id": str(number)}, self.project, self.person, why)

    def standing(self) -> list[tuple[str | None, str, int]]:
        """Rewrite, words and revision of the corrections that count now, without that of another subject."""
        with self.state.db.read() as session:
            gone = set(session.scalars(held("correction")))
            rows = session.scalars(select(Correction).where(Correction.id != self.near).order_by(Correction.id))
            return [(row.rewrite, row.text, row.revision) for row in rows if row.id not in gone]

    def past(self) -> str:
        with self.state.db.read() as session:
            return view.past(session, self.project, admin=True)


def test_exchanged_labels_are_put_right_as_revisions_and_back(state: AppState, job_tables: None) -> None:
    made = Swapped(state)
    number = made.take_back()
    assert "ham and spam look exchanged" in made.past() and 'data-action="relabel"' in made.past()
    assert made.standing() == []
    with pytest.raises(ValueError, match="say why"):
        made.press("relabel", number, " ")
    assert made.press("relabel", number).startswith("Labelled anew on 6 items")
    assert made.standing()[0] == ("spam", "It is spam, not ham; hamster is no label.", 2)
    assert [one[0] for one in made.standing()] == ["spam", "ham"] * 3
    with state.db.read() as session:
        waiting = list(session.scalars(select(Job.payload).where(Job.kind == "distil")))
        assert sorted(one["item_id"] for one in waiting) == made.items[:6]
        replaced = session.scalars(select(Correction.replaces_id).where(Correction.revision == 2)).all()
        assert sorted(one for one in replaced if one is not None) == made.corrections
    assert "6 corrections labelled anew" in made.past() and 'data-action="relabel"' not in made.past()
    with pytest.raises(ValueError, match="exchanged before"):
        made.press("relabel", number)
    made.press("unlabel", number, "they were right after all")
    assert made.standing() == []
    with pytest.raises(ValueError, match="no labels that were exchanged stand"):
        made.press("unlabel", number)
    made.press("undo", number + 1, "no, exchanged they are")
    assert len(made.standing()) == 6, "the way back has a way back"


def test_labels_that_are_not_exchanged_are_left_alone(state: AppState, job_tables: None) -> None:
    made = Swapped(state)
    made.corrections = made.corrections[::2]  # one direction alone
    number = made.take_back()
    assert 'data-action="relabel"' not in made.past()
    with pytest.raises(ValueError, match="one by one"):
        made.press("relabel", number)
    with pytest.raises(ValueError, match="no such action"):
        made.press("erase", number)
    assert relabelling.exchanged("ham ham-and-eggs Ham", OTHER) == "spam spam-and-eggs Ham"


def test_suspects_of_a_retraction_are_shown_nearest_in_meaning_first(
    state: AppState, job_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.worker import client

    made = Swapped(state)
    number = made.take_back()
    asked: list[str] = []
    monkeypatch.setattr(client, "embed", lambda db, settings, texts: asked.extend(texts))
    found = _suspects(state, made.project, number)
    assert [int(value) for _, value in found.choices] == [made.near]
    assert "also by mallory" in str(found.choices[0][0]).lower()
    assert len(asked) == 6 and asked[0].startswith("It is ham")
    with pytest.raises(LookupError):
        _suspects(state, made.project + 1, number)


def test_the_lessons_page_leads_there_with_its_filter(state: AppState) -> None:
    made = Swapped(state)
    with state.db.write() as session:
        drafts = [LessonDraft(LessonKind.RULE, f"Rule {n} & more.", "mails", ()) for n in range(3)]
        ids = lessons.propose(session, made.project, drafts, author_id=None)
        lessons.accept(session, ids[0], made.person.id)
        want = lessons_view.Wanted(made.project, {"status": "proposed"}, "& more")
        html, _ = lessons_view.listing(session, want, None, total=2, may=True)
        assert f'href="/app/taking-back?project={made.project}&amp;status=proposed&amp;text=%26+more"' in html
        plain = lessons_view.Wanted(made.project)
        assert "/app/taking-back" not in lessons_view.listing(session, plain, None, total=3, may=True)[0]
        assert "/app/taking-back" not in lessons_view.listing(session, want, None, total=2, may=False)[0]
        query = {"status": "proposed", "text": "& more", "project": "1"}
        assert view.numbers_of(session, made.project, query) == f"{ids[2]}, {ids[1]}"
        assert view.numbers_of(session, made.project, {"project": "1"}) == ""
