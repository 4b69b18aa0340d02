"""The "why" of the review page: votes with the chips of their audits, past verdicts, and heat that is a hint and says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import auth
from app.cli.setup import ready
from app.pages import review_board
from app.pages.review_reply import Wanted
from app.settings import Settings
from app.view import review as view
from app.view import review_steps
from app.view.render import render
from core.types import RiskEstimate, Role, Verdict, Vote
from store import judgements
from store.engine import Database
from store.tables import Review
from tests.browser import seeding
from tests.factories import build

HEAT = [0.1, 0.1, 0.7, 0.1]
JUDGED = Vote(
    "judge",
    evidence="It changes with the order.",
    details={"chips": ["position-sensitive", "made-up"], "orders": ["1", "2"]},
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(_env_file=None, data_dir=tmp_path / "data")
    ready(made)
    return made


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    made = Database(settings.url)
    yield made
    made.dispose()


def shown(db: Database, settings: Settings, evidence: dict[str, Any], votes: tuple[Vote, ...] = (JUDGED,)) -> str:
    """The answer block of the first item of a fresh project whose risk carries this evidence."""
    made = seeding.project(db, [seeding.ANSWER])
    with db.write() as session:
        risk = RiskEstimate(0.7, "polar", "v1", evidence=evidence)
        judgements.save(session, made.output_ids[0], votes=votes, risk=risk)
        person = auth.Person(build(session, review_user()).id, "ann", Role.ANNOTATOR)
        board = review_board.claim(session, Wanted("pens"), person, settings)
        assert isinstance(board, view.Board)
        return render("review/answer.html", answer=board.answer)


def review_user() -> Any:
    from store.tables import User

    return User


def steps_of(html: str) -> dict[int, str]:
    return {int(number): part for number, part in re.findall(r'id="rv-step-(\d+)" data-step(.*?)</li>', html, re.S)}


# --- heat


def test_heat_shades_its_step_in_words_numbers_and_bars(db: Database, settings: Settings) -> None:
    html = shown(db, settings, {"heat": HEAT})
    assert "Model hint, not a finding" in html
    assert html.count("rv-heat-3") == 1 and html.count("rv-heat-0") == 3
    hot = steps_of(html)[2]
    assert 'aria-label="Model hint, not a finding: step 3 has 70 % of the attention, rank 1"' in hot
    assert "look here?" in hot and "70 %" in hot
    assert "look here?" not in steps_of(html)[0]


@pytest.mark.parametrize("evidence", [{}, {"heat": None}, {"heat": [0.5, 0.5]}, {"heat": "hot"}, {"heat": ["a"] * 4}])
def test_without_heat_for_these_steps_nothing_is_said_of_it(
    db: Database, settings: Settings, evidence: dict[str, Any]
) -> None:
    html = shown(db, settings, evidence)
    assert "hint" not in html and "rv-heat" not in html and "look here" not in html


def test_levels_count_from_an_even_share() -> None:
    assert [one.level for one in review_steps.heat_views({"heat": [0.25] * 4})] == [0, 0, 0, 0]
    found = review_steps.heat_views({"heat": [0.05, 0.35, 0.15, 0.45]})
    assert [one.level for one in found] == [0, 1, 0, 2] and [one.rank for one in found] == [4, 2, 3, 1]


# --- votes


def test_chips_and_both_orders_stand_on_the_judges_vote(db: Database, settings: Settings) -> None:
    html = shown(db, settings, {})
    assert 'aria-label="position sensitive: It chose the same place' in html
    assert "With this answer first it chose this answer; with it second, the other." in html
    assert "made-up" not in html and "made up" not in html


def test_a_vote_without_an_audit_has_no_chips() -> None:
    (one,) = view.vote_views([Vote("arithmetic", Verdict.FAULTY, details={"holds": 2})], None, None)
    assert one.chips == () and one.orders == ""
    (odd,) = view.vote_views([Vote("judge", details={"orders": [None, "2"]})], None, None)
    assert odd.orders == "With this answer first it chose nothing that can be read; with it second, the other."


def test_too_little_history_is_said_in_words(db: Database, settings: Settings) -> None:
    html = shown(db, settings, {})
    assert "not enough history for an interval" in html and "read it as an order" in html


# --- past verdicts


def with_past(db: Database, settings: Settings, verdict: str | None) -> str:
    past = seeding.project(db, ["Step 1: an <b>old</b> answer.\nAnswer: 9"], slug="past", analysed=False)
    (output_id,) = past.output_ids
    if verdict is not None:
        with db.write() as session:
            build(session, Review, output_id=output_id, verdict=verdict, first_wrong_step=None)
    kept = {"output_id": output_id, "item_id": past.item_ids[0], "similarity": 0.914, "verdict": "faulty"}
    return shown(db, settings, {"similar": [kept, {"output_id": 10_000, "similarity": 0.5}, "junk"]})


def test_a_past_verdict_shows_its_answer_and_how_alike_it_is(db: Database, settings: Settings) -> None:
    html = with_past(db, settings, "faulty")
    assert "found faulty" in html and "91 % alike" in html and "past-0" in html
    assert "an &lt;b&gt;old&lt;/b&gt; answer." in html and "<b>old</b>" not in html
    assert html.count("rv-past-one") == 1  # what is gone, and what is no row, is left out


def test_the_verdict_is_that_of_now_and_one_that_was_taken_back_is_not_shown(db: Database, settings: Settings) -> None:
    assert "found acceptable" in with_past(db, settings, "acceptable")  # it was kept as faulty


def test_a_past_answer_without_a_verdict_is_no_reason(db: Database, settings: Settings) -> None:
    html = with_past(db, settings, None)
    assert "rv-past-one" not in html and "No reviewed answer resembles this one yet." in html
