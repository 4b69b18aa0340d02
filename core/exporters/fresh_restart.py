"""Error-corrective trajectories, fresh and restart (LEMMA, paper 5): up to the wrong step, one turn of thought, then another way.

For attempts whose right text goes another way from the start: usually a second attempt that was accepted. Schema 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.fix_continue import row
from core.exporters.trajectories import trajectories


@REGISTRY.register("fresh_restart")
class FreshRestartExporter(Format):
    name = "fresh_restart"
    title = "Error-corrective trajectories: fresh start"
    needs = (Need.ACCEPTED, Need.FIRST_WRONG)

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for found in trajectories(iter(records), self.dropped):
            if not found.shares and (made := row(found, self.schema_version)) is not None:
                yield made
