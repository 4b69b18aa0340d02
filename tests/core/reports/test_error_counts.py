from __future__ import annotations

from core.reports.error_counts import ErrorCountsReport
from tests.core.step_reviews import review


def test_types_per_model_by_what_people_chose_else_by_what_was_suggested() -> None:
    rows = [
        review(1, 1, output=1, error_type="unit_error", suggested="missing_step"),
        review(2, 0, output=2, suggested="missing_step"),
        review(3, 0, output=3, model="n", error_type="missing_step"),
        review(4, 1, output=4),
        review(5, -1, output=5, suggested="unit_error"),
        review(6, 1, output=1, user=2, suggested="wrong_operator"),
        review(7, 2, output=6, error_type="missing_step"),
        review(8, 2, output=6, user=2, error_type="unit_error"),
    ]
    found = ErrorCountsReport().compute(rows)
    assert found["types"] == ["missing_step", "unit_error"] and found["untyped"] == 1
    m, n = found["models"]
    assert (m["model"], m["n"]) == ("m", 3)
    assert m["types"]["unit_error"] == {"count": 2, "share": 2 / 3, "suggested": 0}
    assert m["types"]["missing_step"] == {"count": 1, "share": 1 / 3, "suggested": 1}
    assert n["types"] == {"missing_step": {"count": 1, "share": 1.0, "suggested": 0}}
