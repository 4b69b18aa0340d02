from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.answers import final_answer, same


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It takes 2+1=3 bolts\nA: 3", "3"),
        ("Some text\n#### 1,250", "1,250"),
        ("So \\boxed{\\frac{3}{4}}.", "\\frac{3}{4}"),
        ("Thus \\boxed{5}\nThe answer is \\boxed{6}.", "6"),
        ("The answer is 3.5 kg. Good luck!", "3.5 kg"),
        ("the final answer is $12.50", "$12.50"),
        ("1. Add.\n2. Done.\nAnswer: 7 apples", "7 apples"),
        ("**Answer:** 7", "7"),
        ("Answer:\n42", "42"),
        ("The answer is 3. No, the answer is 4.", "4"),
        ("She has\n3 + 4 = 7 apples.", "7 apples"),
        ("Paris", "Paris"),
        ("So she has 7 apples.", "So she has 7 apples"),
        ("", None),
        ("We cannot say 3 or 4 in this case", None),
        ("Answer:", None),
    ],
)
def test_final_answer(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1,250", "$1250.00"),
        ("50%", "50"),
        ("0.75", "3/4"),
        ("\\frac{3}{4}", ".75"),
        ("1 1/2", "1.5"),
        ("12 apples", "12"),
        ("12 km", "12 kilometers"),
        ("x = 5", "5"),
        ("12 \\times 4 = 48", "48"),
        ("−3", "-3"),
        ("-$3", "$-3"),
        ("3.0", "3."),
        ("three", "3"),
        ("10000000000000000000000001", "10000000000000000000000001.0"),
        ("Paris.", "paris"),
        ("(B)", "B"),
        ("\\text{red}", "Red"),
        ("5 \\text{ cm}", "5 cm"),
        ("3\\frac{1}{2}", "3.5"),
        ("-\\frac{1}{2}", "-0.5"),
        ("90^\\circ", "90"),
        ("So she has 7 apples", "7"),
        ("about -3", "-3"),
    ],
)
def test_answers_that_agree(a: str, b: str) -> None:
    assert same(a, b)
    assert same(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("3", "4"),
        ("0.3", "0.30000000000000004"),
        ("10000000000000000000000001", "10000000000000000000000002"),
        ("5 km", "5 m"),
        ("3 or 4", "3"),
        ("2x", "2"),
        ("Paris", "Rome"),
        ("", ""),
        ("3/0", "3"),
        ("-3", "3"),
        ("x^2", "2"),
        ("x + 1", "1"),
        ("3 + x", "3"),
        ("3 - x", "3"),
        ("x > 3", "3"),
        ("3\\pi", "3"),
        ("\\sqrt{2}", "2"),
        ("\\sqrt[3]{8}", "8"),
    ],
)
def test_answers_that_differ(a: str, b: str) -> None:
    assert not same(a, b)


@pytest.mark.shared_data
def test_agreement_with_the_reference_reproduces_is_correct(shared: Path) -> None:
    folder = shared / "data" / "gsm8k_solutions"
    references = {
        row["id"]: row["reference"] for row in map(json.loads, (folder / "questions.jsonl").read_bytes().splitlines())
    }
    rows = [json.loads(line) for line in (folder / "solutions_6b.jsonl").read_bytes().splitlines()]
    agree = 0
    for row in rows:
        given, wanted = final_answer(row["solution"]), final_answer(references[row["question_id"]])
        agree += (given is not None and wanted is not None and same(given, wanted)) == row["is_correct"]
    assert agree >= 0.99 * len(rows)
