"""Runs the Python code of an answer against unit tests in a locked-down process (``core.sandbox``): one finding per assertion.

The code is what stands in the answer's fenced blocks, one after the other, or the whole answer where there are none and it defines
something. Nothing is read into a crash, a time-out or a refused call but that the tests did not pass.
"""

from __future__ import annotations

import re

from core.checkers.base import REGISTRY, Finding
from core.sandbox import Limits, run_tests

ERROR_CLASS = "failed_test"
_FENCE = re.compile(r"```(?:python|py|python3|Python)?[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.S)
_DEFINES = re.compile(r"^(?:def|class|import|from|async def)\s|^\w+\s*=[^=]", re.M)


@REGISTRY.register("unit_tests")
class UnitTestsChecker:
    name = "unit_tests"

    def __init__(self, tests: str, limits: Limits | None = None) -> None:
        """``tests`` is Python text; each of its assertions on the top level is a test."""
        self._tests, self._limits = tests, limits

    def check(self, text: str, given: str = "") -> list[Finding]:
        """Raises ``NotAvailable`` on a machine where the code cannot be locked down."""
        code, start, end = code_in(text)
        if not code:
            return [Finding(False, ERROR_CLASS, 0, len(text), "There is no Python code to test.")]
        ran = run_tests(code, self._tests, self._limits)
        found = []
        for number, test in enumerate(ran.tests, 1):
            said = (
                f"Test {number} fails: {test.source} ({test.problem})."
                if test.problem
                else f"Test {number} passes: {test.source}."
            )
            found.append(Finding(not test.problem, ERROR_CLASS, start, end, said))
        if ran.problem:
            found.append(Finding(False, ERROR_CLASS, start, end, f"The tests do not pass: {ran.problem}."))
        return found


def code_in(text: str) -> tuple[str, int, int]:
    """The code of an answer, and the stretch of the text that it comes from; empty where there is none."""
    blocks = [match for match in _FENCE.finditer(text) if match[1].strip()]
    if blocks:
        return "\n".join(match[1] for match in blocks), blocks[0].start(1), blocks[-1].end(1)
    return (text, 0, len(text)) if _DEFINES.search(text) else ("", 0, 0)
