"""What the error-corrective formats share (LEMMA, paper 5): a faulty beginning, one turn of thought, and what leads to the right
end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from core.exporters.base import ExportAttempt, ExportRecord
from core.exporters.chat import Accepted, accepted, faulty
from core.exporters.outcomes import answers_right
from core.exporters.stepwise import FirstError, first_error, step_start

MARKERS = (
    "Wait, something is off here.",
    "Hold on, let me check that.",
    "Hmm, this step does not look right.",
    "Let me look at that step again.",
)


@dataclass(frozen=True, slots=True)
class Trajectory:
    """``prefix`` ends with the wrong step, word for word; ``rest`` is the right text after what it shares with the prefix."""

    record: ExportRecord
    attempt: ExportAttempt
    final: Accepted
    error: FirstError
    prefix: str
    rest: str
    shares: bool  # the right text begins with the steps before the wrong one


def trajectories(records: Iterator[ExportRecord], dropped: dict[str, int]) -> Iterator[Trajectory]:
    """One per faulty attempt with a marked step at an item with a right text, whose final answer agrees with a known reference."""
    for record in records:
        final = accepted(record)
        if final is None:
            continue
        if answers_right(record, final.text) is False:
            dropped["the accepted text does not end in the reference answer"] += 1
            continue
        for attempt in faulty(record, final):
            error = first_error(attempt)
            start = step_start(attempt, error.index) if error else None
            if error is None or start is None:
                continue
            head = attempt.text[:start]
            shares = final.text.startswith(head) and (bool(head.strip()) or final.origin == "rewrite")
            prefix = attempt.text[: start + len(attempt.steps[error.index])]
            yield Trajectory(
                record, attempt, final, error, prefix, final.text[len(head) :] if shares else final.text, shares
            )


def marker(found: Trajectory) -> str | None:
    """The turn of thought, by item and attempt; one that stands in neither text, so that each row has exactly one."""
    first = crc32(f"{found.record.external_id}/{found.attempt.number}".encode()) % len(MARKERS)
    order = (*MARKERS[first:], *MARKERS[:first])
    return next(
        (m for m in order if m not in found.prefix and m not in found.rest and m not in found.error.cause), None
    )


def text_of(found: Trajectory, transition: str) -> str:
    """Prefix, transition with what is wrong, and the rest."""
    said = f"{transition} {found.error.cause}".strip()
    return f"{found.prefix.rstrip()}\n\n{said}\n\n{found.rest.strip()}"
