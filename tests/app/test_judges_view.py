"""The calibration page's audit of judges: figures from stored votes and critiques, and nothing where there are none."""

from __future__ import annotations

import re

import pytest

from app.view import judges
from core.types import Critique, StepLabel, Verdict, Vote
from store import judgements
from store.engine import Database
from tests.factories import scene


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def vote(orders: list[str | None], longer: str | None = None, chips: tuple[str, ...] = ()) -> Vote:
    details = {"judge": "small <model>", "orders": orders, "longer": longer, "chips": list(chips)}
    return Vote("judge", Verdict.FAULTY, details=details)


def test_a_project_without_judges_has_no_section(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        judgements.save(session, made.outputs[0], votes=[Vote("arithmetic", Verdict.FAULTY)])
        judgements.save(session, made.outputs[0], critiques=[Critique(0, "arithmetic", StepLabel.RIGHT, "", 0.9)])
        assert judges.section(session, made.project_id) == ""


def test_a_judge_that_keeps_the_place_is_shown_as_such(db: Database) -> None:
    """Three pairs: one kept the answer, one kept the first place, one reply was unreadable."""
    said = [
        vote(["1", "1"], "1", ("length-driven",)),
        vote(["1", "2"], "2", ("position-sensitive",)),
        vote(["2", None]),
    ]
    with db.write() as session:
        made = scene(session)
        for output_id, one in zip(made.outputs, said, strict=True):
            judgements.save(session, output_id, votes=[one])
        html = judges.section(session, made.project_id)
    shown = text(html)
    assert "small &lt;model&gt; 3 1 reply not readable 50 % 75 % 75 %" in shown
    assert "length driven 1" in shown and "position sensitive 1" in shown
    assert "Called wrong" not in shown


def test_a_critic_that_always_blames_the_last_step_stands_beside_chance(db: Database) -> None:
    with db.write() as session:
        made = scene(session)
        judgements.save(session, made.outputs[0], critiques=[Critique(1, "model_steps", StepLabel.WRONG, "no", 0.9)])
        shown = text(judges.section(session, made.project_id))
    assert "model steps 1 0 % 100 % 100 % 50 %" in shown
    assert "Same answer in both orders" not in shown
