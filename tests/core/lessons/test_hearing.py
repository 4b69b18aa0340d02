"""Which entities a text may hold under another form."""

from core.lessons.entities import Entity, EntityIndex
from core.lessons.hearing import heard

INDEX = EntityIndex(
    [
        Entity("gunner", "Gunnar", "name", id=1),
        Entity("shop boy", "shopboy", "compound", id=2),
        Entity("an", "on", id=3),
    ]
)


def test_spans_that_sound_alike_are_found_where_they_stand() -> None:
    text = "then gonner rode to the shop boy"
    found = heard(text, INDEX)
    assert [one.near.entity.right for one in found] == ["shopboy", "Gunnar"]
    assert [text[one.start : one.end] for one in found] == ["shop boy", "gonner"]
    assert heard(text, INDEX, k=1)[0].near.entity.id == 2


def test_what_is_right_already_and_what_is_unlike_is_not_named() -> None:
    assert heard("then Gunnar rode to the shopboy", INDEX) == []
    assert heard("the weather was fine", INDEX) == [] and heard("gunner", EntityIndex([])) == [] == heard("", INDEX)


def test_short_words_count_only_as_they_were_heard_before() -> None:
    index = EntityIndex([Entity("ox", "Ux"), Entity("an", "on", count=3), Entity("to", "two", count=2)])
    assert [one.near.entity.right for one in heard("an ox", index)] == ["on", "Ux"]
    assert heard("oy time", index) == []
    assert heard("to them", index) == [], "function words stand everywhere: they must have been put right often"


def test_a_disagreement_comes_first() -> None:
    text = "gunner met the shop boy"
    assert heard(text, INDEX)[0].near.entity.right == "Gunnar"  # both to the letter: the first one
    found = heard(text, INDEX, others=["gunner met the shopboy", "gunner met a shopboy"])
    assert found[0].near.entity.right == "shopboy" and found[0].disputed and not found[1].disputed


def test_meaning_lowers_what_only_looks_alike() -> None:
    low = heard("gonner", INDEX, meaning=lambda spans: [[0.0] * 3 for _ in spans])[0]
    high = heard("gonner", INDEX, meaning=lambda spans: [[1.0] * 3 for _ in spans])[0]
    assert high.near.score - low.near.score == 0.25 and high.near.parts["meaning"] == 1.0
