"""Error-corrective trajectories, fix and continue (LEMMA, paper 5): up to the wrong step, one turn of thought, then on from there.

For attempts whose right text keeps the steps before the wrong one. The whole trajectory is learnt; the wrong step stands in it word for
word, and the end agrees with the reference where there is one. Unlike the paper people wrote the correction. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import prompt_messages, provenance, turn
from core.exporters.trajectories import Trajectory, marker, text_of, trajectories

KEEPS = True


def row(found: Trajectory, schema: int) -> dict[str, Any] | None:
    """The row of a trajectory; ``None`` where every transition stands in the text already."""
    if (transition := marker(found)) is None:
        return None
    outputs = [found.attempt.output_id, found.final.attempt.output_id]
    return {
        "messages": [*prompt_messages(found.record.question), turn("assistant", text_of(found, transition))],
        "transition": transition,
        "first_error_step": found.error.index + 1,
        "error_type": found.error.error_type,
        "corrigenda": provenance(found.record, schema, found.final.origin, outputs),
    }


@REGISTRY.register("fix_continue")
class FixContinueExporter(Format):
    name = "fix_continue"
    title = "Error-corrective trajectories: fix and continue"
    needs = (Need.ACCEPTED, Need.FIRST_WRONG)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for found in trajectories(iter(records), self.dropped):
            if found.shares is KEEPS and (made := row(found, self.schema_version)) is not None:
                yield made
