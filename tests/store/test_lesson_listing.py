"""Facets agree with the list, whatever is chosen; pages by key give every lesson once."""

from __future__ import annotations

import itertools

from core.types import LessonDraft, LessonKind
from store import lesson_listing, lessons, tables
from store.engine import Database
from store.lesson_listing import FACETS, Place
from tests.factories import build, scene


def test_counts_agree_with_the_list_for_every_choice_of_two_facets(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        project, user = made.project_id, made.users[0]
        for n, key in enumerate(("lessons:1:a", "distil:item:1:b", None, None, None)):
            related = [[1, "contradicts"]] if n == 2 else [[1, "specialises"]] if n == 3 else None
            extra = (
                {"related": related} if related else {"case": {"prompt": 'say "contradicts"] and "related"'[: 20 * n]}}
            )
            draft = LessonDraft(list(LessonKind)[n % 2], f"Rule {n} 100 %", "always", (), extra=extra)
            (id_,) = lessons.propose(session, project, [draft], author_id=user if n > 2 else None, effect_key=key)
            if n % 2:
                lessons.accept(session, id_, user)
        build(session, tables.Retrieval, lesson_id=id_, output_id=made.outputs[0])
        build(session, tables.LessonProposal, lesson_id=id_, state="open")
        build(session, tables.LessonProposal, lesson_id=id_ - 1, state="dismissed")
        build(session, tables.Lesson)  # of another project
    with db.read() as session:
        cells = lesson_listing.census(session, project)
        every = lesson_listing.counts(cells, {})
        assert every.total == 5 and set(every.facets) == set(FACETS)
        assert every.facets["source"] == {"import": 1, "distiller": 1, "person": 3}
        assert every.facets["relations"] == {"contradicts": 1, "related": 1, "none": 3}
        assert every.facets["use"] == {"lately": 1, "never": 4} and every.facets["retire"] == {"proposed": 1, "no": 4}
        for one, two in itertools.combinations(FACETS, 2):
            for value in every.facets[one]:
                left = lesson_listing.counts(cells, {one: value})
                for other, number in left.facets[two].items():
                    choice = {one: value, two: other}
                    rows, _ = lesson_listing.page(session, project, choice)
                    assert len(rows) == number == lesson_listing.counts(cells, choice).total, choice
        assert lesson_listing.counts(lesson_listing.census(session, project, "rule 3 100 %"), {}).total == 1
        assert lesson_listing.among(session, project, {"status": "active"}, [1, 2, 3, 99]) == {2}


def test_pages_give_every_lesson_once_those_to_decide_first(db: Database) -> None:
    with db.write() as session:
        project = build(session, tables.Project).id
        ids = [
            build(session, tables.Lesson, project_id=project, status="proposed" if n % 3 else "active").id
            for n in range(20)
        ]
    seen: list[int] = []
    place: Place | None = None
    with db.read() as session:
        while True:
            rows, place = lesson_listing.page(session, project, {}, after=place, limit=3)
            seen += [row.id for row in rows]
            if place is None:
                break
    wanted = [id_ for n, id_ in enumerate(ids) if n % 3][::-1] + ids[::3][::-1]
    assert seen == wanted
