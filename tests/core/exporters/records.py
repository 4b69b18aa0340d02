"""Records of every outcome for the golden files: accepted at once, rewritten, fixed by a retry, never right, not judged."""

from __future__ import annotations

from core.exporters.base import ExportAttempt, ExportRecord, ExportRollout
from core.types import CorrectionText, Critique, LessonKind, LessonText, Question, StepLabel, Verdict

R, N, W = StepLabel.RIGHT, StepLabel.NEUTRAL, StepLabel.WRONG
STEPS = ("3 apples cost 6 dollars.", "So 5 apples cost 11 dollars.", "The answer is 11.")
FIXED = "3 apples cost 6 dollars.\nSo one costs 2 and 5 cost 10 dollars.\nThe answer is 10."


def attempt(id: int, number: int = 1, steps: tuple[str, ...] = STEPS, **more: object) -> ExportAttempt:
    return ExportAttempt(id, number, "\n".join(steps), "tiny", steps, **more)  # type: ignore[arg-type]


def item(
    id: int, *attempts: ExportAttempt, prompt: str = "3 apples cost 6 dollars. What do 5 cost?", **more: object
) -> ExportRecord:
    question = Question(prompt, str(more.pop("context", "")), str(more.pop("guidelines", "")))
    return ExportRecord(id, f"ext-{id}", question, attempts, **more)  # type: ignore[arg-type]


ACCEPTED = item(
    1,
    attempt(11, steps=("Einen Moment, 你好 👍🏽.", "Done."), verdict=Verdict.ACCEPTABLE),
    prompt='Say "hi"\n<b>&</b>',
    reference="GOLD-1",
)
REWRITTEN = item(
    2,
    attempt(
        21,
        verdict=Verdict.FAULTY,
        first_wrong_step=1,
        corrections=(CorrectionText(5, "One apple costs 2 dollars.", step_index=1, rewrite=FIXED),),
        seconds=12.5,
        reviewed_at="2026-03-01T10:00:00+00:00",
    ),
    context="Prices are linear.",
    guidelines="Think in steps.",
    reference="GOLD-2",
)
RETRIED = item(
    3,
    attempt(
        31,
        verdict=Verdict.FAULTY,
        first_wrong_step=1,
        step_labels=(N, None, None),
        corrections=(CorrectionText(6, "5 * 2 is 10."),),
    ),
    attempt(32, 2, steps=("One costs 2.", "Five cost 10."), verdict=Verdict.ACCEPTABLE, step_labels=(R, R)),
    reference="GOLD-3",
)
NEVER_RIGHT = item(
    4,
    attempt(41, verdict=Verdict.FAULTY, step_labels=(R, None, None)),
    attempt(42, 2, verdict=Verdict.FAULTY, step_labels=(W, None, None)),
)
NOT_JUDGED = item(5, attempt(51))
RECORDS = (ACCEPTED, REWRITTEN, RETRIED, NEVER_RIGHT, NOT_JUDGED)

# --- what step review adds: other ways to put a step, and a right answer by a wrong step

ALTERNATIVES = item(
    10,
    attempt(
        101,
        verdict=Verdict.FAULTY,
        first_wrong_step=1,
        step_labels=(N, W, None),
        answer_right=True,
        alternatives=(
            (0, "Three apples cost 6 dollars.", R),
            (1, "One costs 2 dollars, so 5 cost 10.", None),
            (1, "5 apples cost 6 + 5 dollars.", W),
            (2, "After the first wrong step.", R),
        ),
    ),
    attempt(
        102,
        2,
        steps=("One costs 2.", "Five cost 10."),
        verdict=Verdict.ACCEPTABLE,
        step_labels=(R, R),
        alternatives=((1, "5 * 2 = 10, so 10 dollars.", R),),
    ),
)

# --- records with everything that a format may ask for


def critique(step: int, label: StepLabel, source: str, explanation: str) -> Critique:
    return Critique(step, source, label, explanation, 0.9)


SOLVED = item(
    6,
    attempt(
        61,
        verdict=Verdict.FAULTY,
        first_wrong_step=1,
        corrections=(
            CorrectionText(
                7, "One apple costs 2 dollars, so five cost 10.", step_index=1, error_type="calculation", rewrite=FIXED
            ),
        ),
        reviews=2,
        agreeing=2,
        critiques=(
            critique(0, R, "arithmetic", "Nothing is worked out here."),
            critique(0, R, "model_steps", "The price is given in the problem."),
            critique(1, W, "arithmetic", "6 + 5 is 11, but a sum is not wanted."),
            critique(1, R, "model_steps", "Five apples cost five more."),
        ),
        rollouts=(
            ExportRollout(1, "One costs 6 / 3 = 2. Five cost 10. The answer is 10.", True),
            ExportRollout(1, "Five cost 11.", False),
            ExportRollout(2, "So 11.", False),
        ),
    ),
    attempt(
        62,
        2,
        steps=("Each costs 2 dollars.", "The answer is 12."),
        verdict=Verdict.FAULTY,
        first_wrong_step=1,
        parent_id=61,
    ),
    reference="10",
    others=(
        attempt(
            63,
            3,
            steps=("6 / 3 = 2.", "2 * 5 = 10.", "The answer is 10."),
            parent_id=62,
            critiques=(critique(1, R, "arithmetic", "2 * 5 is 10."),),
        ),
        attempt(
            64,
            4,
            steps=("Just 9.", "The answer is 9."),
            critiques=(critique(0, W, "arithmetic", "No step leads there."),),
        ),
    ),
    lessons=(LessonText(1, LessonKind.RULE, "Find the price of one first.", "prices of several equal things"),),
)
RESTARTED = item(
    7,
    attempt(
        71, verdict=Verdict.FAULTY, first_wrong_step=1, corrections=(CorrectionText(8, "Divide first.", step_index=1),)
    ),
    attempt(
        72,
        2,
        steps=("6 divided by 3 is 2.", "5 times 2 is 10."),
        verdict=Verdict.ACCEPTABLE,
        parent_id=71,
        critiques=(critique(0, R, "arithmetic", "6 / 3 is 2."),),
    ),
    reference="10",
)
LEAKING = item(
    8,
    attempt(
        81,
        steps=("2 apples.", "That is 5.", "So 5."),
        verdict=Verdict.FAULTY,
        first_wrong_step=1,
        corrections=(CorrectionText(9, "Count again.", rewrite="2 apples.\nThe answer is 4.\nSo 4."),),
    ),
    reference="4",
)
GUIDED = item(
    9,
    attempt(
        91,
        verdict=Verdict.FAULTY,
        first_wrong_step=1,
        corrections=(
            CorrectionText(
                10,
                "Find the price of one apple.",
                step_index=1,
                rewrite="3 apples cost 6 dollars.\nDivide to find the price of one.\nThe answer is 10.",
            ),
        ),
        rollouts=(ExportRollout(1, "The answer is 11.", False), ExportRollout(1, "The answer is 10.", True)),
    ),
    reference="10",
)
RICH = (*RECORDS, SOLVED, RESTARTED, LEAKING, GUIDED)
