"""Full-text search of lessons on both databases: what is found, what is not, and what people may type."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from core.types import LessonDraft, LessonKind
from store import lessons
from store.engine import Database
from store.lesson_search import COMMON, search
from tests.factories import Scene, scene


@pytest.fixture
def made(db: Database) -> Scene:
    with db.write() as session:
        return scene(session, n_items=0)


def taught(db: Database, made: Scene, said: str, applies: str, *, name: str | None = None, active: bool = True) -> int:
    kind = LessonKind.PARAMETER if name else LessonKind.RULE
    with db.write() as session:
        draft = LessonDraft(kind, said, applies, (), name=name)
        lesson_id = lessons.propose(session, made.project_id, [draft], author_id=made.users[0])[0]
        if active:
            lessons.accept(session, lesson_id, made.users[0])
    return lesson_id


def found(db: Database, made: Scene, query: str, k: int = 20) -> list[int]:
    with db.read() as session:
        return search(session, made.project_id, query, k)


def test_words_of_text_applicability_and_name_are_found_best_first(db: Database, made: Scene) -> None:
    ferries = taught(db, made, "State the arrival as a clock time.", "A ferry leaves the harbour at noon.")
    table = taught(db, made, "Rotations count once.", "seating people around a round table")
    named = taught(db, made, "Use 9.81.", "falling bodies", name="gravity")
    assert found(db, made, "When does the ferry reach the harbour?") == [ferries]
    assert found(db, made, "How are guests seated around TABLES?") == [table], "endings and case do not matter"
    assert found(db, made, "the gravity of Mars") == [named]
    assert found(db, made, "a table in a harbour where ferries arrive at noon") == [ferries, table]
    assert found(db, made, "a table in a harbour where ferries arrive", k=1) == [ferries]
    assert found(db, made, "Who painted it?") == found(db, made, "what is this") == found(db, made, "") == []


def test_only_active_lessons_of_the_project_are_found_in_the_same_transaction(db: Database, made: Scene) -> None:
    kept = taught(db, made, "Mind the ferry.", "ferries")
    with db.write() as session:
        other = scene(session, n_items=0)
    taught(db, other, "Mind the ferry.", "ferries")
    proposed = taught(db, made, "Mind the ferry.", "ferries", active=False)
    gone = taught(db, made, "Mind the ferry.", "ferries")
    with db.write() as session:
        lessons.reject(session, proposed, made.users[0])
        assert gone in search(session, made.project_id, "ferry", 20)
        lessons.retract(session, gone, made.users[0], "wrong")
        assert search(session, made.project_id, "ferry", 20) == [kept]
    assert found(db, made, "ferry") == [kept]
    with pytest.raises(RuntimeError), db.write() as session:
        lessons.retract(session, kept, made.users[0], "a slip")
        raise RuntimeError("taken back with its transaction")
    assert found(db, made, "ferry") == [kept]


def test_a_changed_lesson_is_found_by_its_new_words_alone(db: Database, made: Scene) -> None:
    lesson = taught(db, made, "Mind the ferry.", "ferries")
    with db.write() as session:
        lessons.edit(session, lesson, made.users[0], text="Mind the bridge.", applicability="bridges")
    assert found(db, made, "ferry") == []
    assert found(db, made, "bridge") == [lesson]


def test_a_lesson_that_is_no_longer_valid_is_not_found(db: Database, made: Scene) -> None:
    lesson = taught(db, made, "Mind the ferry.", "ferries")
    with db.write() as session:
        lessons.get(session, lesson).valid_to = lessons.get(session, lesson).valid_from
    assert found(db, made, "ferry") == []


@pytest.mark.parametrize(
    "query",
    [
        '"', '"ferry', "ferry\" OR \"x", "ferry AND", "NOT ferry", "NEAR(ferry, 2)", "ferry*", "text:ferry", "-ferry", "^ferry",
        "ferry & !x | (y", "'ferry':*", "ferry:A", "\0ferry\0", "ferry\ud800", "🛳 ferry 🛳", "渡船 ferry フェリー", "% _ ferry \\",
        "ferry " + "x" * 100_000, "ferry " * 20_000, "; DROP TABLE lesson --ferry", "place : p1active ferry", "{name} : ferry",
    ],
)  # fmt: skip
def test_whatever_is_typed_is_words_and_no_syntax(db: Database, made: Scene, query: str) -> None:
    lesson = taught(db, made, "Mind the ferry.", "ferries")
    assert found(db, made, query) in ([lesson], []) and (found(db, made, query) == [lesson]) is ("ferry" in query)


def test_other_scripts_and_marks(db: Database, made: Scene) -> None:
    lesson = taught(db, made, "Größe angeben", "渡船 café Ωμέγα 🛳")
    for query in ("GRÖẞE", "渡船", "café", "ωμέγα"):
        assert found(db, made, query) == [lesson], query


def test_lessons_of_any_length_are_kept_and_found_by_their_beginning(db: Database, made: Scene) -> None:
    long = " ".join(f"word{n}x" for n in range(60_000))
    lesson = taught(db, made, long, f"ferries\n{long}")
    assert found(db, made, "word17x") == [lesson]
    with db.write() as session:
        lessons.edit(session, lesson, made.users[0], applicability="bridges")
    assert found(db, made, "ferries") == [] and found(db, made, "bridges") == [lesson]


def test_words_that_most_lessons_have_find_the_newest_and_do_not_hide_the_rare(db: Database, made: Scene) -> None:
    ids = []
    with db.write() as session:
        for number in range(COMMON + 20):
            said = "Mind the ferry." if number else "Mind the ferry to Ithaca."
            draft = LessonDraft(LessonKind.RULE, said, "boats", ())
            ids += lessons.propose(session, made.project_id, [draft], author_id=None)
            lessons.accept(session, ids[-1], made.users[0])
    with db.engine.connect() as connection, Session(connection) as session:
        if db.dialect == "postgresql":
            connection.execute(text("ANALYZE lesson_words"))  # rolled back: other tests have statistics of their own
        assert search(session, made.project_id, "a ferry, a ferry to Ithaca", 3) == ids[:1]
        for query in ("mind the ferry", "a ferry to Zanzibar"):
            assert search(session, made.project_id, query, 3) == ids[:-4:-1]
        connection.rollback()
