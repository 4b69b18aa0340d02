"""What showing risk does: known differences are found with their interval, few reviews are refused, and no answer counts twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.reports.agreement import Judgement
from core.reports.anchoring import AnchoringReport
from core.reports.critic_influence import FEWEST, difference


def rows(shown: tuple[int, int], blind: tuple[int, int], *, risk: float = 0.9) -> list[Judgement]:
    """``shown`` and ``blind``: (how many found it faulty, of how many answers)."""
    found = []
    for hidden, (faulty, n) in ((False, shown), (True, blind)):
        for place in range(n):
            found.append(Judgement(len(found), 1, "ann", place < faulty, blind=hidden, risk=risk))
    return found


def test_the_pull_of_a_high_risk_by_hand() -> None:
    """Newcombe's first example as reviews: 56 of 70 with it in view, 48 of 80 blind."""
    found = AnchoringReport().compute(rows((56, 70), (48, 80)))["figures"]
    for name in ("faulty", "high", "with_risk"):
        assert found[name]["difference"] == pytest.approx(0.2)
        assert (found[name]["low"], found[name]["high"]) == pytest.approx((0.0524, 0.3339), abs=5e-4)
    assert found["low_risk"]["shown_n"] == 0 and not found["low_risk"]["enough"]


def test_a_low_risk_pulls_the_other_way() -> None:
    found = AnchoringReport().compute([*rows((45, 50), (35, 50)), *_later(rows((10, 50), (20, 50), risk=0.1))])
    assert found["figures"]["high"]["difference"] == pytest.approx(0.2)
    assert found["figures"]["low_risk"]["difference"] == pytest.approx(-0.2)
    assert found["figures"]["faulty"]["difference"] == pytest.approx(0), "overall the two pulls cancel"
    assert found["figures"]["with_risk"]["difference"] == pytest.approx(0.2)


def _later(some: list[Judgement]) -> list[Judgement]:
    return [Judgement(1000 + r.output_id, 1, "ann", r.wrong, blind=r.blind, risk=r.risk) for r in some]


def test_too_few_on_a_side_are_refused() -> None:
    found = AnchoringReport().compute(rows((50, 100), (5, FEWEST - 1)))["figures"]["faulty"]
    assert not found["enough"] and found["difference"] is None and found["low"] is None
    assert (found["shown_n"], found["blind_n"]) == (100, FEWEST - 1)
    assert AnchoringReport().compute([])["figures"]["agreement"]["shown"] is None


def test_an_answer_counts_once_and_experts_do_not() -> None:
    base = rows((15, 30), (15, 30))
    again = [Judgement(r.output_id, 2, "bob", True, blind=r.blind, risk=r.risk) for r in base]
    experts = [Judgement(5000 + n, 3, "eve", True, blind=True, risk=0.9, expert=True) for n in range(40)]
    found = AnchoringReport().compute([*base, *again, *experts])["figures"]
    assert (found["faulty"]["shown_n"], found["faulty"]["blind_n"]) == (30, 30)
    assert found["faulty"]["shown"] == 0.5
    # Two people agree where the first said faulty too: half of the answers, on either side.
    assert (found["agreement"]["shown"], found["agreement"]["blind"]) == (0.5, 0.5)
    low, high = difference(15, 30, 15, 30)
    assert (found["agreement"]["low"], found["agreement"]["high"]) == pytest.approx((low, high))


def test_answers_without_a_risk_say_nothing_of_it() -> None:
    some = [Judgement(n, 1, "ann", True, blind=n % 2 == 0) for n in range(100)]
    found = AnchoringReport().compute(some)["figures"]
    assert found["with_risk"]["shown_n"] == 0 and found["faulty"]["enough"]


def test_what_was_reviewed_before_the_blind_slice_began_does_not_count() -> None:
    """Blind shares are switched on later: an older, worse model would make the others look strict."""
    day = [datetime(2026, 3, number + 1, tzinfo=UTC) for number in range(3)]
    old = [Judgement(n, 1, "ann", True, at=day[0]) for n in range(100)]
    new = [Judgement(1000 + n, 1, "ann", n % 4 == 0, at=day[1 + n % 2], blind=n % 8 < 4) for n in range(80)]
    new.sort(key=lambda row: row.at or day[0])
    found = AnchoringReport().compute([*old, *new])["figures"]["faulty"]
    assert found["shown_n"] == 40 and found["difference"] == pytest.approx(0)
