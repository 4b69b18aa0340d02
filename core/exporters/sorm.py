"""Stepwise outcome rows (GLoRe, paper 45): can the goal still be reached from this prefix? 1 where any continuation did.

A reachable prefix makes every shorter one reachable. Per length of prefix there are as many rows of one label as of the other, or one
more: rows wait for a partner, a thousand at most. Traces that ignore the prefix's results do not count. Schema 1.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from core.exporters.base import REGISTRY, ExportAttempt, ExportRecord, Format, Need
from core.exporters.chat import provenance
from core.exporters.stepwise import numbered
from core.lessons.prompt import question_text

MOST_WAITING = 1000
_RESULT = re.compile(r"=\s*[$€£]?\s*(-?\d+(?:[.,]\d+)*)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def uses(prefix: Iterable[str], continuation: str) -> bool:
    """Whether every result that the prefix works out and does not use itself appears in the continuation."""
    steps = list(prefix)
    said = set(_NUMBER.findall(continuation))
    for k, step in enumerate(steps):
        later = set(_NUMBER.findall(" ".join(steps[k + 1 :])))
        if any(result.lstrip("-") not in said | later for result in _RESULT.findall(step)[-1:]):
            return False
    return True


def reachable(attempt: ExportAttempt) -> list[dict[str, int]]:
    """``{k, n, n_success, label}`` per sampled prefix length, after consistency and propagation to shorter prefixes."""
    tried: dict[int, list[bool]] = defaultdict(list)
    for rollout in attempt.rollouts:
        if rollout.right is not None and rollout.prefix_steps <= len(attempt.steps):
            counted = rollout.right and uses(attempt.steps[: rollout.prefix_steps], rollout.text)
            tried[rollout.prefix_steps].append(counted)
    furthest = max((k for k, outcomes in tried.items() if any(outcomes)), default=-1)
    return [
        {"k": k, "n": len(tried[k]), "n_success": sum(tried[k]), "label": int(k <= furthest)} for k in sorted(tried)
    ]


@REGISTRY.register("sorm")
class SormExporter(Format):
    name = "sorm"
    title = "Reachability labels of prefixes (SORM)"
    needs = (Need.ROLLOUT,)
    local = False  # rows wait for others to keep a balance
    extras = frozenset({"rollouts", "others"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        waiting: dict[int, tuple[deque[dict[str, Any]], deque[dict[str, Any]]]] = {}
        for record in records:
            for attempt in (*record.attempts, *record.others):
                for found in reachable(attempt):
                    queues = waiting.setdefault(found["k"], (deque(maxlen=MOST_WAITING), deque(maxlen=MOST_WAITING)))
                    queues[found["label"]].append(self._row(record, attempt, found))
                    if queues[0] and queues[1]:
                        yield queues[1].popleft()
                        yield queues[0].popleft()
        for k in sorted(waiting):  # one row more of one label is still balanced
            rest = waiting[k][0] or waiting[k][1]
            if rest:
                yield rest.popleft()
            if rest:
                self.dropped[f"no partner of the other label among prefixes of {k} steps"] += len(rest)

    def _row(self, record: ExportRecord, attempt: ExportAttempt, found: dict[str, int]) -> dict[str, Any]:
        prefix = numbered(attempt.steps[: found["k"]])
        return {
            "prompt": question_text(record.question),
            "prefix": prefix,
            **found,
            "corrigenda": provenance(record, self.schema_version, "rollouts", [attempt.output_id]),
        }
