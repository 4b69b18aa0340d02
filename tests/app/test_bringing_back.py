"""Export, import into an empty project, export again: the same bytes, for every format and kind of file. And what is refused."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import exporting
from app.bringing_back import bring_back, kind_of
from core.exporters import REGISTRY
from core.exporters.base import ExportAttempt, ExportRecord
from core.exporters.containers import SUFFIXES, Container
from core.exporters.reading import recognised
from core.types import ItemType, LessonDraft, Step, StepKind
from store import exported, lessons, outputs, projects, reviews, tables, users
from store.engine import Database
from store.tables import AuditEvent, Correction, Item, Output, Review, User
from tests.core.exporters.records import ALTERNATIVES, RICH, attempt, item
from tests.factories import build

NAMES = REGISTRY.names()
TEXT_NAMES = ("draft_to_reference", "edit_spans", "edit_pairs", "revise", "sft")
FORMATS = [*((name, "reasoning") for name in NAMES), *((name, "text") for name in TEXT_NAMES)]


def seeded(session: Session, slug: str, item_type: str = "reasoning") -> int:
    """A project in which people judged what the golden records hold, by the ways in which they do."""
    project = projects.create(
        session, slug=slug, name=slug, item_type=item_type, guidelines="Think in steps.", licence="CC0"
    )
    people = [build(session, tables.User).id for _ in range(2)]
    records = [*RICH, ALTERNATIVES]
    if item_type == "text":
        draft = attempt(201, steps=("Teh cat sat.",), verdict=None)
        records.append(item(20, draft, prompt="Mend it.", reference="The cat sat."))
        build(session, tables.Item, project_id=project.id, external_id="between", prompt="not answered")
    for record in records:
        _seed(session, project.id, record, people)
    return project.id


def _seed(session: Session, project_id: int, record: ExportRecord, people: list[int]) -> None:
    asked = record.question
    row = build(
        session, tables.Item, project_id=project_id, external_id=record.external_id, prompt=asked.prompt,
        context=asked.context, reference=record.reference, meta={"secret": "GOLD"},
    )  # fmt: skip
    ids: dict[int, int] = {}
    sources: list[int] = []
    for one in sorted((*record.attempts, *record.others), key=lambda a: a.number):
        new = outputs.NewOutput(
            row.id, one.text, one.model, attempt=one.number, parent_id=ids.get(one.parent_id or 0), steps=_steps(one)
        )
        ids[one.output_id] = outputs.add(session, new).id
        _judge(session, ids[one.output_id], one, people)
        sources += [
            reviews.add_correction(
                session,
                reviews.NewCorrection(
                    people[0],
                    ids[one.output_id],
                    c.text,
                    step_index=c.step_index,
                    error_type=c.error_type,
                    rewrite=c.rewrite,
                ),
            ).id
            for c in one.corrections
        ]
        for said in one.critiques:
            build(
                session, tables.Critique, output_id=ids[one.output_id], step_index=said.step_index, source=said.source,
                label=int(said.label), explanation=said.explanation, confidence=said.confidence,
            )  # fmt: skip
        rolled = [
            outputs.NewRollout(row.id, r.text, "tiny", ids[one.output_id], r.prefix_steps, outcome=r.right)
            for r in one.rollouts
        ]
        outputs.add_rollouts(session, rolled)
    for lesson in record.lessons:
        draft = LessonDraft(lesson.kind, lesson.text, lesson.applicability, tuple(sources))
        for id in lessons.propose(session, project_id, [draft], author_id=people[0]):
            lessons.accept(session, id, people[0])


def _steps(one: ExportAttempt) -> list[Step]:
    found, at = [], 0
    for index, text in enumerate(one.steps):
        start = one.text.index(text, at)
        at = start + len(text)
        found.append(Step(index, text, start, at, StepKind.REASONING))
    return found


def _judge(session: Session, output_id: int, one: ExportAttempt, people: list[int]) -> None:
    if one.verdict is None:
        return
    labels = [None if x is None else int(x) for x in one.step_labels]
    said = {"verdict": one.verdict.value, "first_wrong_step": one.first_wrong_step}
    for user in people[: max(one.reviews, 1)]:
        build(
            session, Review, output_id=output_id, user_id=user, **said, seconds=one.seconds, answer_right=one.answer_right,
            step_labels=labels, alternatives=[[s, t, None if x is None else int(x)] for s, t, x in one.alternatives],
        )  # fmt: skip


def export(db: Database, project_id: int, name: str, path: Path, container: Container) -> bytes:
    with db.read() as session:
        project = projects.get(session, project_id)
        exporting.write(
            session,
            project,
            path,
            REGISTRY.make(name),
            filters={},
            created_at="2026-03-01T10:00:00+00:00",
            container=container,
        )
    return path.read_bytes()


def back(db: Database, path: Path, name: str, project_id: int, **more: Any) -> dict[str, Any]:
    return bring_back(db.write, path, name, project_id, user_id=None, on_answers=lambda _: lambda ids: None, **more)


def empty(db: Database, slug: str, item_type: str = "reasoning") -> int:
    with db.write() as session:
        return projects.create(session, slug=slug, name=slug, item_type=item_type, licence="CC0").id


def accept_lessons(db: Database, project_id: int) -> None:
    with db.write() as session:
        for lesson in session.scalars(select(tables.Lesson).where(tables.Lesson.project_id == project_id)).all():
            with suppress(ValueError):
                lessons.accept(session, lesson.id, lesson.author_id or 1)


@pytest.mark.parametrize(("name", "item_type"), FORMATS)
def test_exported_imported_and_exported_again_the_rows_are_the_same_bytes(
    db: Database, tmp_path: Path, name: str, item_type: str
) -> None:
    with db.write() as session:
        build(session, tables.Item, project_id=projects.create(session, slug="other", name="o", item_type="text").id)
        here = seeded(session, "here", item_type)
    plain = export(db, here, name, tmp_path / "plain.jsonl", "jsonl")
    shows = name == "prm800k" or (name, item_type) == ("draft_to_reference", "text")  # whose rows hold it
    assert (b"GOLD" in plain) is shows
    for container, suffix in SUFFIXES.items():
        if container == "m2":
            continue  # no way back: it holds neither spacing nor items
        path = tmp_path / f"first{suffix}"
        first = export(db, here, name, path, container)
        assert recognised(path) == name
        assert kind_of(path, name) == (ItemType(item_type), ())
        there = empty(db, f"there-{container}", item_type)
        report = back(db, path, name, there)
        assert (report["error_count"], report["errors"]) == (0, []) and report["items"] == report["added"] > 0
        accept_lessons(db, there)  # lessons come as proposals
        assert export(db, there, name, tmp_path / "again.jsonl", "jsonl") == plain
        if container != "dataset":  # whose card names the project
            assert export(db, there, name, tmp_path / f"again{suffix}", container) == first


def counts(session: Session, project_id: int) -> dict[str, int]:
    mine = (Output.item_id == Item.id, Item.project_id == project_id)
    return {
        "items": session.scalar(select(func.count()).where(Item.project_id == project_id)) or 0,
        "outputs": session.scalar(select(func.count(Output.id)).where(*mine)) or 0,
        "reviews": session.scalar(select(func.count(Review.id)).where(Review.output_id == Output.id, *mine)) or 0,
        "corrections": session.scalar(select(func.count(Correction.id)).where(Correction.output_id == Output.id, *mine))
        or 0,
    }


@pytest.mark.parametrize("name", ["sft", "prm800k", "sorm", "critique_sft", "orm", "thought_template"])
def test_a_second_import_changes_nothing(db: Database, tmp_path: Path, name: str) -> None:
    with db.write() as session:
        here = seeded(session, "here")
    export(db, here, name, tmp_path / "a.jsonl", "jsonl")
    there = empty(db, "there")
    back(db, tmp_path / "a.jsonl", name, there)
    with db.read() as session:
        before = counts(session, there)
        events = session.scalar(select(func.count(AuditEvent.id)))
    again = back(db, tmp_path / "a.jsonl", name, there)
    with db.read() as session:
        assert counts(session, there) == before and session.scalar(select(func.count(AuditEvent.id))) == events
    assert again["unchanged"] == again["items"]
    assert [again[k] for k in ("added", "updated", "answers", "reviews", "corrections", "lessons")] == [0] * 6


def test_a_richer_file_of_the_same_items_adds_to_a_poorer_one(db: Database, tmp_path: Path) -> None:
    """What the second says of a judgement stands as its revision, and nothing is counted twice."""
    with db.write() as session:
        here = seeded(session, "here")
    for name in ("sft", "prm800k"):
        export(db, here, name, tmp_path / f"{name}.jsonl", "jsonl")
    there = empty(db, "there")
    back(db, tmp_path / "sft.jsonl", "sft", there)
    report = back(db, tmp_path / "prm800k.jsonl", "prm800k", there)
    assert report["error_count"] == 0 and report["reviews"] > 0
    for name in ("sft", "prm800k"):
        first = (tmp_path / f"{name}.jsonl").read_bytes().splitlines()
        second = export(db, there, name, tmp_path / "again.jsonl", "jsonl").splitlines()
        texts = [
            sorted(orjson.dumps({k: v for k, v in orjson.loads(row).items() if k != "corrigenda"}) for row in rows)
            for rows in (first, second)
        ]
        if name == "prm800k":
            assert texts[0] == texts[1]
        else:
            assert set(texts[0]) <= set(texts[1])
    with db.read() as session:
        standing = select(func.count()).where(
            Review.output_id == Output.id, Output.item_id == Item.id, reviews.is_current(Review)
        )
        doubled = session.execute(
            standing.where(Item.project_id == there).group_by(Output.id).having(func.count() > 1)
        ).all()
        assert len(doubled) == 1  # the answer of which two people judged


def test_nobody_is_credited_who_did_not_judge(db: Database, tmp_path: Path) -> None:
    with db.write() as session:
        here = seeded(session, "here")
    export(db, here, "prm800k", tmp_path / "a.jsonl", "jsonl")
    there = empty(db, "there")
    back(db, tmp_path / "a.jsonl", "prm800k", there)
    with db.read() as session:
        who = select(User).join(Review, Review.user_id == User.id).join(Output, Output.id == Review.output_id)
        (account,) = session.scalars(
            who.join(Item, Item.id == Output.item_id).where(Item.project_id == there).distinct()
        )
        assert (account.name, account.active, account.password_hash) == (exported.ACCOUNT, False, None)
        said = session.scalars(select(AuditEvent).where(AuditEvent.action == "item.import_reviewed")).all()
        assert said and all(event.user_id == account.id and event.new["reviews"] > 0 for event in said)
        assert all(
            review.shown == {"imported": True}
            for review in session.scalars(select(Review).where(Review.user_id == account.id))
        )
    with db.write() as session:
        users.activate(session, account.id)
        with pytest.raises(ValueError, match="give that account another name"):
            exported.account(session)


def test_answers_that_nobody_judged_are_told_to_be_looked_at(db: Database, tmp_path: Path) -> None:
    with db.write() as session:
        here = seeded(session, "here")
    export(db, here, "orm", tmp_path / "a.jsonl", "jsonl")
    there, told = empty(db, "there"), []
    bring_back(db.write, tmp_path / "a.jsonl", "orm", there, user_id=None, on_answers=lambda _: told.extend)
    with db.read() as session:
        texts = session.scalars(select(Output.text).where(Output.id.in_(told)).order_by(Output.id)).all()
    assert texts == [one.text for record in RICH for one in (*unjudged(record), *record.others)]


def unjudged(record: ExportRecord) -> list[ExportAttempt]:
    """Outputs of items that somebody judged another output of; an item that nobody judged is not exported."""
    judged = [bool(one.verdict or one.corrections) for one in record.attempts]
    return [one for one, said in zip(record.attempts, judged, strict=True) if any(judged) and not said]


# --- files of other programs and of older versions


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


ASKED, RIGHT = [said("user", "1+1?")], [said("assistant", "2")]
TRL: dict[str, list[dict[str, Any]]] = {
    "sft": [{"messages": [said("system", "Be brief."), *ASKED, *RIGHT]}],
    "dpo": [
        {"prompt": ASKED, "chosen": RIGHT, "rejected": [said("assistant", "3")]},
        {"prompt": ASKED, "chosen": RIGHT, "rejected": [said("assistant", "4")]},
    ],
    "kto": [
        {"prompt": ASKED, "completion": RIGHT, "label": True},
        {"prompt": ASKED, "completion": [said("assistant", "3")], "label": False},
    ],
    "sft_llamafactory": [{"instruction": "1+1?", "input": "", "output": "2", "system": ""}],
    "dpo_llamafactory": [
        {
            "conversations": [{"from": "human", "value": "1+1?"}],
            "chosen": {"from": "gpt", "value": "2"},
            "rejected": {"from": "gpt", "value": "3"},
        }
    ],
    "kto_llamafactory": [{"messages": [*ASKED, said("assistant", "3")], "label": False}],
    "math_shepherd": [{"input": "1+1? Step 1: 2 ки\nStep 2: 3 ки", "label": "1+1? Step 1: 2 +\nStep 2: 3 -", "task": "GSM8K"}],
    "edit_pairs": [{"source": "teh cat", "edits": [{"error": "teh", "correction": "the"}], "target": "the cat"}],
}  # fmt: skip


@pytest.mark.parametrize("name", TRL)
def test_files_of_other_programs_are_known_by_their_columns_and_read(db: Database, tmp_path: Path, name: str) -> None:
    path = tmp_path / "theirs.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in TRL[name]))
    assert recognised(path) == name
    there = empty(db, "there")
    report = back(db, path, name, there)
    assert (report["rows"], report["added"], report["errors"]) == (len(TRL[name]), 1, [])
    got = [orjson.loads(line) for line in export(db, there, name, tmp_path / "ours.jsonl", "jsonl").splitlines()]
    apart = {"corrigenda", "doc_id", "segment_id", "task", "edits"}
    wanted = [{k: v for k, v in row.items() if k not in apart} for row in TRL[name]]
    if name == "sft":  # guidelines are the project's, and an empty project takes them over
        with db.read() as session:
            assert projects.get(session, there).guidelines == "Be brief."
    key = orjson.dumps
    assert sorted(({k: v for k, v in row.items() if k in wanted[0]} for row in got), key=key) == sorted(wanted, key=key)
    assert back(db, path, name, there)["unchanged"] == 1


# --- what is refused


def test_bad_rows_are_named_and_the_good_ones_kept(db: Database, tmp_path: Path) -> None:
    with db.write() as session:
        here = seeded(session, "here")
    export(db, here, "prm_stepwise", tmp_path / "a.jsonl", "jsonl")
    lines = (tmp_path / "a.jsonl").read_bytes().splitlines()
    good = len(lines)
    row = orjson.loads(lines[0])

    def damaged(**info: Any) -> bytes:
        return orjson.dumps({**row, "corrigenda": {**row["corrigenda"], **info}})

    def source(**more: Any) -> str:
        return orjson.dumps({**orjson.loads(row["corrigenda"]["source"]), **more}).decode()

    bad: list[tuple[bytes, str]] = [
        (b"{broken", "Not valid JSON"),
        (b'"text"', "not an object"),
        (b'{"prompt": "\xff"}', "not UTF-8"),
        (orjson.dumps({"prompt": "q", "completions": []}), "carries no item"),
        (damaged(source="{"), "is not JSON"),
        (damaged(source="[]"), "must be an object"),
        (damaged(external_id=""), "names the item"),
        (damaged(external_id="y"), "carries item"),
        (damaged(source=source(format="sft")), "is of the format 'sft'"),
        (damaged(source=source(v=99)), "reads up to 1"),
        (damaged(source=source(prompt=3)), "'prompt' is not of the right type"),
        (damaged(source=source(type="poem")), "poem"),
        (damaged(source=source(attempts=[{"number": True, "text": "x"}])), "'number' is not of the right type"),
        (damaged(source=source(attempts=[{"number": 1}])), "'text' is missing"),
        (damaged(source=source(attempts=[{"number": 1, "text": "x", "verdict": "lovely"}])), "lovely"),
        (damaged(source=source(attempts=[{"number": 1, "text": "x", "corrections": [["a"]]}])), "6 values"),
        (
            damaged(source=source(attempts=[{"number": 1, "text": "x", "steps": ["x"], "step_labels": [1, 1]}])),
            "2 step labels",
        ),
        (
            damaged(source=source(attempts=[{"number": 1, "text": "x", "steps": ["x"], "first_wrong_step": 7}])),
            "no step 8",
        ),
        (damaged(external_id="lost", source=""), "the row that carries this item is missing"),
    ]
    path = tmp_path / "b.jsonl"
    path.write_bytes(b"\n".join([*(line for line, _ in bad), *lines]) + b"\n")
    there = empty(db, "there")
    report = back(db, path, "prm_stepwise", there)
    assert report["rows"] == good + len(bad) and report["error_count"] == len(bad)
    told = {error["row"]: error["message"] for error in report["errors"]}
    for number, (_, says) in enumerate(bad, 1):
        assert says in told[number], (number, told.get(number))
    assert export(db, there, "prm_stepwise", tmp_path / "c.jsonl", "jsonl") == (tmp_path / "a.jsonl").read_bytes()


def test_hostile_texts_come_back_as_they_are(db: Database, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> {{7*7}} \u202e😀 '; DROP TABLE item; -- \r\n\x1b[0m"
    row = {"messages": [{"role": "user", "content": hostile}, {"role": "assistant", "content": hostile}]}
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(row) + b"\n")
    there = empty(db, "there")
    assert back(db, tmp_path / "a.jsonl", "sft", there)["errors"] == []
    with db.read() as session:
        assert session.scalars(select(Output.text).join(Item).where(Item.project_id == there)).one() == hostile


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.zip", b"PK\x05\x06" + b"\0" * 18),
        ("x.parquet", b"PAR1 not really"),
        ("x.jsonl", b""),
        ("x.csv", b"a,b\n1\n"),
    ],
)
def test_files_that_are_none_are_told(db: Database, tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    there = empty(db, "there")
    report = back(db, path, "prm_stepwise", there)
    assert report["added"] == 0 and bool(report["errors"]) is bool(data)
    with pytest.raises(ValueError, match="there is no format"):
        back(db, path, "nothing", there)
    with pytest.raises(ValueError, match="no row of"):
        kind_of(path, "sft")


def test_another_type_of_items_and_another_question_are_refused(db: Database, tmp_path: Path) -> None:
    with db.write() as session:
        here = seeded(session, "here")
    export(db, here, "sft", tmp_path / "a.jsonl", "jsonl")
    with pytest.raises(ValueError, match="items of type reasoning"):
        back(db, tmp_path / "a.jsonl", "sft", empty(db, "texts", "text"))
    there = empty(db, "there")
    with db.write() as session:
        build(session, Item, project_id=there, external_id="ext-1", prompt="something else", reference="mine")
    report = back(db, tmp_path / "a.jsonl", "sft", there)
    (error,) = report["errors"]
    assert (
        "item 'ext-1' of this project asks something else" in error["message"]
        and report["added"] == report["items"] - 1
    )


def test_a_reference_that_the_project_has_is_kept(db: Database, tmp_path: Path) -> None:
    with db.write() as session:
        here = seeded(session, "here")
    export(db, here, "sft", tmp_path / "a.jsonl", "jsonl")
    assert back(db, tmp_path / "a.jsonl", "sft", here)["unchanged"] > 0
    with db.read() as session:
        references = dict(
            session.execute(select(Item.external_id, Item.reference).where(Item.project_id == here)).all()
        )
    assert references["ext-1"] == "GOLD-1"


def test_an_import_that_stopped_goes_on_where_it_was(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.bringing_back.BATCH", 2)
    with db.write() as session:
        here = seeded(session, "here")
    export(db, here, "sft", tmp_path / "a.jsonl", "jsonl")
    (tmp_path / "a.jsonl").write_bytes(b"{broken\n" + (tmp_path / "a.jsonl").read_bytes())
    there, kept = empty(db, "there"), []

    def stop(_: Session, report: dict[str, Any]) -> None:
        kept.append(orjson.loads(orjson.dumps(report)))
        if len(kept) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back(db, tmp_path / "a.jsonl", "sft", there, on_batch=stop)
    report = back(db, tmp_path / "a.jsonl", "sft", there, report=kept[0])
    whole = back(db, tmp_path / "a.jsonl", "sft", empty(db, "whole"))
    assert report == whole and report["error_count"] == 1
