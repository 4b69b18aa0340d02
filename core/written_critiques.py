"""Critiques as models and people write them in blocks (AutoMathCritique, paper 40): a step's sentence, its correctness, an explanation.

    Step sentence: 2 + 2 = 5
    Correctness of the step: Wrong
    Explanation: It is 4.

    Correctness of the final answer: Wrong
    Explanation: ...

Reading is tolerant and never raises: case, blank lines, spaces at line ends and texts over several lines do not matter; a block without
a verdict, or with one that is neither right nor wrong, is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.types import StepLabel

_FIELD = re.compile(
    r"^[ \t>*#-]*(?P<name>step sentence|correctness of the step|correctness of the final answer|explanation)[ \t*]*:[ \t*]*",
    re.I | re.M,
)
_SAID = {"correct": True, "right": True, "wrong": False, "incorrect": False}


@dataclass(frozen=True, slots=True)
class WrittenStep:
    sentence: str
    label: StepLabel
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class WrittenCritique:
    """``answer_right`` is ``None`` where nothing legible is said of the final answer."""

    steps: tuple[WrittenStep, ...] = ()
    answer_right: bool | None = None

    @property
    def first_wrong(self) -> int | None:
        """The first step (from 0) that is called wrong."""
        return next((place for place, step in enumerate(self.steps) if step.label is StepLabel.WRONG), None)

    @property
    def consistent(self) -> bool:
        """Whether the final answer is called wrong just where a step is; false where either says nothing."""
        return bool(self.steps) and self.answer_right is (self.first_wrong is None)


def parse(text: str) -> WrittenCritique:
    """What ``text`` says in blocks; nothing where it holds none."""
    fields = list(_FIELD.finditer(text))
    ends = [*(field.start() for field in fields[1:]), len(text)]
    steps: list[WrittenStep] = []
    sentence: str | None = None
    explains = False  # whether an explanation that comes now is that of the last step
    answer: bool | None = None
    for field, end in zip(fields, ends, strict=False):
        name, value = field["name"].casefold(), text[field.end() : end].strip()
        if name == "step sentence":
            sentence, explains = value, False
        elif name == "explanation":
            if explains:
                steps[-1] = WrittenStep(steps[-1].sentence, steps[-1].label, value)
            explains = False
        else:
            word = re.match(r"[\W_]*([a-z]+)", value, re.I)
            right = _SAID.get(word[1].casefold()) if word else None
            explains = name == "correctness of the step" and sentence is not None and right is not None
            if explains and sentence is not None:
                steps.append(WrittenStep(sentence, StepLabel.RIGHT if right else StepLabel.WRONG))
                sentence = None
            elif name == "correctness of the final answer":
                answer = right if right is not None else answer
    return WrittenCritique(tuple(steps), answer)
