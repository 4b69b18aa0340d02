"""Pictures in the worker: the nearest one chooses among lessons, and a model that sees gets those of the item."""

from __future__ import annotations

from sqlalchemy import select

from core.generators.base import Capability
from core.images import checked
from core.types import LessonDraft, LessonKind
from store import images, lessons, lookups, outputs, reviews
from store.tables import Retrieval
from tests.app.worker.loop import QUIET, Loop
from tests.pictures import file

ASKED = "What is the name of the building that is shown here?"


def _learned(loop: Loop, item_id: int, text: str, kind: LessonKind) -> int:
    """A lesson that came from a correction on that item."""
    with loop.db.write() as session:
        output = outputs.add(session, outputs.NewOutput(item_id, "No idea.", "test"))
        correction = reviews.add_correction(session, reviews.NewCorrection(loop.user, output.id, text))
        draft = LessonDraft(kind, text, "asked for the name of a building that is shown", (correction.id,))
        made = lessons.propose(session, loop.project_id, [draft], author_id=loop.user)[0]
        lessons.accept(session, made, loop.user)
    return made


def _pictured(loop: Loop, item_id: int, seed: int) -> None:
    with loop.db.write() as session:
        images.put(session, item_id, [checked(file(seed))])


def _used(loop: Loop, item_id: int) -> set[int]:
    """Lessons in the prompt of the item's newest answer."""
    with loop.db.read() as session:
        made = outputs.latest(session, item_id)
        assert made is not None
        return set(session.scalars(select(Retrieval.lesson_id).where(Retrieval.output_id == made.id)))


def test_the_nearest_picture_chooses_among_exemplars_and_rules_stay(loop: Loop) -> None:
    first, second, asked = loop.project(3, prompts=[ASKED, ASKED, ASKED], item_type="text", settings=QUIET)
    _pictured(loop, first, 1)
    _pictured(loop, second, 2)
    tower = _learned(loop, first, "It is the Eiffel Tower.", LessonKind.EXEMPLAR)
    bridge = _learned(loop, second, "It is Tower Bridge.", LessonKind.EXEMPLAR)
    rule = _learned(loop, first, "Give the name in the local language.", LessonKind.RULE)
    loop.run("embed", {"project_id": loop.project_id})
    _pictured(loop, asked, 2)
    loop.run("generate", {"item_ids": [asked]})
    assert _used(loop, asked) == {bridge, rule}, "the tower's picture is another one"
    with loop.db.read() as session:
        made = outputs.latest(session, asked)
        log = lookups.of(session, made.id) if made is not None else None
    assert log is not None
    why = {hit["lesson"]: hit["why"] for hit in log.rounds[0]["hits"]}
    assert why[tower] == "another lesson's picture is nearer"
    loop.retract(bridge)
    loop.run("generate", {"item_ids": [asked]})
    assert _used(loop, asked) == {tower, rule}


def test_a_project_without_pictures_loads_no_image_encoder(loop: Loop) -> None:
    (item,) = loop.project(1)
    loop.lesson("Say numbers as digits.", "What is 3 + 4?")
    loop.run("generate", {"item_ids": [item]})
    assert loop.models is not None and loop.models._image_encoder is None


def test_a_model_that_sees_gets_the_pictures_and_no_other_does(loop: Loop) -> None:
    plain, shown = loop.project(2, item_type="text")
    _pictured(loop, shown, 1)
    loop.run("generate", {"item_ids": [plain, shown]})
    assert all(request.images == () for request in loop.fake.requests)
    loop.fake.requests.clear()
    loop.fake.capabilities = loop.fake.capabilities | {Capability.SEE}
    loop.run("generate", {"item_ids": [plain, shown]})
    seen = [request.images for request in loop.fake.requests]
    assert sorted(map(len, seen)) == [0, 1]
    assert next(one for one in seen if one)[0].startswith("data:image/png;base64,")
