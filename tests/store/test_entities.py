"""The entity memory is read from the lessons table at that moment, with the corrections that stand behind each."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.lessons.entities import Entity, as_draft
from store import entities, lessons, outputs, projects, queue, reviews
from store.engine import Database
from tests.factories import Scene, review_of, scene


def _fixed(session: Session, made: Scene, place: int, text: str, rewrite: str) -> int:
    output = outputs.add(session, outputs.NewOutput(made.items[place], text, "recogniser"))
    new = reviews.NewCorrection(made.users[0], output.id, "the name", rewrite=rewrite)
    return reviews.add_correction(session, new).id


def test_active_entities_count_the_corrections_behind_them(db: Database) -> None:
    with db.write() as session:
        made = scene(session, queued=False)
        one = _fixed(session, made, 0, "gunner came", "Gunnar came")
        two = _fixed(session, made, 1, "a gunner", "a Gunnar")
        draft = as_draft(Entity("gunner", "Gunnar", "name"), (one,))
        id_ = lessons.propose(session, made.project_id, [draft], author_id=made.users[0])[0]
        assert entities.known(session, made.project_id) == []
        lessons.accept(session, id_, made.users[0])
        lessons.support(session, id_, [two], made.users[0])
        assert entities.known(session, made.project_id) == [Entity("gunner", "Gunnar", "name", "", 2, id_)]
        assert entities.known(session, made.project_id, without=[id_]) == []
        memory = entities.memory(session, made.project_id)
        assert memory.correct("gunner left").text == "Gunnar left"
        other = projects.create(session, slug="other", name="Other", item_type="text").id
        assert entities.known(session, other) == [] and len(entities.memory(session, other)) == 0
        lessons.retract(session, id_, made.users[0], "wrong")
        assert len(entities.memory(session, made.project_id)) == 0


def test_what_people_let_stand_is_among_the_decided_texts(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        claim = queue.claim_next(session, made.users[0], made.project_id, "annotate")
        assert claim is not None
        reviews.submit(session, review_of(claim, made.users[0], "acceptable"), None, claim.token)
        _fixed(session, made, 1, "gunner came", "Gunnar came")
        found = entities.decided(session, made.project_id)
        assert ("gunner came", "Gunnar came") in found
        assert [pair for pair in found if pair[0] == pair[1]] != []
