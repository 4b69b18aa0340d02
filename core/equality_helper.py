"""The process in which math-verify compares answers: one JSON pair a line in, one JSON value a line out.

``core.equality`` starts it, and kills it. Only the LaTeX grammar is used: the other reader of math-verify hands text to a
parser of sympy's that evaluates it.
"""

from __future__ import annotations

import json
import resource
import sys

MEMORY = 2 << 30  # bytes of address space
SECONDS_OF_CPU = 3600


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_OF_CPU, SECONDS_OF_CPU))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    import logging

    from math_verify import LatexExtractionConfig, parse, verify

    logging.disable(logging.CRITICAL)
    how = (LatexExtractionConfig(),)

    def read(text: str) -> list[object]:
        found: list[object] = parse(f"${text}$", how, fallback_mode="no_fallback", parsing_timeout=None)
        return found

    out = sys.stdout
    out.write("ready\n")
    out.flush()
    for line in sys.stdin:
        left, right = json.loads(line)
        try:
            a, b = read(left), read(right)
            said = bool(verify(a, b, timeout_seconds=None)) if a and b else None
        except (Exception, RecursionError):
            said = None
        out.write(json.dumps(said) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
