from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.steps import kind_of, split
from core.types import StepKind

WAYS = ["auto", "numbered", "lines", "sentences"]


def texts(text: str, how: str = "auto") -> list[str]:
    return [step.text for step in split(text, how)]


def check_spans(text: str, how: str) -> None:
    steps = split(text, how)
    position = 0
    for number, step in enumerate(steps):
        assert step.index == number
        assert position <= step.start < step.end
        assert text[step.start : step.end] == step.text
        assert text[position : step.start].strip() == ""
        position = step.end
    assert text[position:].strip() == ""


PIECES = st.sampled_from(
    [
        "1. ",
        "Step 2: ",
        "- ",
        "* ",
        "\n",
        "\n\n",
        "$",
        "$$",
        "\\[",
        "\\]",
        "```",
        ". ",
        "! ",
        "Dr. ",
        "A: 3",
        "#### 7",
        "x",
        " ",
        "\\begin{a}",
        "。",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=30).map("".join)),
    st.sampled_from(WAYS),
)
def test_spans_are_exact_ordered_and_cover_everything(text: str, how: str) -> None:
    check_spans(text, how)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. Add 2 and 3.\n2. Double it.", ["1. Add 2 and 3.", "2. Double it."]),
        ("1) Add.\n2) Double.", ["1) Add.", "2) Double."]),
        ("Step 1: Add. Then wait.\nStep 2: Double.", ["Step 1: Add. Then wait.", "Step 2: Double."]),
        ("**Step 1:** Add.\n\n**Step 2:** Double.", ["**Step 1:** Add.", "**Step 2:** Double."]),
        ("### Step 1\nAdd.\n### Step 2\nDouble.", ["### Step 1\nAdd.", "### Step 2\nDouble."]),
        ("Step 1: Add 2. Step 2: Double it.", ["Step 1: Add 2.", "Step 2: Double it."]),
        ("Let us see.\n1. Add.\n2. Double.\nAnswer: 10", ["Let us see.", "1. Add.", "2. Double.", "Answer: 10"]),
        ("- Add.\n- Double.", ["- Add.", "- Double."]),
        ("1. Add\n   - first\n   - second\n2. Double", ["1. Add\n   - first\n   - second", "2. Double"]),
        ("It takes 2*1=2 bolts\nSo 2+1=3\nA: 3", ["It takes 2*1=2 bolts", "So 2+1=3", "A: 3"]),
        ("She has two. He has three.", ["She has two.", "He has three."]),
    ],
)
def test_auto_chooses_how_to_split(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_a_first_line_that_is_wrapped_is_not_a_step_of_its_own() -> None:
    wrapped = "The first sentence is so long that\nit was broken over two lines. The second\nwas broken as well."
    assert len(texts(wrapped)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "It weighs 3.5 kg in all.",
        "We saw Dr. Smith there.",
        "Take a fruit, e.g. Apples are fine.",
        "See No. 5 for more.",
        "It costs $3.50 today.",
        "J. Smith came at 5 p.m. Tuesday.",
        "Here $a. B$ is one symbol.",
        "Here \\(a. B\\) is one symbol.",
        "He asked (really?) twice.",
        "1. Add the numbers.",
    ],
)
def test_a_full_stop_that_ends_no_sentence(text: str) -> None:
    assert texts(text, "sentences") == [text]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It costs $5. She pays $6. Fine.", 3),
        ("Is it? Yes! It is.", 3),
        ('He said "no." Then he left.', 2),
        ("No. She stayed.", 2),
        ("一共三个。每个两元！", 2),
        ("One paragraph\n\nanother paragraph", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(texts(text, "sentences")) == count


@pytest.mark.parametrize(
    "block",
    [
        "$$\nx = 1\n\ny = 2\n$$",
        "\\[\nx = 1\n1. y\n\\]",
        "\\begin{align}\nx\n\n2. y\n\\end{align}",
        "```\n1. a\n2. b\n\nA: 3\n```",
    ],
)
@pytest.mark.parametrize("how", WAYS)
def test_a_display_equation_or_code_block_is_not_broken(block: str, how: str) -> None:
    assert any(block in step.text for step in split(f"First line.\n{block}\nLast line.", how))


@pytest.mark.parametrize(
    "text",
    ["A: 3", "The answer is 3.", "So the final answer is 4", "#### 7", "\\boxed{8}", "**Answer:** 9", "4. Answer: 3"],
)
def test_a_final_answer_is_marked(text: str) -> None:
    assert kind_of(text) is StepKind.ANSWER


@pytest.mark.parametrize("text", ["We answer the door.", "##### heading", "Plan A: go homes", "Multiply 3 by 4."])
def test_other_steps_are_reasoning(text: str) -> None:
    assert kind_of(text) is StepKind.REASONING


def test_an_unknown_way_is_named() -> None:
    with pytest.raises(ValueError, match="no way of splitting is called 'words'"):
        split("a", "words")


@pytest.mark.parametrize(
    "unit",
    [
        ".",
        "$",
        "$a",
        "\\[",
        "\\begin{a}",
        "1. ",
        "- ",
        "*",
        "a. ",
        " ",
        "\n",
        "(",
        '."',
        "Step 1 ",
        "``",
        "\\",
        "\t",
        "#",
        "…)",
    ],
)
@pytest.mark.parametrize("how", WAYS)
def test_long_texts_take_less_than_a_second(unit: str, how: str) -> None:
    text = (unit * (100_000 // len(unit)))[:100_000] + "x"
    started = time.process_time()
    split(text, how)
    assert time.process_time() - started < 1
