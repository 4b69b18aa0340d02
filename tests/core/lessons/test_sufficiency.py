"""The rounds of a look-up: when it ends, what it asks next, and that nothing is asked twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.lessons.relevance import DEFAULT, Features
from core.lessons.retrieve import LessonVotes
from core.lessons.sufficiency import (
    MOST_ROUNDS,
    Candidate,
    LookUp,
    PastUse,
    Query,
    Round,
    Stopped,
    candidate,
    is_enough,
    lesson_stems,
    look_up,
    queries,
)
from core.lessons.words import stems
from core.types import LessonKind, LessonText, Question

NEARLY = Features(0.34, 0.34, 0.1)
FIVE = [Query(f"form {n}", f"query {n}") for n in range(5)]


def lesson(id_: int) -> LessonText:
    return LessonText(id_, LessonKind.RULE, f"Rule {id_}.", "when")


def run(
    asked: Sequence[Query],
    found: Callable[[Query], Sequence[Candidate]],
    enough: Callable[[Round], bool] = is_enough,
    floor: float = -1,
) -> tuple[LookUp, list[str]]:
    search, sent = look_up(asked, DEFAULT, floor, enough), []
    try:
        query = next(search)
        while True:
            sent.append(query.text)
            query = search.send(found(query))
    except StopIteration as end:
        return end.value, sent


def nearly(_: Query) -> list[Candidate]:
    return [Candidate(lesson(1), NEARLY, 0.34)]


def test_always_accept_stops_at_the_first_round() -> None:
    found, sent = run(FIVE, nearly, lambda _: True)
    assert sent == ["query 0"] and found.stopped is Stopped.ENOUGH


def test_always_reject_stops_at_the_last_round_and_says_so() -> None:
    found, sent = run(FIVE, nearly, lambda _: False)
    assert len(sent) == len(found.rounds) == MOST_ROUNDS and found.stopped is Stopped.UNSURE


def test_a_query_is_not_sent_twice() -> None:
    _, sent = run([FIVE[0], FIVE[0], FIVE[1], FIVE[0]], nearly, lambda _: False)
    assert sent == ["query 0", "query 1"]


def test_nothing_near_costs_one_search() -> None:
    found, sent = run(FIVE, lambda _: [Candidate(lesson(1), Features(0.0, 0.0, 0.0), 0.0)])
    assert sent == ["query 0"] and found.stopped is Stopped.NOTHING_NEAR and found.accepted == ()
    assert run(FIVE, lambda _: [])[0].stopped is Stopped.NOTHING_NEAR
    assert run([], nearly)[0].log() is None


def test_other_words_may_find_what_the_first_did_not() -> None:
    def found(query: Query) -> list[Candidate]:
        good = Candidate(lesson(2), Features(0.8, 0.8, 0.5), 0.8)
        return [good] if query.text == "query 1" else nearly(query)

    done, sent = run(FIVE, found)
    assert sent == ["query 0", "query 1"] and [x.id for x in done.accepted] == [2] and done.accepted[0].score > 0.9
    log = done.log()
    assert log is not None and [hit["why"] for one in log["rounds"] for hit in one["hits"]] == [
        "probably not relevant",
        "",
    ]


def test_the_floor_is_a_hard_bound() -> None:
    found, _ = run(FIVE, lambda _: [Candidate(lesson(1), Features(0.8, 0.8, 0.9), 0.8)], floor=0.85)
    assert found.accepted == () and found.rounds[0].hits[0].why == "too unlike what it bears on"


def test_queries_are_different_forms_of_the_prompt() -> None:
    long = Question("Ann sells “dorado” fish. She has 7 of them. How much does she earn?", "A market in Porto.")
    forms = queries(long)
    assert [one.how for one in forms] == ["the prompt", "the question alone", "its key terms", "the context alone"]
    assert "dorado" not in forms[0].text and forms[1].text == "How much does she earn?"
    assert [one.text for one in queries(Question("Ferry?"))] == ["Ferry?"], "one form is sent once"
    assert queries(Question("  ")) == []
    assert len(queries(Question("x" * 100_000 + "?! " * 5000))) <= MOST_ROUNDS


def test_a_lesson_linked_with_a_nearer_item_has_that_items_cosine() -> None:
    """Worked by hand: one linked item at 0.9, so a link score of 0.9 ** 3, and half of the query's letters in the lesson."""
    past = PastUse.of([(7, 0.9), (8, 0.95)], {7: {1}})
    words = stems("train robot"), lesson_stems(LessonText(1, LessonKind.RULE, "Say when the train leaves.", "when"))
    near, far = (candidate(lesson(id_), (0.3, 0.4), words, past, LessonVotes(2, 1)) for id_ in (1, 2))
    assert near.features == Features(0.9, 0.9, 0.5, 1 - (1 - 0.9**3), 2, 1) and near.closest == 0.9
    assert far.features == Features(0.3, 0.4, 0.5, 0.0, 2, 1) and far.closest == 0.4
