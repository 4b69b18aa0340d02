"""One spelling for the steps of all sources, before they are read for features: without annotations, step numbers and LaTeX.

A head that learns from annotated solutions then sees the same words and signs in LaTeX. Only for reading: nobody is shown this text.
"""

from __future__ import annotations

import re

MAX_STEP = 4_000  # characters; what follows is not read

_CUT = (
    re.compile(r"<<[^<>]*>>"),
    re.compile(r"^\s*(?:#{1,6}\s*)?\**Step\s*\d+\s*[:.)]\**\s*"),
    re.compile(r"\*\*"),
)
_UNWRAP = re.compile(r"\\(?:text(?:bf|rm|it)?|mathrm|boxed)\{([^{}]*)\}")
_FRACTION = re.compile(r"\\d?frac\{([^{}]*)\}\{([^{}]*)\}")
_SIGNS = {
    "\\times": "*", "\\cdot": "*", "\\div": "/", "\\%": "%", "\\$": "$", "\\approx": "≈", "\\left": "", "\\right": "",
    "\\,": " ", "\\;": " ", "\\quad": " ", "×": "*", "÷": "/", "−": "-",
}  # fmt: skip
_LAYOUT = re.compile(r"\\[\[\]()]|\\(?:begin|end)\{[^{}]*\}|\\\\|&=")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_FINAL = re.compile(r"#### *")
_SPACED = (
    (re.compile(r"(?<=\d)\s*[xX]\s*(?=[\d$(])"), " * "),
    (re.compile(r"(?<=[\d)])\*(?=[\d$(])"), " * "),
    (re.compile(r"(?<=[\d)])/(?=[\d$(])"), " / "),
    (re.compile(r"(?<=[\d)%])([+=])"), r" \1"),
    (re.compile(r"([+=])(?=[\d($])"), r"\1 "),
)


def plain(text: str) -> str:
    """One line."""
    text = text[:MAX_STEP]
    for pattern in _CUT:
        text = pattern.sub("", text)
    text = _UNWRAP.sub(r"\1", text)
    for _ in range(2):  # a fraction may stand in a fraction
        text = _FRACTION.sub(r"(\1)/(\2)", text)
    text = _UNWRAP.sub(r"\1", text)
    for sign, new in _SIGNS.items():
        text = text.replace(sign, new)
    text = _THOUSANDS.sub("", _LAYOUT.sub(" ", text))
    text = _FINAL.sub("The answer is ", text)
    for pattern, new in _SPACED:
        text = pattern.sub(new, text)
    return " ".join(text.split())
