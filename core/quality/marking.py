"""Rows of any format with what is known of them beside: the ``corrigenda`` column gets further keys, and trainers see no difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from core.exporters.base import Exporter, ExportRecord
from core.quality.gate import Mark


class Marked:
    """An exporter whose rows say what a gate found (``quality``) and what was left of labels without their drivers (``reward``).

    ``rewards`` are (raw, adjusted) by output; an output that is in none of them keeps the verdict that the row gives it. Keys and types
    are the same in every row, so that loaders infer one schema. ``admit`` changes what the format sees of a record, not what its rows
    carry for the way back.
    """

    def __init__(
        self,
        inner: Exporter,
        marks: Mapping[int, Mark] | None = None,
        rewards: Mapping[int, tuple[float, float]] | None = None,
        admit: Callable[[ExportRecord], ExportRecord] | None = None,
    ) -> None:
        self._inner, self._marks, self._rewards, self._admit = inner, marks, rewards, admit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def rows(self, records: Iterable[ExportRecord]) -> Iterator[dict[str, Any]]:
        return self._marked(self._inner.rows(self._admitted(records)))

    def each(self, records: Iterable[ExportRecord]) -> Iterator[dict[str, Any]]:
        return self._marked(self._inner.each(self._admitted(records)))

    def _admitted(self, records: Iterable[ExportRecord]) -> Iterable[ExportRecord]:
        return records if self._admit is None else map(self._admit, records)

    def _marked(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for row in rows:
            info = row.get("corrigenda")
            if isinstance(info, dict):
                row["corrigenda"] = {**info, **self._known(info)}
            yield row

    def _known(self, info: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._marks is not None and (mark := self._marks.get(info.get("item", 0))) is not None:
            found["quality"] = {"rank": mark.rank, "score": mark.score, "weight": mark.weight}
        if self._rewards is not None:
            pairs = [self._rewards.get(output) for output in info.get("outputs", ())]
            if pairs and None not in pairs:
                both = [pair for pair in pairs if pair is not None]
                found["reward"] = {"raw": [one for one, _ in both], "adjusted": [one for _, one in both]}
        return found
