"""Second tries as they are read for the report: whose word counts, what they cost, and what people wrote themselves."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from core.lessons.prompt import estimate_tokens
from core.reports.second_tries import SecondTry
from store import lessons, second_tries, tables
from store.engine import Database
from tests.factories import build

PROMPT = [["system", "Answer in steps."], ["user", "What is 3 + 4?"]]


def project(session: Session, item_type: str = "reasoning") -> int:
    return build(session, tables.Project, item_type=item_type).id


def pair(
    session: Session,
    project_id: int,
    texts: tuple[str, str],
    *,
    reference: str | None = "7",
    refiner: str | None = "self_examination",
    **second: Any,
) -> tuple[int, int]:
    item = build(session, tables.Item, project_id=project_id, reference=reference)
    first = build(session, tables.Output, item_id=item.id, text=texts[0], messages=PROMPT)
    after = build(
        session,
        tables.Output,
        item_id=item.id,
        text=texts[1],
        attempt=2,
        parent_id=first.id,
        refiner=refiner,
        messages=PROMPT,
        **second,
    )
    return first.id, after.id


def review(session: Session, output_id: int, verdict: str, **more: Any) -> tables.Review:
    return build(
        session, tables.Review, output_id=output_id, verdict=verdict, first_wrong_step=None, step_labels=[], **more
    )


def read(session: Session, project_id: int) -> list[SecondTry]:
    return second_tries.tries(session, project_id)


def outcomes(session: Session, project_id: int) -> list[tuple[str, bool, bool]]:
    return [(one.refiner, one.first, one.second) for one in read(session, project_id)]


def test_the_reference_tells_where_nobody_judged(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        pair(session, made, ("So 8.", "So 7."))
        pair(session, made, ("So 7.", "So 9."))
        pair(session, made, ("So 7.", "So 9."), reference=None)  # of this nothing is known
        pair(session, project(session), ("So 8.", "So 7."))  # another project's
        assert sorted(outcomes(session, made)) == [("self_examination", False, True), ("self_examination", True, False)]


def test_people_win_over_the_reference_and_their_word_on_the_answer_over_their_verdict(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        first, after = pair(session, made, ("So 7.", "So 9."))
        old = review(session, first, "acceptable")
        review(session, after, "acceptable")
        assert outcomes(session, made) == [("self_examination", True, True)]
        review(session, first, "faulty", replaces_id=old.id, revision=2)
        assert outcomes(session, made) == [("self_examination", False, True)]
        review(session, after, "faulty", answer_right=True)  # a step is wrong, and the answer right
        assert outcomes(session, made) == [("self_examination", False, True)]
        review(session, after, "faulty", answer_right=False, error_type="calculation_error")
        review(session, after, "cannot_judge")
        (one,) = read(session, made)
        assert (one.second, one.failure) == (False, "calculation_error")


def test_costs_changes_and_risks(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        first, after = pair(session, made, ("So it is 8.", "So it is 7."), tokens=[["So", -0.1, 0.2]] * 5)
        for output, value in ((first, 0.9), (after, 0.2)):
            build(session, tables.Risk, output_id=output, value=value)
        (one,) = read(session, made)
        prompt = sum(estimate_tokens(text) for _, text in PROMPT)
        assert one.tokens == prompt + 5, "tokens that were kept are counted"
        assert one.first_tokens == prompt + estimate_tokens("So it is 8."), "others are estimated"
        assert (one.change, one.draft) == (pytest.approx(1 / 11), str(first))
        assert (one.first_risk, one.second_risk, one.seconds) == (0.9, 0.2, None)
        review(session, first, "faulty", shown={"risk": {"value": 0.6, "calibrated": True}}, seconds=31.0)
        (one,) = read(session, made)
        assert (one.first_risk, one.second_risk) == (0.6, 0.2), "the risk before the verdict, where one was shown"
        assert one.seconds is None, "nobody asked for this try"


def test_a_try_that_a_person_asked_for_cost_the_person_s_time(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        first, after = pair(session, made, ("So 8.", "So 7."), refiner="feedback")
        review(session, first, "faulty", seconds=31.0)
        said = build(session, tables.Correction, output_id=first, text="7, not 8")
        session.get_one(tables.Output, after).correction_id = said.id
        session.flush()
        (one,) = read(session, made)
        assert (one.refiner, one.seconds, one.calls) == ("feedback", 31.0, 1)


def test_a_text_that_was_kept_is_no_second_try(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        pair(session, made, ("So 7.", "So 7."), refiner=None)
        assert read(session, made) == [] and second_tries.used(session, made) == {}


def test_rewrites_of_people(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        first, _ = pair(session, made, ("So 8.", "So 8."), refiner=None)
        old = build(session, tables.Correction, output_id=first, rewrite="So 9.")
        build(session, tables.Correction, output_id=first, rewrite="So 7.", replaces_id=old.id, revision=2)
        review(session, first, "faulty", seconds=12.0)
        (one,) = read(session, made)
        assert (one.refiner, one.first, one.second) == (second_tries.PEOPLE, False, True)
        assert (one.seconds, one.calls, one.tokens, one.change) == (12.0, 0, None, pytest.approx(0.2))
        open_ended, _ = pair(session, project(session, "text"), ("a b", "a c"), refiner=None)
        build(session, tables.Correction, output_id=open_ended, rewrite="a d")
        text_project = session.get_one(tables.Item, session.get_one(tables.Output, open_ended).item_id).project_id
        assert read(session, text_project) == [], "a free text that differs from its reference may be right"


def test_rewrites_that_a_retracted_lesson_drew_on_are_left_out(db: Database) -> None:
    with db.write() as session:
        made = project(session)
        first, _ = pair(session, made, ("So 8.", "So 8."), refiner=None)
        said = build(session, tables.Correction, output_id=first, rewrite="So 7.")
        lesson = build(session, tables.Lesson, project_id=made, status="active")
        build(session, tables.LessonSource, lesson_id=lesson.id, correction_id=said.id)
        assert len(read(session, made)) == 1
        lessons.retract(session, lesson.id, said.user_id, "It was wrong.")
        assert read(session, made) == []


def test_the_newest_of_each_refiner_and_the_tallies_agree(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_tries, "LATEST", 3)
    with db.write() as session:
        made = project(session)
        for texts in (("So 7.", "So 9."), ("So 8.", "So 7."), ("So 8.", "So 7."), ("So 8.", "So 9.")):
            pair(session, made, texts)
        assert len(read(session, made)) == 3 and all(not one.first for one in read(session, made))
        (tally,) = second_tries.tallies(session, made, ["self_examination", "feedback"])
        assert (tally.tried, tally.pairs, tally.wrong_before, tally.fixed, tally.broken) == (4, 3, 3, 2, 0)
        assert second_tries.tallies(session, made, ["feedback"]) == []
