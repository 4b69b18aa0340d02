"""Clean texts with errors as people had to put right, and the clean text (DARAG, paper 31): further pairs for a model that
corrects.

The confusion table is that of the rewrites that stand; where a project has active entities, of their pairs alone. Which spans
are harmed is drawn by a fixed seed, so that equal projects give equal rows. Schema 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from core import edits as E
from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import accepted, provenance, rewrite_of
from core.lessons.entities import from_lesson, replaced
from core.recipes.synthesise_errors import Synthesiser
from core.types import LessonKind

SEED = 0


@REGISTRY.register("synthetic_errors")
class SyntheticErrorsExporter(Format):
    name = "synthetic_errors"
    title = "Clean texts with errors put in (SFT)"
    needs = (Need.REWRITE,)
    local = False  # what one person corrected harms the texts of all
    extras = frozenset({"lessons"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        """All records are read first."""
        clean: list[tuple[str, dict[str, Any]]] = []
        fixed: Counter[tuple[str, str]] = Counter()
        active: set[tuple[str, str]] = set()
        for record in records:
            fixed.update(_fixed(record))
            active |= _entities(record)
            if (final := accepted(record)) is not None and final.text.strip():
                about = provenance(record, self.schema_version, "synthetic", [final.attempt.output_id])
                clean.append((final.text, about))
        table = {pair: n for pair, n in fixed.items() if not active or pair in active}
        synthesiser = Synthesiser(table, [text for text, _ in clean], seed=SEED)
        for text, about in clean:
            pair = synthesiser.perturb(text)
            if pair is None or pair.source == text:
                self.dropped["no part of it was ever put right"] += 1
                continue
            yield {
                "source": pair.source,
                "target": pair.target,
                "edits": E.to_pairs(pair.source, E.extract(pair.source, pair.target)),
                "errors": pair.errors,
                "seed": SEED,
                "corrigenda": about,
            }


def _fixed(record: ExportRecord) -> Iterable[tuple[str, str]]:
    for attempt in record.attempts:
        rewrite = rewrite_of(attempt)
        if rewrite is not None:
            yield from {(one.wrong, one.right) for one in replaced(attempt.text, rewrite)}


def _entities(record: ExportRecord) -> set[tuple[str, str]]:
    found = (from_lesson(one.text, {}) for one in record.lessons if one.kind is LessonKind.ENTITY)
    return {(one.wrong, one.right) for one in found if one is not None}
