import pytest

from core.lessons.relations import Relation, Wording, of_draft, relation
from core.types import LessonDraft, LessonKind

RULE, PARAMETER, EXEMPLAR = LessonKind.RULE, LessonKind.PARAMETER, LessonKind.EXEMPLAR


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ("Round money to 2 decimals.", "round money to 2 decimals", Relation.SAME),
        ("Always round money to 2 decimals.", "Round money to 2 decimals.", Relation.SAME),
        ("Round money to 3 decimals.", "Round money to 2 decimals.", None),
        ("Do not round money to 2 decimals.", "Round money to 2 decimals.", Relation.CONTRADICTS),
        ("Never state the unit twice.", "State the unit twice.", Relation.CONTRADICTS),
        (
            "In questions about shares of a whole, round money to 2 decimals, half to even.",
            "Round money to 2 decimals.",
            Relation.SPECIALISES,
        ),
        (
            "State the unit of the answer.",
            "State the unit of the answer in words when it is a length.",
            Relation.GENERALISES,
        ),
        ("Check it.", "Check it with the units that the question asks for.", None),
        ("Draw a picture first.", "Round money to 2 decimals.", None),
        ("Do not draw a picture of the whole triangle.", "Draw a picture.", None),
    ],
)
def test_rules_by_hand(new: str, old: str, expected: Relation | None) -> None:
    assert relation(Wording(RULE, new), Wording(RULE, old)) is expected


def test_parameters_are_compared_by_name_and_value() -> None:
    two, three = (Wording(PARAMETER, f"Use {n} decimals.", "decimals", n) for n in ("2", "3"))
    assert relation(two, Wording(PARAMETER, "Give 2 decimals, please.", "Decimals", "2")) is Relation.SAME
    assert relation(two, three) is Relation.CONTRADICTS
    assert relation(two, Wording(PARAMETER, "Use metres.", "unit", "metre")) is None
    assert relation(two, Wording(RULE, "Use the 2 decimals that were given.")) is None


def test_exemplars_are_the_same_to_the_letter_or_not_related() -> None:
    one = Wording(EXEMPLAR, "Question: What is 2 + 2?\nAnswer: 4")
    assert relation(one, Wording(EXEMPLAR, "question: what is 2 + 2?\nanswer: 4")) is Relation.SAME
    assert relation(one, Wording(EXEMPLAR, "Question: What is 2 + 2?\nAnswer: 5")) is None
    assert relation(one, Wording(RULE, one.text)) is None


def test_a_draft_brings_its_value() -> None:
    draft = LessonDraft(PARAMETER, "Use 2 decimals.", "x", (), "decimals", extra={"value": 2})
    assert of_draft(draft) == Wording(PARAMETER, "Use 2 decimals.", "decimals", "2")
