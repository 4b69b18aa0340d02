"""Asks again with the correction, showing only the history that it depends on (DROC, paper 9).

The model first states the rule it takes from the correction and then gives the whole answer anew, as the paper has constraints
come before the new plan. Unlike the paper, "carry on" resumes nothing here: an answer is complete, so no model is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from core.generators.base import Message
from core.lessons.handling import only_steers
from core.lessons.prompt import REASON_FIRST, CountTokens, estimate_tokens, fill_slots, quoted_text
from core.lessons.wording import says_nothing
from core.refiners.base import REGISTRY, RefineInput
from core.types import Attempt, CorrectionText, Dependency


@REGISTRY.register("feedback")
class FeedbackRefiner:
    """``token_budget`` is for the lesson slots, as in ``core.lessons.prompt``."""

    name = "feedback"

    def __init__(self, token_budget: int = 400, count: CountTokens = estimate_tokens) -> None:
        self.token_budget = token_budget
        self.count = count

    def messages(self, x: RefineInput) -> Sequence[Message] | None:
        """``None`` for ``Dependency.INITIAL``; raises ``ValueError`` without a correction, or when ``LAST`` has no attempt to show."""
        if x.correction is None:
            raise ValueError("this refiner acts on a correction, and there is none")
        if x.correction.dependency is Dependency.INITIAL:
            return None
        prompt, _ = fill_slots(x.question, x.lessons, self.token_budget, count=self.count)
        parts = [prompt[-1].content, *_earlier(x), *_history(x.attempts, x.correction), _said(x.correction)]
        if x.correction.dependency is Dependency.RESTART:
            parts.append("Begin again from the start; do not build on an earlier attempt.")
        return [*prompt[:-1], Message("user", "\n\n".join([*parts, REASON_FIRST]))]


def _earlier(x: RefineInput) -> list[str]:
    """Earlier corrections of this item, which stay in force as the paper's constraints do; else two could undo each other."""
    texts = [a.correction.text for a in x.attempts if a.correction is not None and a.correction != x.correction]
    said = [" ".join(quoted_text(t).split()) for t in texts if not (says_nothing(t) or only_steers(t))]
    lines = "\n".join(f"- {text}" for text in dict.fromkeys(said))
    return [f"### Earlier corrections that still hold\n{lines}"] if lines else []


def _history(attempts: Sequence[Attempt], correction: CorrectionText) -> list[str]:
    if correction.dependency is not Dependency.LAST:
        return []
    if not attempts:
        raise ValueError("a correction of the last attempt needs an attempt")
    return [shown_attempt(attempts[-1], correction.step_index)]


def shown_attempt(attempt: Attempt, step_index: int | None) -> str:
    """The attempt under our heading, its steps numbered from 1, up to and with the step where the reviewer stopped."""
    if not attempt.steps:
        return f"### Your earlier answer\n{quoted_text(attempt.text).strip()}"
    shown = [s for s in attempt.steps if step_index is None or s.index <= step_index] or list(attempt.steps)
    lines = "\n".join(f"{step.index + 1}. {_unnumbered(quoted_text(step.text).strip())}" for step in shown)
    cut = len(shown) < len(attempt.steps)
    stop = f"\n(The reviewer stopped reading at step {shown[-1].index + 1}.)" if cut else ""
    return f"### Your earlier answer, step by step\n{lines}{stop}"


def _unnumbered(text: str) -> str:
    """Without the model's own "3." in front, which would stand beside ours."""
    digits = "".join(takewhile(str.isdecimal, text))
    rest = text[len(digits) :]
    return rest[1:].lstrip() if digits and len(digits) <= 2 and rest[:2] in (". ", ") ") else text


def _said(correction: CorrectionText) -> str:
    where = (
        ""
        if correction.step_index is None or correction.dependency is not Dependency.LAST
        else f" of step {correction.step_index + 1}"
    )
    text = f"### Correction{where}\n{quoted_text(correction.text).strip()}"
    if correction.rewrite and correction.dependency is Dependency.LAST:
        text += f"\n\n### The reviewer's own wording\n{quoted_text(correction.rewrite).strip()}"
    return text
