"""Of lessons that the words leave open, the nearest picture chooses one."""

from __future__ import annotations

from core.lessons.by_image import likeness, passed_over
from core.types import LessonKind, LessonText


def _lesson(id_: int, kind: LessonKind = LessonKind.EXEMPLAR, name: str | None = None) -> LessonText:
    return LessonText(id_, kind, f"text {id_}", "when", 0.9, name)


def test_words_leave_three_and_the_picture_takes_one() -> None:
    ranked = [_lesson(id_) for id_ in range(1, 6)]
    said = {1: 0.9, 2: 0.8, 3: 0.7, 4: 0.2, 5: 0.1}
    shown = {1: 0.3, 2: 0.6, 3: 0.5, 4: 0.99, 5: 0.4}
    assert passed_over(ranked, said, shown) == {1, 3, 4, 5}, "4 looks most like it, but its words left it out"


def test_rules_and_lessons_without_pictures_stay_and_values_compete_by_name() -> None:
    ranked = [
        _lesson(1, LessonKind.RULE),
        _lesson(2, LessonKind.RULE),
        _lesson(3),
        _lesson(4, LessonKind.PARAMETER, "width"),
        _lesson(5, LessonKind.PARAMETER, "Width"),
        _lesson(6, LessonKind.PARAMETER, "height"),
        _lesson(7),
    ]
    pictured = {1: 0.5, 2: 0.9, 4: 0.2, 5: 0.7, 6: 0.1, 7: 0.3}
    assert passed_over(ranked, pictured, pictured) == {4}
    assert passed_over(ranked, {}, {}) == set()


def test_likeness_begins_where_two_pictures_count_as_alike() -> None:
    assert [likeness(x, 0.9) for x in (-1, 0.9, 1.0, 1.1)] == [0, 0, 1, 1]
    assert 0 < likeness(0.95, 0.9) < 1
