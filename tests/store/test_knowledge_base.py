"""A knowledge base goes out and comes back: the same rows, nothing twice, and no damaged file takes or loses anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.lessons import knowledge_base as files
from core.types import LessonDraft, LessonKind
from store import knowledge_base, lessons, projects, tables
from store.engine import Database
from store.lessons.forms import change
from tests.factories import Scene, build, corrected, scene


@pytest.fixture
def made(db: Database) -> Scene:
    """A rule with a source and a child, a parameter that contradicts, a suspended one, a rejected one and a retracted one."""
    with db.write() as session:
        made = scene(session, n_items=2)
        user = made.users[0]
        rule = LessonDraft(
            LessonKind.RULE,
            "Check the last sum.",
            "sums of small numbers",
            (corrected(session, made),),
            why="it added wrongly",
        )
        (first,) = lessons.propose(session, made.project_id, [rule], author_id=user)
        lessons.accept(session, first, user)
        build(session, tables.LessonProbe, lesson_id=first, kind="negative", text="How old is she?", made="drawn")
        lessons.edit(session, first, user, text="Check every sum again.", why="not only the last")
        child = LessonDraft(
            LessonKind.RULE, "Check sums of prices.", "prices", (), extra={"case": {"prompt": "Hm “<b>”?"}}
        )
        lessons.propose(
            session, made.project_id, [child], author_id=None, parents=[first], effect_key="distil:item:1:x"
        )
        more = [
            LessonDraft(
                LessonKind.PARAMETER,
                "VAT: 19 %",
                "tax",
                (),
                name="vat",
                extra={"value": "19 %", "related": [[first, "specialises"]]},
            )
        ]
        more += [
            LessonDraft(LessonKind.RULE, f"Never use the {word} dictionary here.", "style", ())
            for word in ("first", "second", "third")
        ]
        ids = lessons.propose(session, made.project_id, more, author_id=user)
        lessons.reject(session, ids[1], user, "no")
        lessons.accept(session, ids[2], user)
        lessons.retract(session, ids[2], user, "wrong")
        change(session, lessons.get(session, ids[3]), "lesson.suspend", user, "for now", status="suspended")
    return made


def write(db: Database, project_id: int, path: Path) -> list[str]:
    with db.read() as session:
        files.write(
            path, knowledge_base.rows(session, project_id), {"left_out": knowledge_base.left_out(session, project_id)}
        )
    return path.read_text().splitlines()


def bring(db: Database, project_id: int, path: Path, *, as_they_stand: bool = True) -> dict[str, int]:
    plain = files.check(path) is None
    so_far = knowledge_base.Brought()
    with db.write() as session:
        user = session.query(tables.User).first()
        knowledge_base.keep(
            session,
            project_id,
            list(files.rows(path)),
            so_far,
            user_id=user.id if user else None,
            as_they_stand=as_they_stand,
            plain=plain,
        )
    return so_far.told()


def another(db: Database, slug: str) -> int:
    with db.write() as session:
        return projects.create(session, slug=slug, name=slug, item_type="reasoning").id


def test_out_in_and_out_again_gives_the_same_rows(db: Database, made: Scene, tmp_path: Path) -> None:
    head, *lines = write(db, made.project_id, tmp_path / "a.jsonl")
    assert json.loads(head)["statuses"] == {"active": 1, "proposed": 2, "suspended": 1}
    assert json.loads(head)["left_out"] == {"rejected": 1, "retracted": 1}
    rows = [json.loads(line) for line in lines]
    assert [form["text"] for form in rows[0]["revisions"]] == ["Check the last sum."] * 2 + ["Check every sum again."]
    assert rows[0]["sources"][0]["item"] == "i0" and rows[0]["sources"][0]["text"] == "7, not 8"
    assert rows[0]["probes"] == [{"kind": "negative", "made": "drawn", "text": "How old is she?"}]
    assert rows[1]["parents"] == [rows[0]["id"]] and rows[2]["related"] == [[rows[0]["id"], "specialises"]]
    other = another(db, "other")
    assert bring(db, other, tmp_path / "a.jsonl")["added"] == 4
    assert write(db, other, tmp_path / "b.jsonl")[1:] == lines
    with db.read() as session:
        (active,) = lessons.page(session, other, status="active")
        assert active.valid_from is not None
        assert [one.text for one in lessons.lineage(session, active.id).children] == ["Check sums of prices."]


def test_bringing_it_again_changes_nothing_here_or_there(db: Database, made: Scene, tmp_path: Path) -> None:
    lines = write(db, made.project_id, tmp_path / "a.jsonl")
    other = another(db, "other")
    bring(db, other, tmp_path / "a.jsonl")
    for project in (made.project_id, other):
        before = write(db, project, tmp_path / "x.jsonl")
        assert bring(db, project, tmp_path / "a.jsonl") == {
            "added": 0,
            "unchanged": 4,
            "known": 0,
            "contradictions": 0,
            "related": 0,
        }
        assert write(db, project, tmp_path / "x.jsonl") == before
    assert len(lines) == 5


def test_what_is_brought_is_proposed_unless_said_otherwise(db: Database, made: Scene, tmp_path: Path) -> None:
    write(db, made.project_id, tmp_path / "a.jsonl")
    other = another(db, "other")
    bring(db, other, tmp_path / "a.jsonl", as_they_stand=False)
    with db.read() as session:
        assert sorted(one.status for one in lessons.page(session, other)) == [
            "proposed",
            "proposed",
            "proposed",
            "suspended",
        ]
        rule = min(lessons.page(session, other), key=lambda one: one.id)
        assert [(form.revision, form.status, form.why) for form in lessons.lineage(session, rule.id).revisions][-1] == (
            4,
            "proposed",
            "imported",
        )


def test_a_plain_list_is_compared_with_what_is_known(db: Database, made: Scene, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(
        json.dumps(
            [
                {"text": "Check every sum again", "applicability": "sums"},
                {"memory": "Do not check every sum again."},
                "Round prices to cents.",
                "Round prices to cents",
            ]
        )
    )
    told = bring(db, made.project_id, path, as_they_stand=False)
    assert (told["added"], told["known"], told["contradictions"]) == (3, 1, 1)
    again = bring(db, made.project_id, path, as_they_stand=False)
    assert (again["added"], again["unchanged"]) == (0, 3)
    with db.read() as session:
        (opposite,) = lessons.page(session, made.project_id, text="do not check")
        assert opposite.extra["related"][0][1] == "contradicts" and opposite.status == "proposed"
