"""Two-attempt groups (SCoRe, paper 15): first and second answer with their rewards, the shaped reward, and whether they are on policy.

The shaped second reward is r2 + 10 (r2 - r1). A row is on policy when the model itself wrote the first answer and the same version the
second; ``policy`` names another version to compare with. Pairs that hardly differ and pairs off policy are marked, not left out, as
imitating them makes a model stop correcting. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from core.edits import change
from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import prompt_messages, provenance, turn
from core.exporters.outcomes import outputs, right
from core.lessons.prompt import without_reason

ALPHA = 10
CUE = "There might be an error in the solution above. Please look at it again and give the whole solution."
LEAST_CHANGE = 0.05  # below, a pair teaches to repeat oneself


def shaped(first: bool, second: bool, alpha: float = ALPHA) -> float:
    """The reward of the second attempt: 11, 1, -10 and 0 for wrong-right, right-right, right-wrong and wrong-wrong."""
    return int(second) + alpha * (int(second) - int(first))


@REGISTRY.register("two_attempts")
class TwoAttemptsExporter(Format):
    name = "two_attempts"
    title = "Two-attempt groups (RL)"
    needs = (Need.RETRY, Need.OUTCOME)
    extras = frozenset({"others"})

    def __init__(self, policy: str | None = None) -> None:
        super().__init__()
        self.policy = policy

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            for first, second in pairs(record):
                r1, r2 = right(record, first), right(record, second)
                if r1 is None or r2 is None:
                    self.dropped["the outcome of an attempt is not known"] += 1
                    continue
                texts = without_reason(first.text), without_reason(second.text)
                ratio = round(change(*texts), 6)
                on_policy = first.origin == "generated" and first.model == (self.policy or second.model)
                yield {
                    "prompt": prompt_messages(record.question),
                    "first": [turn("assistant", texts[0])],
                    "cue": [turn("user", CUE)],
                    "second": [turn("assistant", texts[1])],
                    "r1": int(r1),
                    "r2": int(r2),
                    "shaped": float(shaped(r1, r2)),
                    "policy": first.model,
                    "on_policy": on_policy,
                    "edit_ratio": ratio,
                    "collapse": ratio < LEAST_CHANGE,
                    "corrigenda": provenance(
                        record, self.schema_version, "attempts", [first.output_id, second.output_id]
                    ),
                }


def pairs(record: ExportRecord) -> Iterator[tuple[ExportAttempt, ExportAttempt]]:
    """Each output with the one that it followed: its parent, or the attempt before it where none is noted."""
    known = outputs(record)
    by_id = {attempt.output_id: attempt for attempt in known}
    for place, second in enumerate(known):
        before = by_id.get(second.parent_id or 0)
        if before is None and second.parent_id is None and place and known[place - 1].number == second.number - 1:
            before = known[place - 1]
        if before is not None and before.text.strip() and second.text.strip():
            yield before, second
