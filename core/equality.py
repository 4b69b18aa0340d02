"""Whether two final answers are equal as mathematics where ``core.answers`` cannot tell: 2x + 1 and 1 + 2x, sqrt 8 and 2 sqrt 2.

Exact numbers and plain text are compared at once. What is left, and looks like mathematics on both sides, goes to math-verify
in a process of its own, which is killed when it takes too long and started again for the next pair. Nothing is evaluated. Slower
than ``core.answers.same`` (the first pair takes a second or two), so that it is for the worker and the command, not for a page.
"""

from __future__ import annotations

import atexit
import json
import re
import selectors
import subprocess
import sys
import threading
import time
from functools import lru_cache
from pathlib import Path

from core import answers

SECONDS, STARTING = 5.0, 60.0  # for one pair, and for the process to load its library
LONGEST = 300  # characters of an answer that is looked at as mathematics
_HELPER = Path(__file__).with_name("equality_helper.py")
_FUNCTIONS = "sin cos tan cot sec csc log ln exp sqrt pi inf infty max min gcd lcm arcsin arccos arctan"
_KNOWN = frozenset(_FUNCTIONS.split())
_WORD = re.compile(r"(?<!\\)\b[A-Za-z]{2,}")
_MACRO = re.compile(r"\\[A-Za-z]+")
_SIGNS = re.compile(r"[-+*/^=<>(),\[\]{}\d\\√π∞≤≥±×÷·]")
_SPELLED = (("**", "^"), ("×", r"\times "), ("÷", r"\div "), ("·", r"\cdot "), ("π", r"\pi "), ("∞", r"\infty "))
_SPELLED_TOO = (("≤", r"\le "), ("≥", r"\ge "), ("±", r"\pm "), ("−", "-"), ("*", r"\cdot "))


def same(a: str, b: str, *, seconds: float = SECONDS) -> bool:
    """``core.answers.same``, or, where that finds no equality but both are mathematics, math-verify; false when it cannot tell."""
    if answers.same(a, b):
        return True
    if answers.number(a) is not None and answers.number(b) is not None:
        return False
    left, right = as_latex(a), as_latex(b)
    return left is not None and right is not None and bool(_asked(left, right, seconds))


def as_latex(answer: str) -> str | None:
    """The answer as LaTeX; ``None`` when it does not look like mathematics: words, nothing but a name, or too long."""
    text = answer.strip().strip("$").strip()
    text = re.sub(r"^\\[(\[]|\\[)\]]$", "", text).strip().rstrip(".").replace("{,}", "")
    if not text or len(text) > LONGEST or "\n" in text or not _SIGNS.search(text):
        return None
    if any(word.casefold() not in _KNOWN for word in _WORD.findall(_MACRO.sub(" ", text))):
        return None
    for written, macro in (*_SPELLED, *_SPELLED_TOO):
        text = text.replace(written, macro)
    text = re.sub(r"(?<!\\)\bsqrt\s*\(([^()]*)\)|√\s*\(([^()]*)\)|√\s*(\w+)", _root, text)
    return re.sub(r"(?<!\\)\b(" + "|".join(sorted(_KNOWN - {"sqrt", "inf"})) + r")\b", r"\\\1", text)


def _root(match: re.Match[str]) -> str:
    return rf"\sqrt{{{next(part for part in match.groups() if part is not None)}}}"


@lru_cache(maxsize=10_000)
def _asked(left: str, right: str, seconds: float) -> bool | None:
    return _HELP.ask(left, right, seconds)


class _Helper:
    """The process, started at the first question. Thread-safe: one pair at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, left: str, right: str, seconds: float) -> bool | None:
        with self._turn:
            process = self._running()
            if process is None:
                return None
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps([left, right]).encode() + b"\n")
                process.stdin.flush()
            except OSError:
                self._kill()
                return None
            said = self._line(process, seconds)
            return {b"true": True, b"false": False}.get(said)

    def _running(self) -> subprocess.Popen[bytes] | None:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._kill()  # what is left of one that ended by itself
        command = [sys.executable, "-I", str(_HELPER)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(  # noqa: S603 (our own file; no answer is in the command)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet, env={}, start_new_session=True
        )
        return self._process if self._line(self._process, STARTING) == b"ready" else None

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> bytes:
        """What the process says next; nothing, and the process killed, when that takes longer than ``seconds`` or it ended."""
        assert process.stdout is not None
        end, said = time.monotonic() + seconds, b""
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                left = end - time.monotonic()
                part = process.stdout.read1(100) if left > 0 and waiting.select(left) else b""  # type: ignore[attr-defined]
                if not part:
                    self._kill()
                    return b""
                said += part
        return said.strip()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def close(self) -> None:
        with self._turn:
            self._kill()


_HELP = _Helper()
atexit.register(_HELP.close)
