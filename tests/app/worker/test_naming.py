"""Names that people put right: from a rewrite to a lesson, into the next prompt, and out of it when the correction is taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from core.lessons.entities import Entity, as_draft
from core.types import LessonKind, Verdict
from store import items, judgements, lessons, outputs, reviews
from store.tables import Lesson, Output, Retrieval
from tests.app.worker.loop import QUIET, Loop

HEARD, RIGHT = "then gunner rode to hildarend", "then Gunnar rode to Hlidarendi"


def _item(loop: Loop, name: str, *hypotheses: str) -> int:
    with loop.db.write() as session:
        row = items.NewItem(name, hypotheses[0], meta={"hypotheses": list(hypotheses), "domain": "sagas"})
        return items.add_many(session, loop.project_id, [row]).ids[0]


def _asked(loop: Loop, item_id: int) -> tuple[str, list[int]]:
    """The system message of the newest answer, and the lessons in its prompt."""
    loop.run("generate", {"item_ids": [item_id]})
    with loop.db.read() as session:
        made = outputs.latest(session, item_id)
        assert made is not None
        used = select(Retrieval.lesson_id).where(Retrieval.output_id == made.id).order_by(Retrieval.rank)
        return dict(map(tuple, made.messages))["system"], list(session.scalars(used))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_name_that_was_put_right_is_in_the_next_prompt_until_it_is_taken_back(loop: Loop) -> None:
    loop.project(0, item_type="asr_transcript", prompts=[], settings=QUIET)
    first = _item(loop, "one", HEARD, "then gunnar rode to hlidarend")
    with loop.db.write() as session:
        output = outputs.add(session, outputs.NewOutput(first, HEARD, "recogniser"))
        new = reviews.NewCorrection(loop.user, output.id, "", rewrite=RIGHT)
        reviews.add_correction(session, new)
    made = loop.run("distil", {"item_id": first, "user_id": loop.user}).result["lesson_ids"]
    with loop.db.write() as session:
        named = {row.name: row for row in session.scalars(select(Lesson).where(Lesson.id.in_(made)))}
        assert {row.kind for row in named.values()} == {LessonKind.ENTITY} and set(named) == {"Gunnar", "Hlidarendi"}
        extra = named["Gunnar"].extra
        assert (extra["wrong"], extra["type"], extra["domain"]) == ("gunner", "name", "sagas")
        gunnar, place = named["Gunnar"].id, named["Hlidarendi"].id
        for id_ in made:
            lessons.accept(session, id_, loop.user)
    loop.run("embed", {"project_id": loop.project_id})
    second = _item(loop, "two", "when gonner came home", "when gunner came home", "when gunnar came home")
    system, used = _asked(loop, second)
    assert used == [gunnar] and "- Write “Gunnar” where “gunner” was heard." in system
    unlike = _item(loop, "three", "the weather was fine all day")
    assert _asked(loop, unlike)[1] == []
    third = _item(loop, "four", "they lived at hildar end")
    assert _asked(loop, third)[1] == [place]
    loop.retract(gunnar)
    system, used = _asked(loop, second)
    assert used == [] and "Gunnar" not in system
    assert _asked(loop, third)[1] == [], "it came from the same correction, which is withdrawn too"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_free_text_gets_names_alone_and_reasoning_none(loop: Loop) -> None:
    ids = loop.project(1, item_type="reasoning", prompts=[HEARD], settings=QUIET)
    with loop.db.write() as session:
        output = outputs.add(session, outputs.NewOutput(ids[0], HEARD, "m"))
        new = reviews.NewCorrection(loop.user, output.id, "", rewrite=RIGHT)
        reviews.add_correction(session, new)
    made = loop.run("distil", {"item_id": ids[0], "user_id": loop.user}).result["lesson_ids"]
    with loop.db.read() as session:
        kinds = set(session.scalars(select(Lesson.kind).where(Lesson.id.in_(made))))
        assert LessonKind.ENTITY not in kinds
        assert session.scalar(select(Output.id)) is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_risky_transcript_is_put_right_from_memory_without_the_model(loop: Loop) -> None:
    settings = {**QUIET, "reask": "entity_memory", "risk_threshold": 0.0}
    loop.project(0, item_type="asr_transcript", prompts=[], settings=settings)
    loop.fake.reply = lambda request: request.messages[-1].content
    loop.start()
    with loop.db.write() as session:
        row = items.NewItem("one", "gunner came")
        first = items.add_many(session, loop.project_id, [row]).ids[0]
        output = outputs.add(session, outputs.NewOutput(first, "gunner came", "recogniser"))
        for rewrite in ("Gunnar came", "Gunnar came."):
            reviews.add_correction(session, reviews.NewCorrection(loop.user, output.id, "", rewrite=rewrite))
        (id_,) = lessons.propose(
            session, loop.project_id, [as_draft(Entity("gunner", "Gunnar"), ())], author_id=loop.user
        )
        lessons.accept(session, id_, loop.user)
    second, other = _item(loop, "two", "then gunner left"), _item(loop, "three", "all was well")
    loop.run("generate", {"item_ids": [second, other]})
    asked = len(loop.fake.requests)
    with loop.db.read() as session:
        made, left = outputs.latest(session, second), outputs.latest(session, other)
        assert made is not None and left is not None
        assert (made.text, made.refiner, made.attempt) == ("then Gunnar left", "entity_memory", 2)
        assert session.scalar(select(Retrieval.lesson_id).where(Retrieval.output_id == made.id)) == id_
        assert left.attempt == 1 and asked == 2, "the model was asked once for each item"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_of_hypotheses_is_judged_by_them_and_by_what_people_put_right(loop: Loop, tmp_path: Path) -> None:
    loop.project(0, item_type="asr_transcript", prompts=[], settings={**QUIET, "generator": {"samples": 2}})
    with loop.db.write() as session:
        drafts = [as_draft(Entity("gunner", "Gunnar"), ())]
        (id_,) = lessons.propose(session, loop.project_id, drafts, author_id=loop.user)
        lessons.accept(session, id_, loop.user)
    file = tmp_path / "heard.jsonl"
    rows = [
        {"id": "sure", "hypotheses": ["all was well", "all was well"], "reference": "all was well"},
        {"id": "bad", "hypotheses": ["then gunner rode", "than gunnar rode"], "reference": "then Gunnar rode"},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    payload = {"path": str(file), "project_id": loop.project_id}
    assert loop.run("import", payload).result["answers"] == 2
    with loop.db.read() as session:
        made = {row.text: row for row in session.scalars(select(Output))}
        assert {row.model for row in made.values()} == {"recogniser"} and len(made) == 2
        said = {text: {v.source: v.verdict for v in judgements.votes(session, row.id)} for text, row in made.items()}
    assert said["all was well"]["agreement"] is Verdict.ACCEPTABLE
    assert (said["then gunner rode"]["agreement"], said["then gunner rode"]["lesson"]) == (Verdict.FAULTY,) * 2
    assert not loop.fake.requests, "no further answers are drawn of another's transcript"
