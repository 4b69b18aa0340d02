"""Entity memory: what is read off a rewrite, what is found for a span, and what the corrector dares."""

import pytest

from core.lessons.entities import Entity, EntityIndex, drafts, entity_type, from_lesson, replaced
from core.lessons.entity_corrector import EntityMemory
from core.lessons.sounds import phonetic_key, sounds, spelt
from core.types import LessonKind

NAMES = [
    Entity("gunner", "Gunnar", "name", count=3),
    Entity("brahmin", "brahman", "word", count=2),
    Entity("shop boy", "shopboy", "compound"),
    Entity("a list a", "Alista", "name"),
]


def pairs(source: str, target: str) -> list[tuple[str, str]]:
    return [(one.wrong, one.right) for one in replaced(source, target)]


def test_replaced_words_are_whole_and_stand_at_their_place() -> None:
    source = "who's gunner said the shop boy"
    found = replaced(source, "hoo's Gunnar said the shopboy")
    assert [(one.wrong, one.right) for one in found] == [("who's gunner", "hoo's Gunnar"), ("shop boy", "shopboy")]
    assert all(source[one.start : one.end] == one.wrong for one in found)
    assert (found[1].before, found[1].after) == ("the", "")
    assert pairs("we saw the hare, then left", "we saw the hair, then left") == [("hare", "hair")]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("the man came", "the old man came"),  # an insertion
        ("the old man came", "the man came"),
        ("paris is big", "Paris is big."),  # case and punctuation
        ("one two three four five", "six seven eight nine ten"),  # too long to be a name
        ("", "something"),
    ],
)
def test_what_is_no_pair(source: str, target: str) -> None:
    assert replaced(source, target) == []


def test_types_by_form() -> None:
    assert entity_type("gunner", "Gunnar") == "name"
    assert entity_type("gunner", "Gunnar", starts=True) == "spelling"  # the capital may be the sentence's
    assert entity_type("shop boy", "shopboy") == "compound"
    assert entity_type("to", "two") == "number"
    assert entity_type("colour", "paint") == "word"


def test_drafts_are_entities_once_each_and_names_alone_in_free_text() -> None:
    source, target = "we met gunner and gunner in a car", "we met Gunnar and Gunnar in a boat"
    found = list(drafts(source, target, (7,), domain="sagas"))
    assert [draft.extra["right"] for draft in found] == ["Gunnar", "boat"]
    assert found[0].kind is LessonKind.ENTITY and found[0].source_corrections == (7,)
    assert from_lesson(found[0].text, found[0].extra, count=4, lesson_id=9) == Entity(
        "gunner", "Gunnar", "name", "sagas", 4, 9
    )
    assert [draft.extra["right"] for draft in drafts(source, target, (7,), names_only=True)] == ["Gunnar"]
    changed = from_lesson("Write “Gunnarr” where “gunner” was heard.", found[0].extra)  # a person's wording counts
    assert changed is not None and changed.right == "Gunnarr"
    assert from_lesson("", {"wrong": "", "right": "x"}) is None and from_lesson("", {}) is None


def test_sound_alike_names_have_one_key() -> None:
    for a, b in (("gunner", "Gunnar"), ("knight", "night"), ("phone", "fone"), ("wayne", "wain"), ("Jürgen", "jurgen")):
        assert phonetic_key(a) == phonetic_key(b)
    assert sounds("shop boy", "shopboy") == 1.0
    assert sounds("gunner", "brahman") < 0.5 < spelt("gunner", "gunnar")
    assert phonetic_key("東京") == "東京"


def test_a_span_finds_what_looks_or_sounds_like_it() -> None:
    index = EntityIndex(NAMES)
    assert [near.entity.right for near in index.closest("gunnarr", 1)] == ["Gunnar"]
    exact = index.closest("gunner", 5)[0]  # heard before, word for word
    assert exact.score == pytest.approx(1.0) and set(exact.parts) == {"grams", "spelt", "sounds"}
    assert index.closest("alista")[0].entity.right == "Alista"
    assert len(index.closest("gunner", 2)) == 2 and index.closest("  ") == []
    assert EntityIndex([]).closest("gunner") == []


def test_meaning_counts_a_quarter() -> None:
    index = EntityIndex(NAMES)
    near = index.closest("brahmin", 1, meaning=lambda span, places: [0.0, 0.5, 0.0, -1.0])[0]
    assert near.entity.right == "brahman" and near.score == pytest.approx((3 + 0.5) / 4)


def test_one_right_form_comes_once_by_its_best_pair() -> None:
    index = EntityIndex([Entity("gunner", "Gunnar"), Entity("gonner", "Gunnar"), Entity("runner", "Gunner")])
    assert [near.entity.right for near in index.closest("gonner")].count("Gunnar") == 1
    assert index.closest("gonner")[0].entity.wrong == "gonner"


def test_an_empty_memory_changes_nothing() -> None:
    memory = EntityMemory([], [("gunner came", "Gunnar came")] * 5)
    assert memory.correct("Gunner,  came\n", ["Gunnar came"]).text == "Gunner,  came\n" and len(memory) == 0


def test_what_was_put_right_twice_is_put_right_again() -> None:
    twice = [("gunner came", "Gunnar came"), ("a gunner", "a Gunnar")]
    memory = EntityMemory([Entity("gunner", "Gunnar", count=2)], twice)
    done = memory.correct("then Gunner, said he, came")
    assert done.text == "then Gunnar, said he, came" and done.changes[0].share == 1.0
    once = EntityMemory([Entity("gunner", "Gunnar")], twice[:1])
    assert once.correct("gunner left").text == "gunner left"


def test_what_people_read_and_left_speaks_against() -> None:
    decided = [("gunner came", "Gunnar came"), ("a gunner", "a Gunnar"), ("the gunner fired", "the gunner fired")]
    memory = EntityMemory([Entity("gunner", "Gunnar", count=2)], decided)
    assert memory.correct("gunner left").text == "gunner left"  # two of three is below .7


def test_other_hypotheses_that_agree_make_up_for_a_single_fix() -> None:
    memory = EntityMemory([Entity("gunner", "Gunnar")], [("gunner came", "Gunnar came")])
    agreeing = ["then Gunnar left", "then gunnar left"]
    assert memory.correct("then gunner left", agreeing).text == "then Gunnar left"
    assert memory.correct("then gunner left", agreeing[:1]).text == "then gunner left"
    assert memory.correct("then gunner left", ["Gunnar", "Gunnar"]).text == "then gunner left"  # elsewhere


def test_the_word_beside_it_decides_what_is_right_only_there() -> None:
    decided = [("flights on denver", "flights to denver")] * 3 + [("flights on monday", "flights on monday")] * 9
    memory = EntityMemory([Entity("on", "to", count=3)], decided)
    assert memory.correct("a seat on denver").text == "a seat to denver"
    assert memory.correct("a seat on tuesday").text == "a seat on tuesday"


def test_longest_span_wins_and_overlaps_are_left() -> None:
    known = [Entity("shop boy", "shopboy", count=2), Entity("boy", "buoy", count=2)]
    assert EntityMemory(known).correct("the shop boy").text == "the shopboy"
    assert EntityMemory(known).correct("the boy").text == "the buoy"
    assert EntityMemory(known).table() == {("boy", "buoy"): 2, ("shop boy", "shopboy"): 2}
